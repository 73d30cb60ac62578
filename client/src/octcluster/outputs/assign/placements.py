"""assignments.csv of an assignment: where new images lie in the clusters of a finished run."""

from collections.abc import Sequence

from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.scan_columns import list_scan_columns
from octcluster.workflows.outcome import AssignOutcome


def list_placement_columns(outcome: AssignOutcome) -> dict[str, Sequence[object]]:
    """Lists columns of equal length, one value an image that was assigned, sorted by path.

    Args:
        outcome: What became of the images.

    Returns:
        ``image`` (path), ``cluster``, ``label``, ``patient``, ``distance``, ``percentile``, ``margin``,
        ``outlier`` (1 or 0; None with the percentile), ``seen`` (see ``Seen``), and the columns of
        ``list_scan_columns``.
    """
    found = outcome.placements
    columns: dict[str, Sequence[object]] = {
        "image": [image.name for image in outcome.members],
        "cluster": found.clusters,
        "label": [image.label for image in outcome.members],
        "patient": [image.patient for image in outcome.members],
        "distance": found.distances,
        "percentile": outcome.percentiles,
        "margin": found.margins,
        "outlier": [None if flag is None else int(flag) for flag in outcome.outliers],
        "seen": [seen.value for seen in outcome.seen],
    }
    return columns | list_scan_columns(outcome.members)


def format_placements(outcome: AssignOutcome) -> bytes:
    """Formats the columns of ``list_placement_columns``, and the id of the run that was followed."""
    columns = list_placement_columns(outcome)
    rows = zip(*columns.values(), strict=True)
    return format_table(list(columns), ([_format(cell) for cell in row] for row in rows), outcome.mark)


def _format(cell: object) -> object:
    return f"{cell:.6f}" if isinstance(cell, float) else cell
