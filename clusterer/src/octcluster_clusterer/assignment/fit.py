"""Fitting the rules of ``assign.py`` to a run's results, without looking at any known class.

The nearest mean is taken where it gives nearly every member its own cluster back, as after K-means. Else it
is compared with the linear discriminant (Fisher, 1936, doi:10.1111/j.1469-1809.1936.tb02137.x: Gaussian
clusters of one covariance), whose covariance is shrunk towards a sphere: the one that agrees with the run on
more of the members that it was not fitted to, in five folds, is taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from octcluster_clusterer.assignment.assign import ClusterRule, measure_distances
from octcluster_clusterer.preparation.fitted import project
from octcluster_clusterer.tiles import map_in_order, slices

MAX_RULES_BYTES = 64 * 2**20
"""Most memory of the rules of all results of a run."""
MAX_DISCRIMINANT_DIMENSION = 2048
"""Most dimensions in which a covariance matrix is computed; beyond, the nearest mean is taken."""
SHRINKAGE = 0.3
"""Share of a sphere in the covariance. On OCT features, 0.1 to 0.7 agree with held-out members alike."""
_NEARLY_ALL = 0.999
_PERCENTAGES = np.arange(1, 101)
_FOLDS = 5
_ROWS_AT_ONCE = 1024
_SMALLEST_VARIANCE = 1e-9
"""Of the members around their means, as a share of their mean squared length: where clusters are points."""


@dataclass(frozen=True)
class _Linear:
    """The decision of a rule: see ``ClusterRule``."""

    weights: NDArray[np.float32]
    biases: NDArray[np.float64]


@dataclass(frozen=True)
class _Moments:
    """Some members of the clusters of a result.

    Attributes:
        sizes: int64, shape (n_clusters,).
        means: float64, shape (n_clusters, dimension); 0 for an empty cluster.
        variance: Mean square around the means in one dimension, at least a little above 0.
    """

    sizes: NDArray[np.int64]
    means: NDArray[np.float64]
    variance: float


def fit_rules(
    vectors: NDArray[np.float32], labels: Sequence[NDArray[np.int32]], report_step: Callable[[], None]
) -> list[ClusterRule | None] | None:
    """Fits a rule to each result of a run.

    Args:
        vectors: float32, shape (n_members, prepared_dimension), the prepared vectors.
        labels: For each result int32, shape (n_members,): clusters from 0, -1 for noise.
        report_step: Called often.

    Returns:
        One rule a result, None for one without clusters; None instead of all if they would be too large.
    """
    if (
        estimate_rules_bytes(sum(int(one.max(initial=-1)) + 1 for one in labels), vectors.shape[1])
        > MAX_RULES_BYTES
    ):
        return None
    rules = []
    scatters = _Scatters(vectors, report_step)
    for one in labels:
        report_step()
        rules.append(_fit_rule(vectors, one, scatters, report_step) if (one >= 0).any() else None)
    return rules


def estimate_rules_bytes(n_clusters: int, dimension: int) -> int:
    """The memory of rules for so many clusters in all: means and weights."""
    return 2 * 4 * n_clusters * dimension


def find_distances(
    vectors: NDArray[np.float32], labels: NDArray[np.int32], report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """Finds how far members are from the mean of their cluster.

    Args:
        vectors: float32, shape (n_members, prepared_dimension), the prepared vectors.
        labels: int32, shape (n_members,): clusters from 0, -1 for noise.
        report_step: Called often.

    Returns:
        float32, shape (n_members,): Euclidean distances; NaN for noise.
    """
    means = _find_moments(vectors, labels, int(labels.max(initial=-1)) + 1, report_step).means
    return _measure_members(vectors, labels, means.astype(np.float32), report_step).astype(np.float32)


class _Scatters:
    """Sums of products of the vectors' dimensions, over all members or without a fold, when needed."""

    def __init__(self, vectors: NDArray[np.float32], report_step: Callable[[], None]) -> None:
        self._vectors = vectors
        self._report_step = report_step
        self._of_folds: list[NDArray[np.float64]] = []

    def of_all(self) -> NDArray[np.float64]:
        """float64, shape (dimension, dimension)."""
        return sum(self._each_fold(), start=np.zeros(()))

    def without(self, fold: int) -> NDArray[np.float64]:
        """float64, shape (dimension, dimension)."""
        return self.of_all() - self._each_fold()[fold]

    def _each_fold(self) -> list[NDArray[np.float64]]:
        if not self._of_folds:
            self._of_folds = [self._sum(self._vectors[fold::_FOLDS]) for fold in range(_FOLDS)]
        return self._of_folds

    def _sum(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        scatter = np.zeros((vectors.shape[1], vectors.shape[1]))

        def multiply(rows: slice) -> NDArray[np.float32]:
            block = np.ascontiguousarray(vectors[rows])
            return block.T @ block

        for _, product in map_in_order(multiply, slices(len(vectors), _ROWS_AT_ONCE)):
            scatter += product
            self._report_step()
        return scatter


def _fit_rule(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int32],
    scatters: _Scatters,
    report_step: Callable[[], None],
) -> ClusterRule:
    n_clusters = int(labels.max()) + 1
    moments = _find_moments(vectors, labels, n_clusters, report_step)
    rule = _complete(vectors, labels, moments, _fit_nearest_mean(moments), report_step)
    is_nearest_mean = rule.fitted_agreement >= _NEARLY_ALL * np.mean(labels >= 0)
    if is_nearest_mean or vectors.shape[1] > MAX_DISCRIMINANT_DIMENSION:
        return rule
    agreed = np.zeros(2)
    folds = np.arange(len(labels)) % _FOLDS
    for fold in range(_FOLDS):
        others = _find_moments(vectors, np.where(folds == fold, -1, labels), n_clusters, report_step)
        held = np.flatnonzero((folds == fold) & (labels >= 0))
        discriminant = _fit_discriminant(others, scatters.without(fold))
        if discriminant is None:
            return rule
        for i, linear in enumerate((_fit_nearest_mean(others), discriminant)):
            agreed[i] += _count_agreed(vectors, labels, held, linear, report_step)
    if agreed[1] <= agreed[0]:
        return rule
    discriminant = _fit_discriminant(moments, scatters.of_all())
    if discriminant is None:
        return rule
    return _complete(vectors, labels, moments, discriminant, report_step)


def _find_moments(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int32],
    n_clusters: int,
    report_step: Callable[[], None],
) -> _Moments:
    sums = np.zeros((n_clusters, vectors.shape[1]))
    squares = 0.0
    for rows in slices(len(vectors), _ROWS_AT_ONCE):
        report_step()
        members = labels[rows] >= 0
        block = vectors[rows][members].astype(np.float64)
        sums += (np.arange(n_clusters)[:, np.newaxis] == labels[rows][members]) @ block
        squares += float(np.square(block).sum())
    sizes = np.bincount(labels[labels >= 0], minlength=n_clusters)
    means = sums / np.maximum(sizes, 1)[:, np.newaxis]
    around = squares - float((np.square(means).sum(axis=1) * sizes).sum())
    variance = max(around, _SMALLEST_VARIANCE * squares) / (max(int(sizes.sum()), 1) * vectors.shape[1])
    return _Moments(sizes, means, variance or 1.0)


def _fit_nearest_mean(moments: _Moments) -> _Linear:
    """Clusters of one variance in all dimensions, each as probable as the others."""
    biases = np.where(moments.sizes > 0, -np.square(moments.means).sum(axis=1) / 2, -np.inf)
    return _Linear((moments.means.T / moments.variance).astype(np.float32), biases / moments.variance)


def _fit_discriminant(moments: _Moments, scatter: NDArray[np.float64]) -> _Linear | None:
    """Clusters of one covariance; what is known of noise widens it. None if all are points, or nearly."""
    n_members, dimension = moments.sizes.sum(), moments.means.shape[1]
    covariance = scatter - (moments.means.T * moments.sizes) @ moments.means
    covariance *= (1 - SHRINKAGE) / n_members
    covariance.flat[:: dimension + 1] += SHRINKAGE * moments.variance
    try:
        weights = scipy.linalg.solve(covariance, moments.means.T, assume_a="pos", overwrite_a=True)
    except scipy.linalg.LinAlgError:
        return None
    with np.errstate(divide="ignore"):
        biases = np.log(moments.sizes / n_members) - (moments.means.T * weights).sum(axis=0) / 2
    return _Linear(weights.astype(np.float32), biases)


def _complete(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int32],
    moments: _Moments,
    linear: _Linear,
    report_step: Callable[[], None],
) -> ClusterRule:
    """Adds how far members are from their means, and how far the rule agrees with the run."""
    means = moments.means.astype(np.float32)
    distances = _measure_members(vectors, labels, means, report_step)
    quantiles = np.array(
        [
            np.quantile(distances[labels == cluster], _PERCENTAGES / 100, method="inverted_cdf")
            for cluster in range(len(means))
        ]
    )
    agreed = _count_agreed(vectors, labels, np.flatnonzero(labels >= 0), linear, report_step)
    return ClusterRule(means, linear.weights, linear.biases, quantiles, agreed / len(labels))


def _measure_members(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int32],
    means: NDArray[np.float32],
    report_step: Callable[[], None],
) -> NDArray[np.float64]:
    """float64, shape (n_members,): distance of each member to its cluster's mean; NaN for noise."""
    distances = np.full(len(labels), np.nan)
    clustered = np.flatnonzero(labels >= 0)
    for rows in slices(clustered.size, _ROWS_AT_ONCE):
        report_step()
        members = clustered[rows]
        distances[members] = measure_distances(vectors[members], means, labels[members])
    return distances


def _count_agreed(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int32],
    members: NDArray[np.intp],
    linear: _Linear,
    report_step: Callable[[], None],
) -> int:
    """Counts those of some members that a decision puts into their own cluster."""
    agreed = 0
    for rows in slices(members.size, _ROWS_AT_ONCE):
        report_step()
        part = members[rows]
        found = (project(vectors[part], linear.weights) + linear.biases).argmax(axis=1)
        agreed += int(np.count_nonzero(found == labels[part]))
    return agreed
