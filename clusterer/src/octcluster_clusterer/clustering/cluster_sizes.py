"""Uneven clusters: what K-means takes for granted, that all clusters are of one size, is taken off.

The classification likelihood of Gaussian clusters of one variance is, but for constants,

    - sum of squared distances / 2 variance + sum over clusters of size * log(share)

K-means leaves the second sum out, as if all shares were equal, and so cuts a large cluster rather than find a
small one. Here it counts, times a weight: twice the variance if all dimensions are independent, more if they
repeat each other. The weight 0 is K-means.

References:
    Symons, "Clustering criteria and multivariate normal mixtures", Biometrics 37, 1981, doi:10.2307/2530520.
    Celeux and Govaert, "A classification EM algorithm for clustering and two stochastic versions", CSDA 14,
    1992, doi:10.1016/0167-9473(92)90042-E.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering.kmeans import add_sums, assign_block, find_nearest
from octcluster_clusterer.engine.blocks import Blocks

_MAX_ROUNDS = 100
_NEVER = 1e30


def value_sizes(sizes: NDArray[Any], weight: float) -> NDArray[np.float64]:
    """What the sizes of clusters are worth: 0 for even ones, more the less even they are.

    Args:
        sizes: Shape (..., n_clusters): number of members of each cluster.
        weight: What a member's log share is worth.

    Returns:
        float64, shape (...,), from 0 to ``weight * n_members * log(n_clusters)``.
    """
    if not weight:
        return np.zeros(sizes.shape[:-1])
    n_members, n_clusters = sizes.sum(axis=-1, keepdims=True), sizes.shape[-1]
    value: NDArray[np.float64] = weight * _sum_logs(sizes, n_members / n_clusters).sum(axis=-1)
    return np.maximum(value, 0)


class SizeTables:
    """What follows from the size of a cluster, for each size: looked up, for it is asked at every move.

    Attributes:
        leaving_factors: float32, shape (n_members + 1,), as all: the share of its squared distance that a
            member leaves with, n / (n - 1); 0 for the last one.
        joining_factors: The share that another one joins with, n / (n + 1).
        of_leaving: What a member adds to the value of the size; None if sizes do not count.
        of_joining: What another one would add; None if sizes do not count.
    """

    def __init__(self, n_members: int, n_clusters: int, weight: float) -> None:
        """Computes the tables; ``weight`` is what a member's log share is worth, 0 if sizes do not count."""
        sizes = np.arange(n_members + 1, dtype=np.float32)
        self.leaving_factors = np.divide(sizes, sizes - 1, out=np.zeros_like(sizes), where=sizes > 1)
        self.joining_factors = sizes / (sizes + 1)
        self.of_leaving: NDArray[np.float32] | None = None
        self.of_joining: NDArray[np.float32] | None = None
        self._weight = weight
        if weight:
            self._logs = _sum_logs(sizes, n_members / n_clusters)
            self.of_leaving, self.of_joining = find_values_of_moves(sizes, n_members, weight)

    def add_value(self, explained: NDArray[np.float64], sizes: NDArray[np.intp]) -> NDArray[np.float64]:
        """Adds what the sizes are worth to what the means explain; 0 where a cluster has lost all members.

        Args:
            explained: float64, shape (n_groupings,), 0 or more.
            sizes: Shape (n_groupings, n_clusters).

        Returns:
            float64, shape (n_groupings,).
        """
        if not self._weight:
            return explained
        value = np.maximum(self._weight * self._logs[sizes].sum(axis=1), 0)
        return np.where(sizes.all(axis=1), explained + value, 0.0)


def find_largest_value(n_members: int, n_clusters: int, weight: float) -> float:
    """What sizes can be worth at most: the value of one cluster that has all members."""
    return weight * n_members * float(np.log(n_clusters))


def find_values_of_moves(
    sizes: NDArray[Any], n_members: int, weight: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a cluster's member adds to the value of its size, and what another member would add.

    The last member of a cluster never leaves it: a cluster that was asked for stays.

    Args:
        sizes: Shape (n_groupings, n_clusters).
        n_members: Number of members in all.
        weight: What a member's log share is worth.

    Returns:
        Of those that leave and of those that join: float32, shape (n_groupings, n_clusters).
    """
    here = _sum_logs(sizes, n_members)
    leaving = np.where(sizes > 1, here - _sum_logs(sizes - 1, n_members), _NEVER)
    joining = _sum_logs(sizes + 1, n_members) - here
    return np.float32(weight) * leaving.astype(np.float32), np.float32(weight) * joining.astype(np.float32)


def find_head_starts(sizes: NDArray[Any], weight: float) -> NDArray[np.float32]:
    """By how much of squared distance each cluster is preferred for its size; 0 for one without members.

    Args:
        sizes: Shape (n_clusters,).
        weight: What a member's log share is worth.

    Returns:
        float32, shape (n_clusters,), 0 or less.
    """
    shares = np.maximum(sizes, 1) / max(1, int(sizes.sum()))
    return (weight * np.log(shares)).astype(np.float32)


def settle(
    blocks: Blocks,
    means: NDArray[np.float32],
    sizes: NDArray[Any],
    weight: float,
    report_step: Callable[[], None],
) -> NDArray[np.int32]:
    """Moves all members to where they are best, and the means after them, until no member moves.

    Args:
        blocks: The vectors.
        means: float32, shape (n_clusters, dimension): where to begin, found on a sample.
        sizes: Shape (n_clusters,): the clusters' members in the sample.
        weight: What a member's log share is worth.
        report_step: Called often.

    Returns:
        int32, shape (n_members,).
    """
    for _ in range(_MAX_ROUNDS):
        costs = np.square(means).sum(axis=1) - find_head_starts(sizes, weight)
        costs[sizes == 0] = np.inf
        found = blocks.reduce(
            assign_block, add_sums, means[np.newaxis], costs[np.newaxis], report_step=report_step
        )
        before, sizes_before = means, sizes
        sizes = found.sizes[0]
        means = (found.sums[0] / np.maximum(sizes, 1)[:, np.newaxis]).astype(np.float32)
        if np.array_equal(means, before) and np.array_equal(sizes, sizes_before):
            break
    labels = np.empty(blocks.n_rows, dtype=np.int32)
    for rows, own in blocks.map(find_nearest, before, costs, report_step=report_step):
        labels[rows] = own
    return labels


def _sum_logs(sizes: NDArray[Any], whole: Any) -> NDArray[np.float64]:
    """Size times the logarithm of its share of the whole; 0 for nothing."""
    counts = sizes.astype(np.float64)
    logs: NDArray[np.float64] = counts * np.log(np.maximum(counts, 1) / whole)
    return logs
