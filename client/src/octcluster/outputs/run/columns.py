"""What is known of each image that was clustered, column by column, for tables that other programs read."""

from collections.abc import Sequence

from octcluster.outputs.scan_columns import list_scan_columns
from octcluster.workflows.outcome import RunOutcome


def list_columns(outcome: RunOutcome) -> dict[str, Sequence[object]]:
    """Lists columns of equal length, one value an image, in the order of ``assignments.csv``.

    Args:
        outcome: What the run found.

    Returns:
        ``image`` (path), ``image_key`` (64 hexadecimal digits), ``cluster`` (-1: noise), ``label``,
        ``patient``, ``silhouette`` (None where undefined), ``pca_x``, ``pca_y``, ``distance`` (to the
        cluster's mean; None for noise), if there are any ``umap_x`` and ``umap_y``, and the columns of
        ``list_scan_columns``.
    """
    assignments = outcome.assignments
    columns: dict[str, Sequence[object]] = {
        "image": [image.name for image in outcome.members],
        "image_key": [key.hex() for key in assignments.image_keys],
        "cluster": assignments.clusters,
        "label": [image.label for image in outcome.members],
        "patient": [image.patient for image in outcome.members],
        "silhouette": assignments.silhouettes,
        "pca_x": assignments.x,
        "pca_y": assignments.y,
        "distance": assignments.distances,
    }
    if assignments.umap_x:
        columns |= {"umap_x": assignments.umap_x, "umap_y": assignments.umap_y}
    return columns | list_scan_columns(outcome.members)
