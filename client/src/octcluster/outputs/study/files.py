"""Writes the files of ``octcluster study``."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from octcluster.outputs.atomic_files import write_file, write_or_remove
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
    write_file(folder / "study.toml", outcome.matrix.text.encode())
    write_file(folder / "study.csv", format_study_table(outcome))
    write_or_remove(folder / "failures.csv", format_failures(outcome.failures))
    write_or_remove(folder / "warnings.csv", format_warnings(outcome.pixels))
    if outcome.complete:
        write_file(folder / "report.html", format_study_page(outcome, started))
    write_file(folder / "study.json", format_study_record(outcome, arguments, started))
