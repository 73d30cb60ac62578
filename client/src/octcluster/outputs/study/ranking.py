"""The picture that a study opens with: each combination as a dot with its interval, the best first."""

from collections.abc import Sequence
from operator import itemgetter

from octcluster.model.results import Score
from octcluster.outputs.json_files import read_score
from octcluster.outputs.pages import Plot, Table, cluster_colour, plot_text
from octcluster.outputs.study.cells import StudyCell
from octcluster.outputs.study.contingency import name_cell
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.outputs.wording.words import format_interval

_JUDGES = ("adjusted_rand_index", "silhouette")
"""What combinations are ranked by: the first score that any of them has."""
_LONGEST_NAME = 60
Ranked = tuple[float, StudyCell, Score]
"""A score, the combination that has it, and the same score with its interval."""


def plot_ranking(cells: Sequence[StudyCell]) -> list[Plot]:
    """Plots the combinations that were tried by their score; none if none has one."""
    judge, ranked = rank_cells(cells)
    return [_plot(ranked, judge)] if ranked else []


def rank_cells(cells: Sequence[StudyCell]) -> tuple[str, list[Ranked]]:
    """The score that combinations are ranked by, and those that have one with it, the best first."""
    found = ((judge, _rank(cells, judge)) for judge in _JUDGES)
    return next(((judge, ranked) for judge, ranked in found if ranked), (_JUDGES[-1], []))


def _rank(cells: Sequence[StudyCell], judge: str) -> list[Ranked]:
    scores = [(cell, getattr(cell.result.scores, judge)) for cell in cells if cell.result is not None]
    ranked = [(value, cell, score) for cell, score in scores if (value := read_score(score)[0]) is not None]
    return sorted(ranked, key=itemgetter(0), reverse=True)


def _plot(ranked: Sequence[Ranked], judge: str) -> Plot:
    title = SCORE_NAMES[judge].title
    ends = [
        (value, value) if score.interval is None else (score.interval.low, score.interval.high)
        for value, _, score in ranked
    ]
    known = any(score.interval is not None for _, _, score in ranked)
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": [value for value, _, _ in ranked],
        "y": list(range(1, len(ranked) + 1)),
        "text": [plot_text(name_cell(cell), _LONGEST_NAME) for _, cell, _ in ranked],
        "hovertemplate": "%{text}<br>%{x:.3f}<extra></extra>",
        "marker": {"size": 8, "color": cluster_colour(0)},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [max(high - value, 0) for (value, _, _), (_, high) in zip(ranked, ends, strict=True)],
            "arrayminus": [max(value - low, 0) for (value, _, _), (low, _) in zip(ranked, ends, strict=True)],
            "color": cluster_colour(0),
            "thickness": 1.5,
        },
    }
    rows: list[list[str | int | float | None]] = [
        [place, name_cell(cell), value, format_interval(score)]
        for place, (value, cell, score) in enumerate(ranked, start=1)
    ]
    says = (
        " with its 95% interval: where it would lie with other patients or images like these" if known else ""
    )
    return Plot(
        "ranking",
        f"All combinations by {title}, best first",
        f"Each dot is one combination{says}. Intervals that overlap much say that the order may be chance.",
        [dots],
        {
            "showlegend": False,
            "xaxis": {"title": {"text": title}},
            "yaxis": {"title": {"text": "place"}, "autorange": "reversed", "zeroline": False},
        },
        Table("ranking-table", f"Places by {title}", ["place", "combination", title, "95% interval"], rows),
        tall=True,
    )
