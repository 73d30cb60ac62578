"""assignments.csv of an assignment: where new images lie in the clusters of a finished run."""

from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.scan_columns import list_scan_columns
from octcluster.workflows.outcome import AssignOutcome

HEADER = ("image", "cluster", "label", "patient", "distance", "percentile", "margin", "outlier", "seen")


def format_placements(outcome: AssignOutcome) -> bytes:
    """Formats one row an image that was assigned, sorted by path; outlier is 1 or 0.

    Behind the columns of HEADER come those of ``list_scan_columns``.
    """
    found, more = outcome.placements, list_scan_columns(outcome.members)
    rows = (
        (
            image.name,
            found.clusters[row],
            image.label,
            image.patient,
            f"{found.distances[row]:.6f}",
            found.percentiles[row],
            f"{found.margins[row]:.6f}",
            int(found.outliers[row]),
            outcome.seen[row].value,
            *(values[row] for values in more.values()),
        )
        for row, image in enumerate(outcome.members)
    )
    return format_table((*HEADER, *more), rows)
