"""failures.csv: the images that have no vector, and why."""

from collections.abc import Iterable

from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import Failure


def format_failures(failures: Iterable[Failure]) -> bytes:
    """Formats one row an image that failed, in their order."""
    return format_table(("image", "reason"), ((f.image.name, f.reason) for f in failures))
