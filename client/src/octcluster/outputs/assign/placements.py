"""assignments.csv of an assignment: where new images lie in the clusters of a finished run."""

from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.scan_columns import list_scan_columns
from octcluster.workflows.outcome import AssignOutcome

HEADER = ("image", "cluster", "label", "patient", "distance", "margin", "outlier")


def format_placements(outcome: AssignOutcome) -> bytes:
    """Formats one row an image that was assigned, sorted by path; outlier is 1 or 0.

    Behind the columns of HEADER come those of ``list_scan_columns``.
    """
    found, more = outcome.placements, list_scan_columns(outcome.members)
    columns = zip(
        outcome.members,
        found.clusters,
        found.distances,
        found.margins,
        found.outliers,
        *more.values(),
        strict=True,
    )
    rows = (
        (
            image.name,
            cluster,
            image.label,
            image.patient,
            f"{distance:.6f}",
            f"{margin:.6f}",
            int(outlier),
            *rest,
        )
        for image, cluster, distance, margin, outlier, *rest in columns
    )
    return format_table((*HEADER, *more), rows)
