"""failures.csv: the images that have no vector, and why."""

from octcluster.outputs.tables import format_table
from octcluster.workflows.outcome import RunOutcome


def format_failures(outcome: RunOutcome) -> bytes:
    """Formats one row an image that failed, sorted by path."""
    return format_table(("image", "reason"), ((f.image.name, f.reason) for f in outcome.failures))
