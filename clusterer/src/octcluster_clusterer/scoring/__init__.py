"""Judges clusterings: silhouettes from the vectors alone, agreement with known classes if there are any."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.runs import Contingency, Score, Scores
from octcluster_clusterer.scoring import agreement, silhouette
from octcluster_clusterer.scoring.contingency import count_members
from octcluster_clusterer.scoring.silhouette import find_silhouettes

__all__ = ["find_silhouettes", "score"]


def score(
    labels: NDArray[np.int32], silhouettes: NDArray[np.float32], class_indices: NDArray[np.int32] | None
) -> tuple[Scores, Contingency | None]:
    """Judges one clustering. A score that has no meaning is undefined, with the reason, and never 0.

    Args:
        labels: int32, shape (n_members,): clusters from 0, -1 for noise.
        silhouettes: float32, shape (n_members,), from ``find_silhouettes``.
        class_indices: int32, shape (n_members,): known classes, -1 unknown; None if none is known.

    Returns:
        The scores, and the counts of members by class and cluster; None if no class is known.
    """
    known = np.zeros(labels.size, dtype=bool) if class_indices is None else class_indices >= 0
    classes = np.full(labels.size, -1, dtype=np.int32) if class_indices is None else class_indices
    contingency = count_members(classes, labels)
    reason = _find_why_undefined(contingency)
    single = _find_why_single_class(contingency)

    def compare(measure: Callable[[NDArray[np.int32], NDArray[np.int32]], float | None]) -> Score:
        if reason or single:
            return Score(undefined_reason=reason or single)
        value = measure(classes[known], labels[known])
        return Score(value) if value is not None else Score(undefined_reason=_NO_PAIRS)

    def count(measure: Callable[[Contingency], float], why_undefined: str | None) -> Score:
        if contingency is None or why_undefined:
            return Score(undefined_reason=why_undefined)
        return Score(measure(contingency))

    scores = Scores(
        silhouette=silhouette.summarize(silhouettes, labels),
        accuracy=count(agreement.accuracy, reason),
        adjusted_rand_index=compare(agreement.adjusted_rand_index),
        adjusted_mutual_information=compare(agreement.adjusted_mutual_information),
        normalized_mutual_information=compare(agreement.normalized_mutual_information),
        homogeneity=compare(agreement.homogeneity),
        completeness=compare(agreement.completeness),
        v_measure=compare(agreement.v_measure),
        fowlkes_mallows=compare(agreement.fowlkes_mallows),
        purity=count(agreement.purity, reason or single),
    )
    return scores, contingency


_NO_PAIRS = "no two images with a known class share a class, or no two share a cluster"


def _find_why_undefined(contingency: Contingency | None) -> str | None:
    if contingency is None:
        return "no image has a known class"
    if not (contingency.clusters >= 0).any():
        return "no cluster was found: every image is noise"
    return None


def _find_why_single_class(contingency: Contingency | None) -> str | None:
    if contingency is not None and contingency.class_indices.size == 1:
        return "all images with a known class are of a single class"
    return None
