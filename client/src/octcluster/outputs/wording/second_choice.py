"""The number of clusters that came second, and how its clusters lie in those that were chosen."""

from collections import Counter
from collections.abc import Sequence

from octcluster.outputs.wording.words import NOISE, count, name_cluster, show_text
from octcluster.workflows.outcome import RunOutcome

NESTED = 0.9
"""With this share of the images in one cluster of the fewer each, more clusters lie inside of fewer."""


def explain_choice(outcome: RunOutcome) -> list[str]:
    """Says why this number of clusters, and what the next one is to it; empty if one was asked for.

    Args:
        outcome: What the run found.

    Returns:
        Sentences, the most important first.
    """
    if len(outcome.result.results) < 2:
        return []
    reason = show_text(outcome.result.chosen_reason).rstrip(".")
    sentences = [f"{reason[:1].upper()}{reason[1:]}."]
    if outcome.second is not None:
        fewer, more = _order(outcome)
        share = _find_nested_share(fewer, more)
        numbers = f"{_count_clusters(more)} clusters", f"{_count_clusters(fewer)}"
        sentences.append(
            f"The {numbers[0]} lie inside the {numbers[1]}: {share:.0%} of the {outcome.unit}s agree."
            if share >= NESTED
            else f"The {numbers[0]} cut across the {numbers[1]}: {share:.0%} of the {outcome.unit}s agree."
        )
    return sentences


def tabulate_second(outcome: RunOutcome) -> tuple[list[str], list[list[str | int]]] | None:
    """Counts how more clusters lie in fewer: those that were chosen and those that came second.

    Args:
        outcome: What the run found.

    Returns:
        The header and the rows, one for each of the more clusters; None if no number came second.
    """
    if outcome.second is None:
        return None
    fewer, more = _order(outcome)
    counts = Counter(zip(more, fewer, strict=True))
    columns = sorted(set(fewer) - {NOISE})
    header = [
        f"of {_count_clusters(more)} clusters",
        *(f"in {name_cluster(cluster)} of {_count_clusters(fewer)}" for cluster in columns),
    ]
    rows: list[list[str | int]] = [
        [name_cluster(cluster), *(counts[cluster, column] for column in columns)]
        for cluster in sorted(set(more) - {NOISE})
    ]
    return header, rows


def describe_second(outcome: RunOutcome) -> str:
    """Names the number that came second, for the heading of its table; empty if there is none."""
    if outcome.second is None:
        return ""
    second = outcome.result.results[outcome.second.index]
    return f"{count(second.clusters, 'cluster').capitalize()} came second: {outcome.unit}s in both"


def _order(outcome: RunOutcome) -> tuple[Sequence[int], Sequence[int]]:
    """The clusters of each unit in the result with fewer, and in that with more."""
    assert outcome.second is not None  # noqa: S101 - asked by the callers
    chosen, second = outcome.assignments.clusters, outcome.second.clusters
    return (chosen, second) if _count_clusters(chosen) <= _count_clusters(second) else (second, chosen)


def _count_clusters(clusters: Sequence[int]) -> int:
    return len(set(clusters) - {NOISE})


def _find_nested_share(fewer: Sequence[int], more: Sequence[int]) -> float:
    """The share of units that lie in the cluster of the fewer that holds most of their own of the more."""
    largest: dict[int, int] = {}
    for (own, _), size in Counter(zip(more, fewer, strict=True)).items():
        largest[own] = max(size, largest.get(own, 0))
    return sum(largest.values()) / max(1, len(more))
