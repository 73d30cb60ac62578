"""What is known of each image that was clustered, column by column, for tables that other programs read."""

from collections.abc import Sequence

from octcluster.outputs.scan_columns import list_scan_columns
from octcluster.workflows.outcome import RunOutcome


def list_columns(
    outcome: RunOutcome, rows: range | None = None, scan_columns: Sequence[str] | None = None
) -> dict[str, Sequence[object]]:
    """Lists columns of equal length, one value an image, in the order of ``assignments.csv``.

    Args:
        outcome: What the run found.
        rows: Which rows, one after the other; None: all.
        scan_columns: See list_scan_columns; to be given with some rows.

    Returns:
        ``image`` (path), ``image_key`` (64 hexadecimal digits), ``cluster`` (-1: noise), ``label``,
        ``patient``, ``silhouette`` (None where undefined), ``pca_x``, ``pca_y``, ``distance`` (to the
        cluster's mean; None for noise), if there are any ``umap_x`` and ``umap_y``, and the columns of
        ``list_eye_columns`` and ``list_scan_columns``. Where eyes were clustered, ``cluster`` is that of the
        image by itself, and silhouettes, places and distances are those of its eye.
    """
    rows = range(len(outcome.members)) if rows is None else rows
    assignments, eyes = outcome.assignments, outcome.eyes
    units: Sequence[int] = rows if eyes is None else eyes.eye_of[rows.start : rows.stop]
    members = outcome.members[rows.start : rows.stop]
    clusters = assignments.clusters if eyes is None else eyes.scan_clusters
    columns: dict[str, Sequence[object]] = {
        "image": [image.name for image in members],
        "image_key": [key.hex() for key in outcome.image_keys[rows.start : rows.stop]],
        "cluster": clusters[rows.start : rows.stop],
        "label": [image.label for image in members],
        "patient": [image.patient for image in members],
    }
    of_units: dict[str, Sequence[object]] = {
        "silhouette": assignments.silhouettes,
        "pca_x": assignments.x,
        "pca_y": assignments.y,
        "distance": assignments.distances,
    }
    if assignments.umap_x:
        of_units |= {"umap_x": assignments.umap_x, "umap_y": assignments.umap_y}
    columns |= {name: [values[unit] for unit in units] for name, values in of_units.items()}
    of_eyes = {name: values[rows.start : rows.stop] for name, values in list_eye_columns(outcome).items()}
    return columns | of_eyes | list_scan_columns(members, scan_columns)


def list_eye_columns(outcome: RunOutcome) -> dict[str, list[int]]:
    """Lists ``eye_cluster`` and ``eye_row`` of each image, if eyes were clustered.

    Returns:
        Values by name of the column, in the order of the images: the cluster of the image's eye, and the
        eye's row of eyes.csv, from 1.
    """
    if outcome.eyes is None:
        return {}
    eye_of = outcome.eyes.eye_of
    return {
        "eye_cluster": [outcome.assignments.clusters[eye] for eye in eye_of],
        "eye_row": [eye + 1 for eye in eye_of],
    }
