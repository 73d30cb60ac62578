"""failures.csv: the images that cannot be used, and why."""

from collections.abc import Sequence
from pathlib import Path

from octcluster.outputs.atomic_files import replacing_files
from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import Failure, Mark

_HEADER = ("image", "reason")


def format_failures(failures: Sequence[Failure], mark: Mark | None = None) -> bytes | None:
    """Formats one row an image that failed, in their order; None if none did. The mark is a last column."""
    if not failures:
        return None
    return format_table(_HEADER, ((f.image.name, f.reason) for f in failures), mark)


def write_failures(file: Path, failures: Sequence[tuple[str, str]]) -> None:
    """Writes names and reasons into a file of that name, also if there are none; its folder must exist."""
    with replacing_files(file.parent, file.name) as write:
        write(file.name, format_table(_HEADER, failures))
