"""The plots of a study: silhouettes by number of clusters, and the variance that components hold."""

from collections.abc import Sequence
from itertools import accumulate

from octcluster.outputs.pages import NEUTRAL, Plot, Table, cluster_colour, plot_text
from octcluster.outputs.study.cells import StudyCell
from octcluster.outputs.variance import VARIANCE_SHARES, count_components
from octcluster.outputs.wording.words import name_algorithm
from octcluster.workflows.study import PartOutcome

_DASHES = ("solid", "dash", "dashdot", "longdash", "longdashdot")
_MAX_POINTS = 2000
_LONGEST_NAME = 40
_Curve = list[tuple[int, float | None]]


def plot_silhouettes(cells: Sequence[StudyCell]) -> list[Plot]:
    """Mean silhouette by k, one plot for each features that were tried with several numbers of clusters."""
    by_features: dict[str, dict[str, _Curve]] = {}
    published: dict[str, dict[str, _Curve]] = {}
    for cell in cells:
        if cell.k is None or cell.result is None:
            continue
        features = cell.part.part.feature_set.name
        name = f"{name_algorithm(cell.algorithm)}, {cell.part.part.preparation_name}"
        own = by_features.setdefault(features, {}).setdefault(name, [])
        own.append((cell.k, cell.result.scores.silhouette.value))
        if (figure := cell.published_scores()["silhouette"]) is not None:
            published.setdefault(features, {}).setdefault(name, []).append((cell.k, figure))
    return [
        _plot_features(number, features, curves, published.get(features, {}))
        for number, (features, curves) in enumerate(by_features.items(), start=1)
        if max(map(len, curves.values())) > 1
    ]


def _plot_features(
    number: int, features: str, curves: dict[str, _Curve], published: dict[str, _Curve]
) -> Plot:
    named = {**curves, **{f"published: {name}": curve for name, curve in published.items()}}
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": plot_text(name, _LONGEST_NAME)
            if index < len(curves)
            else f"published {index - len(curves) + 1}",
            "x": [k for k, _ in curve],
            "y": [value for _, value in curve],
            "line": {
                "color": cluster_colour(index) if index < len(curves) else NEUTRAL,
                "dash": _DASHES[index % len(_DASHES)] if index < len(curves) else "dot",
            },
            "marker": {"size": 8, "symbol": index},
        }
        for index, (name, curve) in enumerate(named.items())
    ]
    order = "; ".join(f"published {place}: {name}" for place, name in enumerate(published, start=1))
    return Plot(
        f"silhouettes-{number}",
        f"Silhouette by number of clusters, {features}",
        "Mean silhouette of each clustering by the number of clusters k; larger is better separated."
        + (f" Dotted lines are published figures ({order})." if order else ""),
        traces,
        {"xaxis": {"title": {"text": "k"}, "dtick": 1}, "yaxis": {"title": {"text": "mean silhouette"}}},
        Table(
            f"silhouettes-{number}-table",
            f"Mean silhouettes, {features}",
            ["clustering", "k", "silhouette"],
            [[name, k, value] for name, curve in named.items() for k, value in curve],
        ),
        tall=True,
    )


def plot_variance(done: Sequence[PartOutcome]) -> list[Plot]:
    """Cumulative variance by number of components, a curve for each features; none if there is no curve."""
    curves: dict[str, list[float]] = {}
    for part in done:
        ratios = list(part.outcome.result.explained_variance_ratios) if part.outcome else []
        length = part.part.preparation.l2_normalize
        name = part.part.feature_set.name + (", unit length" if length else "")
        if len(ratios) > max(1, len(curves.get(name, ()))):
            curves[name] = ratios
    if not curves:
        return []
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": plot_text(name, _LONGEST_NAME),
            "x": list(range(1, len(ratios) + 1))[:_MAX_POINTS],
            "y": [round(min(share, 1.0), 5) for share in accumulate(ratios)][:_MAX_POINTS],
            "line": {"color": cluster_colour(index), "dash": _DASHES[index % len(_DASHES)], "width": 3},
        }
        for index, (name, ratios) in enumerate(curves.items())
    ]
    rows: list[list[str | int | float | None]] = []
    for name, ratios in curves.items():
        needed = count_components(ratios).values()
        rows.append([name, *(f"more than {len(ratios)}" if one is None else one for one in needed)])
    shares = [f"{share:.0%}" for share in VARIANCE_SHARES]
    return [
        Plot(
            "variance",
            "Variance held by the principal components",
            "Share of the variance of the features that the first principal components hold together, with "
            "lines at 90%, 95% and 99%.",
            traces,
            _variance_layout(),
            Table("variance-table", "Components needed", ["features", *shares], rows),
            tall=True,
        )
    ]


def _variance_layout() -> dict[str, object]:
    across = {"xref": "paper", "x0": 0, "x1": 1, "type": "line", "line": {"width": 1, "dash": "dot"}}
    label = {"xref": "paper", "xanchor": "center", "yanchor": "top", "showarrow": False}
    return {
        "xaxis": {"title": {"text": "components"}},
        "yaxis": {"title": {"text": "share of the variance"}, "tickformat": ".0%", "range": [0, 1.05]},
        "shapes": [{**across, "y0": share, "y1": share} for share in VARIANCE_SHARES],
        "annotations": [
            {**label, "x": 0.4 + 0.2 * place, "y": share, "text": f"{share:.0%}"}
            for place, share in enumerate(VARIANCE_SHARES)
        ],
    }
