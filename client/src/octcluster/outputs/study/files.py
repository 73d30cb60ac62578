"""Writes the files of ``octcluster study``."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from octcluster.outputs.atomic_files import replacing_files
from octcluster.outputs.failures import format_failures
from octcluster.outputs.study.page import format_study_page
from octcluster.outputs.study.record import format_study_record
from octcluster.outputs.study.table import format_study_table
from octcluster.outputs.warnings import format_warnings
from octcluster.workflows.study import StudyOutcome


def write_study_files(
    outcome: StudyOutcome, folder: Path, arguments: Mapping[str, object], started: datetime
) -> None:
    """Writes what a study has found so far; what an earlier study left is replaced.

    ``study.json`` comes last. ``report.html`` is written once the study is complete.

    Args:
        outcome: What the study found, as far as it is.
        folder: Where the files go; it must exist.
        arguments: Arguments of the command, for ``study.json``.
        started: When the study began, with a time zone.

    Raises:
        OSError: A file cannot be written.
    """
    with replacing_files(folder, "study.json") as write:
        write("study.toml", outcome.matrix.text.encode())
        write("study.csv", format_study_table(outcome))
        write("failures.csv", format_failures(outcome.failures))
        write("warnings.csv", format_warnings(outcome.pixels))
        if outcome.complete:
            write("report.html", format_study_page(outcome, started))
        write("study.json", format_study_record(outcome, arguments, started))
