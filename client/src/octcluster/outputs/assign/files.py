"""Writes the files of ``octcluster assign``."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from octcluster.outputs.assign.eyes import format_eyes
from octcluster.outputs.assign.placements import format_placements
from octcluster.outputs.assign.record import format_assign_record
from octcluster.outputs.assign.report import format_assign_report
from octcluster.outputs.assign.scores import format_placement_scores
from octcluster.outputs.atomic_files import replacing_files
from octcluster.outputs.failures import format_failures
from octcluster.outputs.pages import ReportOptions
from octcluster.outputs.warnings import format_warnings
from octcluster.workflows.outcome import AssignOutcome


def write_assign_files(
    outcome: AssignOutcome,
    folder: Path,
    arguments: Mapping[str, object],
    started: datetime,
    report: ReportOptions | None = None,
) -> None:
    """Writes all files; those of an earlier assignment are replaced, or removed if there is nothing to tell.

    ``assign.json`` comes last, so that a folder with a new one is complete.

    Args:
        outcome: What became of the images.
        folder: Where the files go; it must exist.
        arguments: Arguments of the command, for ``assign.json``.
        started: When the work began, with a time zone.
        report: What the report shows of the patients; None: nothing.

    Raises:
        OSError: A file cannot be written.
    """
    with replacing_files(folder, "assign.json") as write:
        write("assignments.csv", format_placements(outcome))
        write("eyes.csv", format_eyes(outcome))
        write("scores.json", format_placement_scores(outcome))
        write("failures.csv", format_failures(outcome.failures, outcome.mark))
        write("warnings.csv", format_warnings(outcome.pixels, outcome.mark))
        write("report.html", format_assign_report(outcome, started, report))
        write("assign.json", format_assign_record(outcome, arguments, started))
