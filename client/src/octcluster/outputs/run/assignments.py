"""assignments.csv: the cluster of each image."""

from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.scan_columns import list_scan_columns
from octcluster.workflows.outcome import RunOutcome

HEADER = ("image", "cluster", "label", "patient", "silhouette")


def format_assignments(outcome: RunOutcome) -> bytes:
    """Formats one row an image that was clustered, sorted by path; the cluster of noise is -1.

    Behind the columns of HEADER come those of ``list_scan_columns``.
    """
    members, assignments = outcome.members, outcome.assignments
    columns = list_scan_columns(members)
    rows = (
        (image.name, cluster, image.label, image.patient, _format_silhouette(silhouette), *more)
        for image, cluster, silhouette, *more in zip(
            members, assignments.clusters, assignments.silhouettes, *columns.values(), strict=True
        )
    )
    return format_table((*HEADER, *columns), rows)


def _format_silhouette(silhouette: float | None) -> str | None:
    if silhouette is None:
        return None
    return f"{round(silhouette, 6) + 0.0:.6f}"  # Adding 0.0 turns -0.0 into 0.0.
