"""The plots of the report but the scatter, in plain JSON values; the page colours their text and lines."""

import statistics
from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from octcluster.model.results import ClusteringResult, RunResult
from octcluster.model.runs import Preparation, Unit
from octcluster.outputs.pages import NEUTRAL, Plot, Table, class_colour, cluster_colour, plot_text
from octcluster.outputs.variance import VARIANCE_SHARES, count_components
from octcluster.outputs.wording.words import NOISE, count, name_algorithm, name_cluster
from octcluster.workflows.outcome import RunOutcome

UNKNOWN = "unknown"


def plot_cluster_sizes(result: ClusteringResult, classes: Sequence[str], unit: Unit) -> Plot:
    """Bars of the number of images, or eyes, in each cluster, by known class."""
    sizes = dict(enumerate(result.cluster_sizes))
    if result.noise:
        sizes[NOISE] = result.noise
    clusters = [name_cluster(cluster) for cluster in sizes]
    parts = split_by_class(result, classes, sizes, unit)
    traces: list[dict[str, object]] = [
        {
            "type": "bar",
            "name": plot_text(name),
            "x": clusters,
            "y": counts,
            "marker": {"color": NEUTRAL if name == UNKNOWN else class_colour(index)},
            "hovertemplate": f"%{{x}}: %{{y}} {unit}s<extra>"
            + plot_text(name).replace("%", "%\u200b")
            + "</extra>",
        }
        for index, (name, counts) in enumerate(parts.items())
    ]
    rows = [
        [name, *counts, size]
        for name, *counts, size in zip(clusters, *parts.values(), sizes.values(), strict=True)
    ]
    return Plot(
        "sizes",
        "Cluster sizes",
        f"Number of {unit}s in each cluster" + (", by known class." if len(parts) > 1 else "."),
        traces,
        {"barmode": "stack", "yaxis": {"title": {"text": f"{unit}s"}}, "showlegend": len(parts) > 1},
        Table("sizes-table", f"Number of {unit}s in each cluster", ["cluster", *parts, "all"], rows),
    )


def split_by_class(
    result: ClusteringResult, classes: Sequence[str], sizes: dict[int, int], unit: Unit
) -> dict[str, list[int]]:
    """Number of images, or eyes, by class name, in the order of the clusters; unknown classes come last."""
    if result.contingency is None:
        return {f"{unit}s": list(sizes.values())}
    table = result.contingency
    columns = {cluster: column for column, cluster in enumerate(table.clusters)}
    parts = {
        classes[index]: [row[columns[cluster]] if cluster in columns else 0 for cluster in sizes]
        for index, row in zip(table.class_indices, table.counts, strict=True)
    }
    known = [sum(counts) for counts in zip(*parts.values(), strict=True)]
    unknown = [size - count for size, count in zip(sizes.values(), known, strict=True)]
    return parts | {UNKNOWN: unknown} if any(unknown) else parts


def plot_silhouettes(outcome: RunOutcome) -> Plot | None:
    """Boxes of the images' silhouettes, one a cluster; None if no silhouette is defined."""
    by_cluster: dict[int, array[float]] = {}
    pairs = zip(outcome.assignments.clusters, outcome.assignments.silhouettes, strict=True)
    for cluster, silhouette in pairs:
        if silhouette is not None and cluster != NOISE:
            by_cluster.setdefault(cluster, array("d")).append(silhouette)
    if not by_cluster:
        return None
    sampled = "sampled " if outcome.chosen.scores.silhouette.sampled_units else ""
    traces: list[dict[str, object]] = []
    rows: list[list[str | int | float]] = []
    for cluster, values in sorted(by_cluster.items()):
        # Quartiles of a single value need it twice.
        lower, median, upper = statistics.quantiles(values * (1 + (len(values) == 1)), method="inclusive")
        summary = (min(values), lower, median, upper, max(values))
        keys = ("lowerfence", "q1", "median", "q3", "upperfence")
        traces.append(
            {
                "type": "box",
                "meta": cluster,
                "name": name_cluster(cluster),
                "x": [name_cluster(cluster)],
                **{key: [round(value, 4)] for key, value in zip(keys, summary, strict=True)},
                "mean": [round(statistics.fmean(values), 4)],
                "marker": {"color": cluster_colour(cluster)},
            }
        )
        rows.append([name_cluster(cluster), len(values), *summary])
    return Plot(
        "silhouettes",
        f"Silhouette of the {sampled}{outcome.unit}s, by cluster",
        f"Smallest, quartiles and largest silhouette of the {sampled}{outcome.unit}s of each cluster. Above "
        "0 one is nearer to its own cluster than to the next, below 0 it is nearer to another.",
        traces,
        {"yaxis": {"title": {"text": "silhouette"}}, "showlegend": False},
        Table(
            "silhouettes-table",
            "Silhouettes of each cluster",
            [
                "cluster",
                f"{sampled}{outcome.unit}s",
                "smallest",
                "lower quartile",
                "median",
                "upper quartile",
                "largest",
            ],
            rows,
        ),
    )


def plot_by_k(result: RunResult) -> list[Plot]:
    """The ratings that the run chose by, if it did, and the mean silhouettes, by number of clusters.

    Empty if there is one number only.
    """
    by_algorithm: dict[str, list[ClusteringResult]] = {}
    for each in result.results:
        if each.requested_clusters is not None:
            by_algorithm.setdefault(each.algorithm, []).append(each)
    if max(map(len, by_algorithm.values()), default=0) < 2:
        return []
    chosen = result.results[result.chosen]
    plots = []
    if any(each.rating is not None for each in result.results):
        plots.append(
            _plot_score_by_k(
                "rating",
                "How well each number of clusters k suits the images: how sharply the gain in explained "
                "variance falls after it, times how far the searches agree. The highest was chosen; those "
                "close to it may be as good.",
                by_algorithm,
                chosen,
                lambda each: each.rating,
            )
        )
    plots.append(
        _plot_score_by_k(
            "silhouette",
            "Mean silhouette of each clustering by the number of clusters k; larger is better separated.",
            by_algorithm,
            chosen,
            lambda each: each.scores.silhouette.value,
        )
    )
    return plots


def _plot_score_by_k(
    score: str,
    words: str,
    by_algorithm: Mapping[str, Sequence[ClusteringResult]],
    chosen: ClusteringResult,
    read: Callable[[ClusteringResult], float | None],
) -> Plot:
    """A line for each algorithm, and a ring around the chosen clustering."""
    dashes = ("solid", "dash", "dot", "dashdot", "longdash")
    traces: list[dict[str, object]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name_algorithm(algorithm),
            "x": [each.requested_clusters for each in found],
            "y": [read(each) for each in found],
            "line": {"color": cluster_colour(index), "dash": dashes[index % len(dashes)]},
            "marker": {"size": 8, "symbol": index},
        }
        for index, (algorithm, found) in enumerate(by_algorithm.items())
    ]
    if chosen.requested_clusters is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "chosen",
                "x": [chosen.requested_clusters],
                "y": [read(chosen)],
                "marker": {"size": 18, "symbol": "circle-open", "color": "@ink", "line": {"width": 3}},
            }
        )
    return Plot(
        f"{score}-by-k",
        f"{score.capitalize()} by number of clusters",
        words,
        traces,
        {"xaxis": {"title": {"text": "k"}, "dtick": 1}, "yaxis": {"title": {"text": score}}},
        Table(
            f"{score}-by-k-table",
            f"{score.capitalize()} of each clustering",
            ["algorithm", "k", score],
            [
                [name_algorithm(each.algorithm), each.requested_clusters, read(each)]
                for found in by_algorithm.values()
                for each in found
            ],
        ),
    )


def describe_kept_variance(result: RunResult, preparation: Preparation) -> str:
    """What share of the variance the kept components hold; empty if all dimensions were kept."""
    if preparation.pca is None:
        return ""
    kept, parts = result.prepared_dimension, len(preparation.part_dimensions)
    held = min(1.0, sum(result.explained_variance_ratios[:kept]))
    # Components of several parts stand in one order here, though as many of each part are kept: of all
    # choices of so many the first ones hold the most.
    at_most = "at most " if parts > 1 and kept < len(result.explained_variance_ratios) else ""
    return f"Kept for the clustering: {count(kept, 'component')}, which hold {at_most}{held:.1%}."


def plot_variance(ratios: Sequence[float], kept: str = "") -> Plot | None:
    """Cumulative curve of the variance that principal components hold; None of fewer than two.

    Args:
        ratios: Share of the variance of each component, largest first.
        kept: See describe_kept_variance.
    """
    if len(ratios) < 2:
        return None
    held = [min(share, 1.0) for share in accumulate(ratios)]
    across = {"xref": "paper", "x0": 0, "x1": 1, "type": "line", "line": {"width": 1, "dash": "dot"}}
    label = {"xref": "paper", "xanchor": "center", "showarrow": False, "bgcolor": "@ground"}
    lines = [{**across, "y0": share, "y1": share} for share in VARIANCE_SHARES]
    labels = [
        {**label, "x": 0.4 + 0.2 * position, "y": share, "yanchor": "middle", "text": f"{share:.0%}"}
        for position, share in enumerate(VARIANCE_SHARES)
    ]
    trace: dict[str, object] = {
        "type": "scatter",
        "mode": "lines",
        "x": list(range(1, len(held) + 1)),
        "y": [round(value, 5) for value in held],
        "line": {"color": "@accent", "width": 3},
        "hovertemplate": "%{x} components: %{y:.1%}<extra></extra>",
    }
    return Plot(
        "variance",
        "Variance held by the principal components",
        "Share of the variance of the vectors that the first principal components hold together, for "
        f"{len(held):,} components, with lines at 90%, 95% and 99%."
        f"{kept and ' '}{kept}",
        [trace],
        {
            "xaxis": {"title": {"text": "components"}},
            "yaxis": {"title": {"text": "share of the variance"}, "tickformat": ".0%", "range": [0, 1.05]},
            "shapes": lines,
            "annotations": labels,
            "showlegend": False,
        },
        Table(
            "variance-table",
            "Components needed",
            ["share of the variance", "components needed"],
            [
                [f"{share:.0%}", f"more than {len(held):,}" if number is None else number]
                for share, number in count_components(ratios).items()
            ],
        ),
        csv=Table(
            "variance-csv",
            "Variance",
            ["components", "share of the variance"],
            [[index + 1, share] for index, share in enumerate(held)],
        ),
    )
