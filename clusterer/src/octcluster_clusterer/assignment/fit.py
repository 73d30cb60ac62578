"""Fitting the rules of ``assign.py`` to a run's results, without looking at any known class.

The nearest mean is taken where it gives nearly every member its own cluster back, as after K-means. Else it
is compared with the linear discriminant (Fisher, 1936, doi:10.1111/j.1469-1809.1936.tb02137.x: Gaussian
clusters of one covariance), whose covariance is shrunk towards a sphere: the one that agrees with the run on
more of the members that it was not fitted to, in five folds, is taken.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from octcluster_clusterer.assignment.assign import ClusterRule
from octcluster_clusterer.assignment.fit_steps import (
    FOLDS,
    FoldSums,
    Linear,
    Moments,
    add_sums,
    count_agreed,
    find_scatters,
    measure_members,
    sum_folds,
)
from octcluster_clusterer.engine.blocks import Blocks, cut, find_bounds
from octcluster_clusterer.tiles import add_into

MAX_RULES_BYTES = 64 * 2**20
"""Most memory of the rules of all results of a run."""
MAX_DISCRIMINANT_DIMENSION = 2048
"""Most dimensions in which a covariance matrix is computed; beyond, the nearest mean is taken."""
SHRINKAGE = 0.3
"""Share of a sphere in the covariance. On OCT features, 0.1 to 0.7 agree with held-out members alike."""
_NEARLY_ALL = 0.999
_PERCENTAGES = np.arange(1, 101)


def fit_rules(
    blocks: Blocks, labels: Sequence[NDArray[np.int32]], report_step: Callable[[], None]
) -> list[ClusterRule | None] | None:
    """Fits a rule to each result of a run.

    Args:
        blocks: The prepared vectors.
        labels: For each result int32, shape (n_members,): clusters from 0, -1 for noise.
        report_step: Called often.

    Returns:
        One rule a result, None for one without clusters; None instead of all if they would be too large.
    """
    n_clusters = sum(int(one.max(initial=-1)) + 1 for one in labels)
    if estimate_rules_bytes(n_clusters, blocks.dimension) > MAX_RULES_BYTES:
        return None
    rules = []
    scatters = _Scatters(blocks, report_step)
    for one in labels:
        report_step()
        rules.append(_fit_rule(blocks, one, scatters, report_step) if (one >= 0).any() else None)
    return rules


def estimate_rules_bytes(n_clusters: int, dimension: int) -> int:
    """The memory of rules for so many clusters in all: means and weights."""
    return 2 * 4 * n_clusters * dimension


def find_distances(
    blocks: Blocks, labels: NDArray[np.int32], report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """Finds how far members are from the mean of their cluster.

    Args:
        blocks: The prepared vectors.
        labels: int32, shape (n_members,): clusters from 0, -1 for noise.
        report_step: Called often.

    Returns:
        float32, shape (n_members,): Euclidean distances; NaN for noise.
    """
    moments = _sum_folds(blocks, labels, report_step).find_moments(range(FOLDS))
    return _measure_members(blocks, labels, moments.means, report_step).astype(np.float32)


class _Scatters:
    """Sums of products of the vectors' dimensions, over all members or without a fold, when needed."""

    def __init__(self, blocks: Blocks, report_step: Callable[[], None]) -> None:
        self._blocks = blocks
        self._report_step = report_step

    @cached_property
    def of_folds(self) -> NDArray[np.float64]:
        """float64, shape (n_folds, dimension, dimension)."""
        starts = [rows.start for rows in find_bounds(self._blocks.n_rows)]
        scatters: NDArray[np.float64] = self._blocks.reduce(
            find_scatters, add_into, each=starts, report_step=self._report_step
        )
        return scatters

    def of_all(self) -> NDArray[np.float64]:
        """float64, shape (dimension, dimension)."""
        return np.asarray(self.of_folds.sum(axis=0))

    def without(self, fold: int) -> NDArray[np.float64]:
        """float64, shape (dimension, dimension)."""
        return np.asarray(self.of_all() - self.of_folds[fold])


def _fit_rule(
    blocks: Blocks,
    labels: NDArray[np.int32],
    scatters: _Scatters,
    report_step: Callable[[], None],
) -> ClusterRule:
    by_fold = _sum_folds(blocks, labels, report_step)
    moments = by_fold.find_moments(range(FOLDS))
    distances = _measure_members(blocks, labels, moments.means, report_step)
    quantiles = np.array(
        [
            np.quantile(distances[labels == cluster], _PERCENTAGES / 100, method="inverted_cdf")
            for cluster in range(len(moments.means))
        ]
    )

    def complete(linear: Linear) -> ClusterRule:
        """Adds how far members are from their means, and how far the rule agrees with the run."""
        (agreed,) = _count_agreed(blocks, labels, [[linear] * FOLDS], report_step)
        means = moments.means.astype(np.float32)
        return ClusterRule(means, linear.weights, linear.biases, quantiles, float(agreed) / len(labels))

    rule = complete(_fit_nearest_mean(moments))
    is_nearest_mean = rule.fitted_agreement >= _NEARLY_ALL * np.mean(labels >= 0)
    if is_nearest_mean or blocks.dimension > MAX_DISCRIMINANT_DIMENSION:
        return rule
    nearest_means, discriminants = [], []
    for fold in range(FOLDS):
        report_step()
        others = by_fold.find_moments([other for other in range(FOLDS) if other != fold])
        discriminant = _fit_discriminant(others, scatters.without(fold))
        if discriminant is None:
            return rule
        nearest_means.append(_fit_nearest_mean(others))
        discriminants.append(discriminant)
    of_nearest_mean, of_discriminant = _count_agreed(
        blocks, labels, [nearest_means, discriminants], report_step
    )
    if of_discriminant <= of_nearest_mean:
        return rule
    discriminant = _fit_discriminant(moments, scatters.of_all())
    return rule if discriminant is None else complete(discriminant)


def _fit_nearest_mean(moments: Moments) -> Linear:
    """Clusters of one variance in all dimensions, each as probable as the others."""
    biases = np.where(moments.sizes > 0, -np.square(moments.means).sum(axis=1) / 2, -np.inf)
    return Linear((moments.means.T / moments.variance).astype(np.float32), biases / moments.variance)


def _fit_discriminant(moments: Moments, scatter: NDArray[np.float64]) -> Linear | None:
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
    return Linear(weights.astype(np.float32), biases)


def _number(labels: NDArray[np.int32]) -> list[tuple[NDArray[np.int32], NDArray[np.int64]]]:
    """For each block the labels and the folds of its members."""
    return list(zip(cut(labels), cut(np.arange(len(labels)) % FOLDS), strict=True))


def _sum_folds(blocks: Blocks, labels: NDArray[np.int32], report_step: Callable[[], None]) -> FoldSums:
    n_clusters = int(labels.max(initial=-1)) + 1
    return blocks.reduce(sum_folds, add_sums, n_clusters, each=_number(labels), report_step=report_step)


def _measure_members(
    blocks: Blocks,
    labels: NDArray[np.int32],
    means: NDArray[np.float64],
    report_step: Callable[[], None],
) -> NDArray[np.float64]:
    """float64, shape (n_members,): distance of each member to its cluster's mean; NaN for noise."""
    distances = np.empty(len(labels))
    for rows, own in blocks.map(
        measure_members, means.astype(np.float32), each=cut(labels), report_step=report_step
    ):
        distances[rows] = own
    return distances


def _count_agreed(
    blocks: Blocks,
    labels: NDArray[np.int32],
    decisions: Sequence[Sequence[Linear]],
    report_step: Callable[[], None],
) -> NDArray[np.int64]:
    """Counts the members that each decision, one for each fold, puts into their own cluster."""
    return blocks.reduce(count_agreed, np.add, decisions, each=_number(labels), report_step=report_step)
