"""assignments.csv of an assignment: where new images lie in the clusters of a finished run."""

from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import AssignOutcome

HEADER = ("image", "cluster", "label", "patient", "distance", "margin", "outlier")


def format_placements(outcome: AssignOutcome) -> bytes:
    """Formats one row an image that was assigned, sorted by path; outlier is 1 or 0."""
    found = outcome.placements
    columns = zip(
        outcome.members, found.clusters, found.distances, found.margins, found.outliers, strict=True
    )
    rows = (
        (image.name, cluster, image.label, image.patient, f"{distance:.6f}", f"{margin:.6f}", int(outlier))
        for image, cluster, distance, margin, outlier in columns
    )
    return format_table(HEADER, rows)
