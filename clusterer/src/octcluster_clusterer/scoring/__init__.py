"""Judges clusterings: silhouettes from the vectors alone, agreement with known classes if there are any."""

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.model import Contingency, Score, Scores
from octcluster_clusterer.scoring import agreement, silhouette
from octcluster_clusterer.scoring.contingency import count_members
from octcluster_clusterer.scoring.matching import match_classes
from octcluster_clusterer.scoring.silhouette import draw_sample, find_silhouettes

__all__ = ["compare_with_classes", "draw_sample", "find_silhouettes", "match_classes", "score"]


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

    Examples:
        >>> labels, silhouettes = np.array([0, 0, 1, 1]), np.array([0.5, 0.5, 1.0, 1.0], dtype=np.float32)
        >>> scores, contingency = score(labels, silhouettes, np.array([0, 0, 0, 1]))
        >>> scores.silhouette.value, scores.accuracy.value
        (0.75, 0.75)
        >>> scores, contingency = score(labels, silhouettes, None)
        >>> scores.accuracy.undefined_reason
        'no image has a known class'
    """
    contingency = None if class_indices is None else count_members(class_indices, labels)
    scores = {name: Score(undefined_reason="no image has a known class") for name in _MEASURES}
    if contingency is not None:
        tables = contingency.counts[np.newaxis].astype(np.float64)
        for name, (value,) in compare_with_classes(tables, contingency.clusters).items():
            if np.isnan(value):
                scores[name] = Score(undefined_reason=_say_why_undefined(contingency, name))
            else:
                scores[name] = Score(float(value))
    return Scores(silhouette=silhouette.summarize(silhouettes, labels), **scores), contingency


def compare_with_classes(
    tables: NDArray[np.float64],
    clusters: NDArray[np.int32],
    expected_information: NDArray[np.float64] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Computes all scores that need known classes.

    Args:
        tables: float64, shape (n_tables, n_classes, n_clusters): see ``agreement``.
        clusters: int32, shape (n_clusters,): the cluster of each column, noise (-1) first if there is any.
        expected_information: float64, shape (n_tables,): the mutual information expected by chance; None to
            compute it, which is most of the work.

    Returns:
        By the names of the fields of ``Scores`` float64, shape (n_tables,): NaN where a score has no meaning:
        for a single class; where each member is alone in its class, or each in its cluster (noise is none),
        since then most scores have their best value or that of chance whatever was found; and completeness
        for a single cluster, for which it is 1.

    Examples:
        >>> compared = compare_with_classes(np.array([[[3.0, 1.0], [0.0, 4.0]]]), np.array([0, 1]))
        >>> {name: compared[name].round(3).tolist() for name in ("accuracy", "adjusted_rand_index")}
        {'accuracy': [0.875], 'adjusted_rand_index': [0.495]}
    """
    found = tables[:, :, clusters >= 0]
    n_members = tables.sum(axis=(1, 2))
    if found.shape[2] == 0:
        return {name: np.full(len(tables), np.nan) for name in _MEASURES}
    scores = {"accuracy": agreement.accuracy(found, n_members), "purity": agreement.purity(found, n_members)}
    scores |= {name: measure(tables) for name, measure in _COMPARISONS.items()}
    scores["adjusted_mutual_information"] = agreement.adjusted_mutual_information(
        tables, expected_information
    )
    class_sizes, cluster_sizes = tables.sum(axis=2), found.sum(axis=1)
    telling = np.count_nonzero(class_sizes, axis=1) > 1
    telling &= (class_sizes > 1).any(axis=1) & (cluster_sizes > 1).any(axis=1)
    scores = {name: np.where(telling, values, np.nan) for name, values in scores.items()}
    several = np.count_nonzero(tables.sum(axis=1), axis=1) > 1
    return scores | {"completeness": np.where(several, scores["completeness"], np.nan)}


_COMPARISONS = {
    "adjusted_rand_index": agreement.adjusted_rand_index,
    "normalized_mutual_information": agreement.v_measure,
    "homogeneity": agreement.homogeneity,
    "completeness": agreement.completeness,
    "v_measure": agreement.v_measure,
    "fowlkes_mallows": agreement.fowlkes_mallows,
}
_MEASURES = ("accuracy", "purity", "adjusted_mutual_information", *_COMPARISONS)


def _say_why_undefined(contingency: Contingency, name: str) -> str:
    found = contingency.counts[:, contingency.clusters >= 0]
    if found.shape[1] == 0:
        return "no cluster was found: every image is noise"
    if contingency.class_indices.size == 1:
        return "all images with a known class are of a single class"
    if contingency.counts.sum(axis=1).max() == 1:
        return "no two images with a known class share a class"
    if name == "completeness" and np.count_nonzero(contingency.counts.sum(axis=0)) == 1:
        return "all images with a known class lie in a single cluster"
    return "no two images with a known class share a cluster"
