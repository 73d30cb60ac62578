"""assignments.csv: the cluster of each image, or of each image by itself and of its eye."""

from collections.abc import Iterator, Sequence
from itertools import repeat

from octcluster.outputs.csv_tables import stream_table
from octcluster.outputs.run.columns import list_eye_columns
from octcluster.outputs.scan_columns import list_scan_columns
from octcluster.workflows.outcome import RunOutcome

HEADER = ("image", "cluster", "label", "patient", "silhouette")


def format_assignments(outcome: RunOutcome) -> Iterator[bytes]:
    """Formats, in pieces, one row an image that was clustered, sorted by path; noise is cluster -1.

    Behind the columns of HEADER come those of ``list_eye_columns`` and ``list_scan_columns``, and the id of
    the result. Where eyes were clustered, images have no silhouettes.
    """
    members, eyes = outcome.members, outcome.eyes
    clusters = outcome.assignments.clusters if eyes is None else eyes.scan_clusters
    silhouettes = outcome.assignments.silhouettes if eyes is None else repeat(None, len(members))
    columns: dict[str, Sequence[object]] = {**list_eye_columns(outcome), **list_scan_columns(members)}
    rows = (
        (image.name, cluster, image.label, image.patient, format_silhouette(silhouette), *more)
        for image, cluster, silhouette, *more in zip(
            members, clusters, silhouettes, *columns.values(), strict=True
        )
    )
    return stream_table((*HEADER, *columns), rows, outcome.mark)


def format_silhouette(silhouette: float | None) -> str | None:
    """A silhouette with six decimals; None where undefined."""
    if silhouette is None:
        return None
    return f"{round(silhouette, 6) + 0.0:.6f}"  # Adding 0.0 turns -0.0 into 0.0.
