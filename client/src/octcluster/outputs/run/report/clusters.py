"""The clusters of the report, one by one: size, classes, silhouettes, stability, images worth a look."""

import statistics
from array import array
from collections import Counter
from collections.abc import Sequence
from heapq import nsmallest

from octcluster.model.results import ClusteringResult
from octcluster.model.runs import Unit
from octcluster.outputs.pages import Gallery, cluster_colour
from octcluster.outputs.pages.cluster_cards import EXAMPLES, Card, share_classes, summarize_classes
from octcluster.outputs.pages.image_names import ImageNames
from octcluster.outputs.wording.trust import judge_cluster
from octcluster.outputs.wording.words import NOISE, count, show_text
from octcluster.workflows.outcome import RunOutcome

_BINS = 24
_LIMITS = (0.05, 0.1, 0.2, 0.5, 1.0)


def build_cards(outcome: RunOutcome, names: ImageNames) -> list[Card]:
    """Builds the card of each cluster; noise, if there is any, comes last."""
    rows: dict[int, array[int]] = {}
    for row, cluster in enumerate(outcome.assignments.clusters):
        rows.setdefault(cluster, array("i")).append(row)
    order = sorted(rows, key=lambda cluster: (cluster == NOISE, cluster))
    largest = max((abs(value) for value in outcome.assignments.silhouettes if value is not None), default=1.0)
    limit = next((limit for limit in _LIMITS if limit >= largest), 1.0)
    return [_build_card(outcome, cluster, rows[cluster], limit, names) for cluster in order]


def _build_card(
    outcome: RunOutcome, cluster: int, rows: Sequence[int], limit: float, names: ImageNames
) -> Card:
    silhouettes = [value for row in rows if (value := outcome.assignments.silhouettes[row]) is not None] * (
        cluster != NOISE
    )
    classes = share_classes([outcome.units[row].label for row in rows], outcome.image_set.classes)
    return Card(
        cluster=cluster,
        name=names.show_cluster(cluster),
        colour=cluster_colour(cluster).removeprefix("@"),
        summary=summarize_classes(len(rows) / len(outcome.units), classes, outcome.unit),
        notes=_list_notes(outcome.chosen, cluster, silhouettes, outcome.unit),
        size=count(len(rows), outcome.unit),
        classes=classes,
        histogram=_draw_histogram(silhouettes, limit),
        limit=limit,
        median=statistics.median(silhouettes) if silhouettes else None,
        galleries=_choose_examples(outcome, cluster, rows, names),
        selectable=True,
    )


def _list_notes(
    chosen: ClusteringResult, cluster: int, silhouettes: Sequence[float], unit: Unit
) -> list[str]:
    if cluster == NOISE:
        return [
            "Noise is no cluster: these images have too few others like them to belong to any cluster. They "
            "may be rare findings, artefacts or poor scans, or lie between clusters. That they are noise "
            "says nothing about health."
        ]
    notes = []
    if silhouettes:
        negative = sum(value < 0 for value in silhouettes) / len(silhouettes)
        notes.append(
            f"Median silhouette {statistics.median(silhouettes):z.3f}; {negative:.0%} of its {unit}s are "
            "nearer to another cluster."
        )
        if chosen.scores.silhouette.sampled_units:
            notes.append(_describe_sample(silhouettes, unit))
    elif chosen.scores.silhouette.sampled_units:
        notes.append(f"None of its {unit}s is in the random sample whose silhouettes were computed.")
    if chosen.stability is not None and cluster < len(chosen.stability.clusters):
        score = chosen.stability.clusters[cluster]
        notes.append(
            f"Whether it reappears is unknown: {show_text(str(score.undefined_reason))}."
            if score.value is None
            else f"Reappears in random parts of the images with a similarity of {score.value:.2f}: "
            f"{judge_cluster(score.value, chosen.stability.overall.value)}."
        )
    return notes


def _describe_sample(silhouettes: Sequence[float], unit: Unit) -> str:
    """Whose silhouettes these are, if only a random sample has any, and the mean of all by estimate."""
    said = f"Both are of a random sample of {count(len(silhouettes), unit)} of it"
    if len(silhouettes) < 2:
        return f"{said}."
    mean, error = (
        statistics.fmean(silhouettes),
        1.96 * statistics.stdev(silhouettes) / len(silhouettes) ** 0.5,
    )
    return (
        f"{said}. Its mean silhouette is estimated as {mean:z.3f} "
        f"(95% interval {mean - error:z.3f} to {mean + error:z.3f})."
    )


def _draw_histogram(silhouettes: Sequence[float], limit: float) -> list[float]:
    if not silhouettes:
        return []
    bins = Counter(min(int((value / limit + 1) / 2 * _BINS), _BINS - 1) for value in silhouettes)
    highest = max(bins.values())
    return [bins[position] / highest for position in range(_BINS)]


def _choose_examples(
    outcome: RunOutcome, cluster: int, rows: Sequence[int], names: ImageNames
) -> list[Gallery]:
    """Chooses what is typical (largest silhouette), ambiguous (smallest) and outlying (farthest away)."""
    found = outcome.assignments.silhouettes
    known = array("i", (row for row in rows if found[row] is not None))
    if cluster == NOISE or not known:
        pictures = [names.picture(row) for row in rows[:EXAMPLES]]
        return [Gallery("Some of its images", pictures)]
    of_what = " of the random sample" if outcome.chosen.scores.silhouette.sampled_units else ""
    chosen = {
        f"Most typical{of_what}": nsmallest(EXAMPLES, known, lambda row: (-(found[row] or 0.0), row)),
        f"Most ambiguous{of_what}": nsmallest(EXAMPLES, known, lambda row: (found[row] or 0.0, row)),
    }
    galleries = [Gallery(title, [names.picture(row) for row in shown]) for title, shown in chosen.items()]
    outlying = _find_outlying(outcome.assignments.distances, rows)
    if outlying:
        galleries.append(Gallery("Most outlying", [names.picture(row) for row in outlying]))
    return galleries


def _find_outlying(distances: Sequence[float | None], rows: Sequence[int]) -> list[int]:
    """The rows farthest from the mean of their cluster."""
    known = (row for row in rows if distances[row] is not None)
    return nsmallest(EXAMPLES, known, lambda row: (-(distances[row] or 0.0), row))
