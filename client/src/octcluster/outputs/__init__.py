"""The files that jobs leave, one module a file; all are written atomically."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from octcluster.outputs.assign.placements import (
    format_assign_record,
    format_placement_scores,
    format_placements,
)
from octcluster.outputs.atomic_files import remove_file, write_file
from octcluster.outputs.failures import format_failures
from octcluster.outputs.run.assignments import format_assignments
from octcluster.outputs.run.duplicates import format_duplicates
from octcluster.outputs.run.parquet import format_parquet
from octcluster.outputs.run.record import format_run_record
from octcluster.outputs.run.report import ReportOptions, format_report
from octcluster.outputs.run.scores import format_scores
from octcluster.outputs.study.page import format_study_page
from octcluster.outputs.study.tables import format_study_record, format_study_table
from octcluster.workflows.outcome import AssignOutcome, Failure, RunOutcome
from octcluster.workflows.study import StudyOutcome


def write_outputs(
    outcome: RunOutcome,
    folder: Path,
    arguments: Mapping[str, object],
    started: datetime,
    report: ReportOptions | None = None,
) -> None:
    """Writes all output files of a run; those of an earlier run are replaced.

    ``failures.csv`` is written only if an image failed, ``duplicates.csv`` only if images are nearly the
    same; those of an earlier run are removed. ``run.json`` comes last, so that a folder whose ``run.json``
    names this run is complete.

    Args:
        outcome: What the run found.
        folder: Where the files go; it must exist.
        arguments: Arguments of the run, for ``run.json``.
        started: When the run began, with a time zone.
        report: What the report shows of the patients; None: nothing.

    Raises:
        OSError: A file cannot be written.
    """
    write_file(folder / "assignments.csv", format_assignments(outcome))
    write_file(folder / "assignments.parquet", format_parquet(outcome))
    write_file(folder / "scores.json", format_scores(outcome))
    _write_failures(outcome.failures, folder)
    duplicates = outcome.result.duplicates
    if duplicates is not None and duplicates.pairs:
        write_file(folder / "duplicates.csv", format_duplicates(outcome, duplicates))
    else:
        remove_file(folder / "duplicates.csv")
    write_file(folder / "report.html", format_report(outcome, started, report))
    write_file(folder / "run.json", format_run_record(outcome, arguments, started))


def write_assign_outputs(
    outcome: AssignOutcome, folder: Path, arguments: Mapping[str, object], started: datetime
) -> None:
    """Writes all output files of an assignment; see write_outputs. ``assign.json`` comes last."""
    write_file(folder / "assignments.csv", format_placements(outcome))
    write_file(folder / "scores.json", format_placement_scores(outcome))
    _write_failures(outcome.failures, folder)
    write_file(folder / "assign.json", format_assign_record(outcome, arguments, started))


def write_study_outputs(
    outcome: StudyOutcome, folder: Path, arguments: Mapping[str, object], started: datetime
) -> None:
    """Writes what a study has found so far; see write_outputs. ``study.json`` comes last.

    ``report.html`` is written once the study is complete.
    """
    write_file(folder / "study.toml", outcome.matrix.text.encode())
    write_file(folder / "study.csv", format_study_table(outcome))
    _write_failures(outcome.failures, folder)
    if outcome.complete:
        write_file(folder / "report.html", format_study_page(outcome, started))
    write_file(folder / "study.json", format_study_record(outcome, arguments, started))


def _write_failures(failures: Sequence[Failure], folder: Path) -> None:
    if failures:
        write_file(folder / "failures.csv", format_failures(failures))
    else:
        remove_file(folder / "failures.csv")
