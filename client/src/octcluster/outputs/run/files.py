"""Writes the files of ``octcluster run``."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from octcluster.outputs.atomic_files import replacing_files
from octcluster.outputs.failures import format_failures
from octcluster.outputs.pages import ReportOptions
from octcluster.outputs.run.assignments import format_assignments
from octcluster.outputs.run.duplicates import format_duplicates
from octcluster.outputs.run.eyes import format_eyes
from octcluster.outputs.run.model import format_model
from octcluster.outputs.run.parquet import format_parquet
from octcluster.outputs.run.record import format_run_record
from octcluster.outputs.run.report import format_report
from octcluster.outputs.run.scores import format_scores
from octcluster.outputs.warnings import format_warnings
from octcluster.workflows.cluster_names import read_cluster_names
from octcluster.workflows.model_file import FILE_NAME
from octcluster.workflows.outcome import RunOutcome


def write_run_files(
    outcome: RunOutcome,
    folder: Path,
    arguments: Mapping[str, object],
    started: datetime,
    report: ReportOptions | None = None,
) -> None:
    """Writes all files; those of an earlier run are replaced, or removed if there is nothing to tell.

    ``run.json`` comes last, so that a folder whose ``run.json`` names this run is complete.

    Args:
        outcome: What the run found.
        folder: Where the files go; it must exist.
        arguments: Arguments of the run, for ``run.json``.
        started: When the run began, with a time zone.
        report: What the report shows of the patients; None: nothing.

    Raises:
        OSError: A file cannot be written.
    """
    named = read_cluster_names(folder, outcome.result_id)
    report = replace(report or ReportOptions(), cluster_names=named)
    with replacing_files(folder, "run.json") as write:
        write("assignments.csv", format_assignments(outcome))
        write("assignments.parquet", format_parquet(outcome))
        write("eyes.csv", format_eyes(outcome))
        write("scores.json", format_scores(outcome))
        write("failures.csv", format_failures(outcome.failures, outcome.mark))
        write("warnings.csv", format_warnings(outcome.pixels, outcome.mark))
        write("duplicates.csv", format_duplicates(outcome))
        model = format_model(outcome, started)
        write(FILE_NAME, model)
        write("report.html", format_report(outcome, started, report))
        write("run.json", format_run_record(outcome, arguments, started, model))
