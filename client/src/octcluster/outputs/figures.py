"""The plots of the report as Plotly figures in plain JSON values; the page colours their text and lines."""

import html
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from octcluster.outputs.words import NOISE, format_score, name_algorithm, name_cluster, show_text
from octcluster.results import ClusteringResult, RunResult
from octcluster.workflows.outcome import RunOutcome

# Okabe and Ito's colours, told apart with every kind of colour blindness, but black, which dark mode hides.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
NEUTRAL_COLOUR = "#8a8a8a"
VARIANCE_SHARES = (0.90, 0.95, 0.99)
UNKNOWN = "unknown"
MAX_PLOTTED_NAME = 24


@dataclass(frozen=True)
class Figure:
    """One plot with the same content as text and as a table.

    Attributes:
        identifier: Identifier of its element in the page.
        title: Heading.
        description: What it shows, for people who cannot see it and for those who can.
        traces: Plotly traces.
        layout: Plotly layout.
        header: Column names of the table.
        rows: The table's rows; the first cell names the row.
    """

    identifier: str
    title: str
    description: str
    traces: list[dict[str, object]]
    layout: dict[str, object]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def build_figures(outcome: RunOutcome) -> list[Figure]:
    """Builds all plots but the scatter, in the order of the report; those without data are left out."""
    chosen = outcome.result.results[outcome.result.chosen]
    figures = [
        _plot_contingency(chosen, outcome.image_set.classes),
        _plot_cluster_sizes(chosen, outcome.image_set.classes),
        _plot_silhouettes(outcome),
        _plot_silhouette_by_k(outcome.result),
        _plot_variance(outcome.result),
    ]
    return [figure for figure in figures if figure is not None]


def plot_text(text: str) -> str:
    """Text from outside for a plot: short, and with no meaning as Plotly's markup."""
    shown = show_text(text)
    if len(shown) > MAX_PLOTTED_NAME:
        shown = shown[: MAX_PLOTTED_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return html.escape(shown, quote=False)


def choose_colour(index: int) -> str:
    """The colour of the category with this index."""
    return COLOURS[index % len(COLOURS)]


def _plot_contingency(result: ClusteringResult, classes: Sequence[str]) -> Figure | None:
    table = result.contingency
    if table is None:
        return None
    names = [classes[index] for index in table.class_indices]
    clusters = [name_cluster(cluster) for cluster in table.clusters]
    shares = [[count / max(sum(row), 1) for count in row] for row in table.counts]
    trace: dict[str, object] = {
        "type": "heatmap",
        "x": clusters,
        "y": [plot_text(name) for name in names],
        "z": shares,
        "text": [[f"{count:,}" for count in row] for row in table.counts],
        "texttemplate": "%{text}",
        "hovertemplate": "%{y}, %{x}: %{text} images, %{z:.1%} of the class<extra></extra>",
        "colorscale": [[0, "#f2f6fa"], [1, "#5fa3d9"]],
        "textfont": {"color": "#111111", "size": 14},
        "zmin": 0,
        "zmax": 1,
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
    }
    layout: dict[str, object] = {
        "showlegend": False,
        "xaxis": {"showgrid": False},
        "yaxis": {"showgrid": False, "autorange": "reversed"},
    }
    rows = [
        [show_text(name), *(f"{count:,}" for count in row), f"{sum(row):,}"]
        for name, row in zip(names, table.counts, strict=True)
    ]
    columns = zip(*table.counts, strict=True)
    total = [sum(column) for column in columns]
    rows.append(["all", *(f"{count:,}" for count in total), f"{sum(total):,}"])
    return Figure(
        "contingency",
        "Classes and clusters",
        "Number of images of each known class (rows) in each cluster (columns). A good clustering has one "
        "large number in each row and in each column; darker is a larger share of the class.",
        [trace],
        layout,
        ["class", *clusters, "all"],
        rows,
    )


def _plot_cluster_sizes(result: ClusteringResult, classes: Sequence[str]) -> Figure:
    sizes = dict(enumerate(result.cluster_sizes))
    if result.noise:
        sizes[NOISE] = result.noise
    clusters = [name_cluster(cluster) for cluster in sizes]
    parts = _split_by_class(result, classes, sizes)
    traces: list[dict[str, object]] = [
        {
            "type": "bar",
            "name": plot_text(name),
            "x": clusters,
            "y": counts,
            "marker": {"color": NEUTRAL_COLOUR if name == UNKNOWN else choose_colour(index)},
            "hovertemplate": "%{x}: %{y} images<extra>"
            + plot_text(name).replace("%", "%\u200b")
            + "</extra>",
        }
        for index, (name, counts) in enumerate(parts.items())
    ]
    return Figure(
        "sizes",
        "Cluster sizes",
        "Number of images in each cluster" + (", by known class." if len(parts) > 1 else "."),
        traces,
        {"barmode": "stack", "yaxis": {"title": {"text": "images"}}, "showlegend": len(parts) > 1},
        ["cluster", *(show_text(name) for name in parts), "all"],
        [
            [name_cluster(cluster), *(f"{counts[row]:,}" for counts in parts.values()), f"{size:,}"]
            for row, (cluster, size) in enumerate(sizes.items())
        ],
    )


def _split_by_class(
    result: ClusteringResult, classes: Sequence[str], sizes: dict[int, int]
) -> dict[str, list[int]]:
    """Number of images by class name, in the order of the clusters; those of no known class come last."""
    if result.contingency is None:
        return {"images": list(sizes.values())}
    table = result.contingency
    columns = {cluster: column for column, cluster in enumerate(table.clusters)}
    parts = {
        classes[index]: [row[columns[cluster]] if cluster in columns else 0 for cluster in sizes]
        for index, row in zip(table.class_indices, table.counts, strict=True)
    }
    known = [sum(counts) for counts in zip(*parts.values(), strict=True)]
    unknown = [size - count for size, count in zip(sizes.values(), known, strict=True)]
    return parts | {UNKNOWN: unknown} if any(unknown) else parts


def _plot_silhouettes(outcome: RunOutcome) -> Figure | None:
    by_cluster: dict[int, list[float]] = {}
    pairs = zip(outcome.assignments.clusters, outcome.assignments.silhouettes, strict=True)
    for cluster, silhouette in pairs:
        if silhouette is not None and cluster != NOISE:
            by_cluster.setdefault(cluster, []).append(silhouette)
    if not by_cluster:
        return None
    traces: list[dict[str, object]] = []
    rows = []
    for cluster, values in sorted(by_cluster.items()):
        # Quartiles of a single value need it twice.
        lower, median, upper = statistics.quantiles(values * (1 + (len(values) == 1)), method="inclusive")
        summary = (min(values), lower, median, upper, max(values))
        keys = ("lowerfence", "q1", "median", "q3", "upperfence")
        traces.append(
            {
                "type": "box",
                "name": name_cluster(cluster),
                "x": [name_cluster(cluster)],
                **{key: [round(value, 4)] for key, value in zip(keys, summary, strict=True)},
                "mean": [round(statistics.fmean(values), 4)],
                "marker": {"color": choose_colour(cluster)},
            }
        )
        rows.append([name_cluster(cluster), f"{len(values):,}", *(f"{value:.3f}" for value in summary)])
    return Figure(
        "silhouettes",
        "Silhouette of the images, by cluster",
        "Smallest, quartiles and largest silhouette of the images of each cluster. Above 0 an image is "
        "nearer to its own cluster than to the next, below 0 it is nearer to another.",
        traces,
        {"yaxis": {"title": {"text": "silhouette"}}, "showlegend": False},
        ["cluster", "images", "smallest", "lower quartile", "median", "upper quartile", "largest"],
        rows,
    )


def _plot_silhouette_by_k(result: RunResult) -> Figure | None:
    by_algorithm: dict[str, list[ClusteringResult]] = {}
    for each in result.results:
        if each.requested_clusters is not None:
            by_algorithm.setdefault(each.algorithm, []).append(each)
    if max(map(len, by_algorithm.values()), default=0) < 2:
        return None
    traces: list[dict[str, object]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name_algorithm(algorithm),
            "x": [each.requested_clusters for each in found],
            "y": [each.scores.silhouette.value for each in found],
            "line": {"color": choose_colour(index)},
            "marker": {"size": 8, "symbol": index},
        }
        for index, (algorithm, found) in enumerate(by_algorithm.items())
    ]
    chosen = result.results[result.chosen]
    if chosen.requested_clusters is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "chosen",
                "x": [chosen.requested_clusters],
                "y": [chosen.scores.silhouette.value],
                "marker": {"size": 18, "symbol": "circle-open", "color": "#D55E00", "line": {"width": 3}},
            }
        )
    return Figure(
        "silhouette-by-k",
        "Silhouette by number of clusters",
        "Mean silhouette of each clustering by the number of clusters k; larger is better separated.",
        traces,
        {"xaxis": {"title": {"text": "k"}, "dtick": 1}, "yaxis": {"title": {"text": "mean silhouette"}}},
        ["algorithm", "k", "silhouette"],
        [
            [
                name_algorithm(each.algorithm),
                str(each.requested_clusters),
                format_score(each.scores.silhouette),
            ]
            for found in by_algorithm.values()
            for each in found
        ],
    )


def _plot_variance(result: RunResult) -> Figure | None:
    if len(result.explained_variance_ratios) < 2:
        return None
    held = [min(share, 1.0) for share in accumulate(result.explained_variance_ratios)]
    needed = {
        share: next((index + 1 for index, value in enumerate(held) if value >= share), None)
        for share in VARIANCE_SHARES
    }
    across = {"xref": "paper", "x0": 0, "x1": 1, "type": "line", "line": {"width": 1, "dash": "dot"}}
    label = {"xref": "paper", "xanchor": "left", "yanchor": "bottom", "showarrow": False}
    lines = [{**across, "y0": share, "y1": share} for share in VARIANCE_SHARES]
    labels = [
        {**label, "x": 0.1 * position, "y": share, "text": f"{share:.0%}"}
        for position, share in enumerate(VARIANCE_SHARES)
    ]
    trace: dict[str, object] = {
        "type": "scatter",
        "mode": "lines",
        "x": list(range(1, len(held) + 1)),
        "y": [round(value, 5) for value in held],
        "line": {"color": COLOURS[0], "width": 3},
        "hovertemplate": "%{x} components: %{y:.1%}<extra></extra>",
    }
    return Figure(
        "variance",
        "Variance held by the principal components",
        "Share of the variance of the vectors that the first principal components hold together, for "
        f"{len(held):,} components, with lines at 90%, 95% and 99%.",
        [trace],
        {
            "xaxis": {"title": {"text": "components"}},
            "yaxis": {"title": {"text": "share of the variance"}, "tickformat": ".0%", "range": [0, 1.05]},
            "shapes": lines,
            "annotations": labels,
            "showlegend": False,
        },
        ["share of the variance", "components needed"],
        [
            [f"{share:.0%}", f"more than {len(held):,}" if number is None else f"{number:,}"]
            for share, number in needed.items()
        ],
    )
