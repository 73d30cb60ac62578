"""assignments.csv: the cluster of each image."""

from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import RunOutcome

HEADER = ("image", "cluster", "label", "patient", "silhouette")


def format_assignments(outcome: RunOutcome) -> bytes:
    """Formats one row an image that was clustered, sorted by path; the cluster of noise is -1."""
    rows = (
        (image.name, cluster, image.label, image.patient, _format_silhouette(silhouette))
        for image, cluster, silhouette in zip(
            outcome.members, outcome.assignments.clusters, outcome.assignments.silhouettes, strict=True
        )
    )
    return format_table(HEADER, rows)


def _format_silhouette(silhouette: float | None) -> str | None:
    if silhouette is None:
        return None
    return f"{round(silhouette, 6) + 0.0:.6f}"  # Adding 0.0 turns -0.0 into 0.0.
