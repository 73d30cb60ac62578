"""The scatter of the report: a point an image, by its first two principal coordinates."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from octcluster.outputs.figures import COLOURS, NEUTRAL_COLOUR, UNKNOWN, plot_text
from octcluster.outputs.words import NOISE, name_cluster
from octcluster.workflows.outcome import RunOutcome

MAX_POINTS = 20_000
MAX_SVG_POINTS = 3_000


@dataclass(frozen=True)
class Scatter:
    """The points of the scatter.

    Attributes:
        data: Columns for the page's script: coordinates, silhouettes, names and categories.
        by_class: Whether points have classes to be coloured by.
        use_webgl: Whether there are too many points for SVG; WebGL is used then if the browser has it.
        shown: Number of points.
        total: Number of images, of which the points are a random sample if there are more than MAX_POINTS.
        rows: Name, number of images and mean coordinates of each cluster.
    """

    data: dict[str, object]
    by_class: bool
    use_webgl: bool
    shown: int
    total: int
    rows: Sequence[Sequence[str]]


def build_scatter(outcome: RunOutcome) -> Scatter:
    """Builds the points; an image is called by its row in assignments.csv, never by its name."""
    total = len(outcome.members)
    rows: Sequence[int] = range(total)
    if total > MAX_POINTS:
        rows = sorted(random.Random(0).sample(rows, MAX_POINTS))  # noqa: S311
    use_webgl = len(rows) > MAX_SVG_POINTS
    assignments = outcome.assignments
    clusters = sorted(set(assignments.clusters) - {NOISE}) + [NOISE] * (NOISE in assignments.clusters)
    classes = outcome.image_set.classes
    class_positions = {name: position for position, name in enumerate(classes)}
    cluster_positions = {cluster: position for position, cluster in enumerate(clusters)}
    data: dict[str, object] = {
        "x": [float(f"{assignments.x[row]:.4g}") for row in rows],
        "y": [float(f"{assignments.y[row]:.4g}") for row in rows],
        "image": [row + 1 for row in rows],
        "silhouette": [None if (s := assignments.silhouettes[row]) is None else round(s, 3) for row in rows],
        "cluster": [cluster_positions[assignments.clusters[row]] for row in rows],
        "clusterNames": [name_cluster(cluster) for cluster in clusters],
        "neutralCluster": cluster_positions.get(NOISE),
        "class": [class_positions.get(outcome.members[row].label or "", len(classes)) for row in rows],
        "classNames": [*map(plot_text, classes), UNKNOWN],
        "neutralClass": len(classes),
        "colours": COLOURS,
        "neutralColour": NEUTRAL_COLOUR,
        "useWebGl": use_webgl,
    }
    return Scatter(
        data,
        bool(classes),
        use_webgl,
        len(rows),
        total,
        [_describe(outcome, cluster) for cluster in clusters],
    )


def _describe(outcome: RunOutcome, cluster: int) -> list[str]:
    rows = [row for row, each in enumerate(outcome.assignments.clusters) if each == cluster]
    axes = (outcome.assignments.x, outcome.assignments.y)
    means = (sum(axis[row] for row in rows) / len(rows) for axis in axes)
    return [name_cluster(cluster), f"{len(rows):,}", *(f"{mean:.3g}" for mean in means)]
