"""failures.csv: the images that cannot be used, and why."""

from collections.abc import Sequence

from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import Failure, Mark


def format_failures(failures: Sequence[Failure], mark: Mark | None = None) -> bytes | None:
    """Formats one row an image that failed, in their order; None if none did. The mark is a last column."""
    if not failures:
        return None
    return format_table(("image", "reason"), ((f.image.name, f.reason) for f in failures), mark)
