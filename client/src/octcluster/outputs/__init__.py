"""The files that a run leaves, one module a file; all are written atomically."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from octcluster.outputs.assignments import format_assignments
from octcluster.outputs.atomic_files import remove_file, write_file
from octcluster.outputs.duplicates import format_duplicates
from octcluster.outputs.failures import format_failures
from octcluster.outputs.report import format_report
from octcluster.outputs.run_record import format_run_record
from octcluster.outputs.scores import format_scores
from octcluster.workflows.outcome import RunOutcome


def write_outputs(
    outcome: RunOutcome, folder: Path, arguments: Mapping[str, object], started: datetime
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

    Raises:
        OSError: A file cannot be written.
    """
    write_file(folder / "assignments.csv", format_assignments(outcome))
    write_file(folder / "scores.json", format_scores(outcome))
    if outcome.failures:
        write_file(folder / "failures.csv", format_failures(outcome))
    else:
        remove_file(folder / "failures.csv")
    duplicates = outcome.result.duplicates
    if duplicates is not None and duplicates.pairs:
        write_file(folder / "duplicates.csv", format_duplicates(outcome, duplicates))
    else:
        remove_file(folder / "duplicates.csv")
    write_file(folder / "report.html", format_report(outcome, started))
    write_file(folder / "run.json", format_run_record(outcome, arguments, started))
