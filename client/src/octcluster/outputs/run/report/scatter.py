"""The scatter of the report: a point an image, by two principal coordinates or by UMAP."""

import base64
import random
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from octcluster.outputs.pages import Table, class_colour, cluster_colour, plot_text
from octcluster.outputs.pages.image_names import ImageNames
from octcluster.outputs.wording.words import NOISE, name_cluster
from octcluster.workflows.outcome import RunOutcome

MAX_POINTS = 200_000
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Scatter:
    """The points of the scatter.

    Attributes:
        data: Columns for the page's script: coordinates, silhouettes, names and categories.
        by_class: Whether points have classes to be coloured by.
        views: Names of the ways to lay the points out.
        shown: Number of points.
        total: Number of images, of which the points are a random sample if there are more than MAX_POINTS.
        laid_out: Size of the random sample that UMAP laid out, where all others were placed by their
            neighbours in it; None: UMAP laid out all, or there is no such view.
        centres: Name, number of images and mean coordinates of each cluster.
    """

    data: dict[str, object]
    by_class: bool
    views: Sequence[str]
    shown: int
    total: int
    laid_out: int | None
    centres: Table


def build_scatter(outcome: RunOutcome, names: ImageNames) -> Scatter:
    """Builds the points; columns are base64 of little-endian numbers: many points stay a small file."""
    total = len(outcome.units)
    rows: Sequence[int] = range(total)
    if total > MAX_POINTS:
        rows = sorted(random.Random(0).sample(rows, MAX_POINTS))  # noqa: S311
    assignments, classes = outcome.assignments, outcome.image_set.classes
    clusters = sorted(set(assignments.clusters) - {NOISE}) + [NOISE] * (NOISE in assignments.clusters)
    class_positions = {name: position for position, name in enumerate(classes)}
    cluster_positions = {cluster: position for position, cluster in enumerate(clusters)}
    silhouettes = (assignments.silhouettes[row] for row in rows)
    views = _list_views(outcome)
    data: dict[str, object] = {
        "views": [
            {
                "name": name,
                "axes": axes,
                "x": _pack("f", (x[row] for row in rows)),
                "y": _pack("f", (y[row] for row in rows)),
            }
            for name, axes, x, y in views
        ],
        "unit": outcome.unit,
        "image": _pack("i", (row + 1 for row in rows)),
        "names": [names.show(row) for row in rows] if names.identified else None,
        "silhouette": _pack("f", (float("nan") if value is None else value for value in silhouettes)),
        "cluster": _pack("h", (cluster_positions[assignments.clusters[row]] for row in rows)),
        "clusters": [_describe_category(name_cluster(each), cluster_colour(each), each) for each in clusters],
        "class": _pack(
            "h", (class_positions.get(outcome.units[row].label or "", len(classes)) for row in rows)
        ),
        "classes": [
            *(_describe_category(name, class_colour(index), index) for index, name in enumerate(classes)),
            _describe_category(UNKNOWN, cluster_colour(NOISE), NOISE),
        ],
        "matches": list(outcome.class_of_cluster.items()),
    }
    return Scatter(
        data,
        bool(classes),
        [name for name, *_ in views],
        len(rows),
        total,
        outcome.result.umap_sampled_units,
        _tabulate_centres(outcome, clusters),
    )


def _list_views(
    outcome: RunOutcome,
) -> list[tuple[str, tuple[str, str], Sequence[float], Sequence[float]]]:
    found = outcome.assignments
    axes = ("first principal coordinate", "second principal coordinate")
    views = [("principal coordinates", axes, found.x, found.y)]
    if found.umap_x:
        views.append(
            ("UMAP", ("first UMAP coordinate", "second UMAP coordinate"), found.umap_x, found.umap_y)
        )
    return views


def _pack(code: str, values: Iterable[Any]) -> dict[str, str]:
    """A column for the page's script: little-endian numbers of one type."""
    column = array(code, values)
    if sys.byteorder == "big":
        column.byteswap()
    return {"type": code, "base64": base64.b64encode(column.tobytes()).decode()}


def _describe_category(name: str, colour: str, index: int) -> dict[str, object]:
    return {"name": plot_text(name), "colour": colour.removeprefix("@"), "index": index}


def _tabulate_centres(outcome: RunOutcome, clusters: Sequence[int]) -> Table:
    rows = {cluster: array("i") for cluster in clusters}
    for row, cluster in enumerate(outcome.assignments.clusters):
        rows[cluster].append(row)
    axes = (outcome.assignments.x, outcome.assignments.y)
    return Table(
        "centres",
        "Centre of each cluster in the scatter",
        ["cluster", "images", "first coordinate", "second coordinate"],
        [
            [name_cluster(cluster), len(own), *(sum(axis[row] for row in own) / len(own) for axis in axes)]
            for cluster, own in rows.items()
        ],
        collapsed=True,
    )
