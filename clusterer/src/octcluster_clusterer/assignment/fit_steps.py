"""What fitting asks of each block of prepared vectors; see ``engine/blocks.py``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.assignment.assign import measure_distances
from octcluster_clusterer.preparation.fitted import project
from octcluster_clusterer.tiles import map_in_order, slices

FOLDS = 5
_ROWS_AT_ONCE = 1024
_SMALLEST_VARIANCE = 1e-9
"""Of the members around their means, as a share of their mean squared length: where clusters are points."""


@dataclass(frozen=True)
class Linear:
    """The decision of a rule: see ``ClusterRule``."""

    weights: NDArray[np.float32]
    biases: NDArray[np.float64]


@dataclass(frozen=True)
class FoldSums:
    """What the clustered members of each fold add up to.

    Attributes:
        sums: float64, shape (n_folds, n_clusters, dimension).
        sizes: int64, shape (n_folds, n_clusters).
        squares: float64, shape (n_folds,): sums of their squared lengths.
    """

    sums: NDArray[np.float64]
    sizes: NDArray[np.int64]
    squares: NDArray[np.float64]

    def find_moments(self, folds: Sequence[int]) -> "Moments":
        """The moments of the members of some folds."""
        sums, sizes, squares = (
            values[list(folds)].sum(axis=0) for values in (self.sums, self.sizes, self.squares)
        )
        means = sums / np.maximum(sizes, 1)[:, np.newaxis]
        around = float(squares) - float((np.square(means).sum(axis=1) * sizes).sum())
        least = _SMALLEST_VARIANCE * float(squares)
        variance = max(around, least) / (max(int(sizes.sum()), 1) * means.shape[1])
        return Moments(sizes, means, variance or 1.0)


@dataclass(frozen=True)
class Moments:
    """Some members of the clusters of a result.

    Attributes:
        sizes: int64, shape (n_clusters,).
        means: float64, shape (n_clusters, dimension); 0 for an empty cluster.
        variance: Mean square around the means in one dimension, at least a little above 0.
    """

    sizes: NDArray[np.int64]
    means: NDArray[np.float64]
    variance: float


def sum_folds(
    block: NDArray[np.float32],
    n_clusters: int,
    each: tuple[NDArray[np.int32], NDArray[np.int64]],
    *,
    report_step: Callable[[], None],
) -> FoldSums:
    """Sums of the members of a block; ``each``: their labels, -1 for noise, and folds."""
    labels, folds = each
    dimension = block.shape[1]
    sums = np.zeros((FOLDS * n_clusters, dimension))
    squares = np.zeros(FOLDS)
    for rows in slices(len(block), _ROWS_AT_ONCE):
        report_step()
        members = np.flatnonzero(labels[rows] >= 0) + rows.start
        own = block[members].astype(np.float64)
        cells = folds[members] * n_clusters + labels[members]
        sums += (np.arange(len(sums))[:, np.newaxis] == cells) @ own
        squares += np.bincount(folds[members], np.square(own).sum(axis=1), FOLDS)
    clustered = labels >= 0
    cells = folds[clustered] * n_clusters + labels[clustered]
    sizes = np.bincount(cells, minlength=FOLDS * n_clusters)
    return FoldSums(sums.reshape(FOLDS, n_clusters, dimension), sizes.reshape(FOLDS, n_clusters), squares)


def add_sums(total: FoldSums, more: FoldSums) -> FoldSums:
    """Adds those of other members."""
    return FoldSums(total.sums + more.sums, total.sizes + more.sizes, total.squares + more.squares)


def find_scatters(
    block: NDArray[np.float32], start: int, *, report_step: Callable[[], None]
) -> NDArray[np.float64]:
    """Sums of products of a block's dimensions in each fold; ``start``: the number of its first member."""
    scatters = np.zeros((FOLDS, block.shape[1], block.shape[1]))

    def multiply(fold: int) -> NDArray[np.float64]:
        members = block[(fold - start) % FOLDS :: FOLDS]
        scatter = np.zeros(scatters.shape[1:])
        for rows in slices(len(members), _ROWS_AT_ONCE):
            own = np.ascontiguousarray(members[rows])
            scatter += own.T @ own
        return scatter

    for fold, scatter in map_in_order(multiply, range(FOLDS)):
        scatters[fold] = scatter
        report_step()
    return scatters


def measure_members(
    block: NDArray[np.float32],
    means: NDArray[np.float32],
    labels: NDArray[np.int32],
    *,
    report_step: Callable[[], None],
) -> NDArray[np.float64]:
    """float64, shape (n_rows,): distance of each member to its cluster's mean; NaN for noise."""
    distances = np.full(len(block), np.nan)
    clustered = np.flatnonzero(labels >= 0)
    for rows in slices(clustered.size, _ROWS_AT_ONCE):
        report_step()
        members = clustered[rows]
        distances[members] = measure_distances(block[members], means, labels[members])
    return distances


def count_agreed(
    block: NDArray[np.float32],
    decisions: Sequence[Sequence[Linear]],
    each: tuple[NDArray[np.int32], NDArray[np.int64]],
    *,
    report_step: Callable[[], None],
) -> NDArray[np.int64]:
    """int64, shape (n_decisions,): how many members of a block are put into their own cluster.

    Args:
        block: float32, shape (n_rows, dimension).
        decisions: Each has a decision for each fold, for the members of that fold.
        each: The members' labels, -1 for noise, and folds.
        report_step: Called often.
    """
    labels, folds = each
    agreed = np.zeros(len(decisions), dtype=np.int64)
    for fold in range(FOLDS):
        members = np.flatnonzero((folds == fold) & (labels >= 0))
        for rows in slices(members.size, _ROWS_AT_ONCE):
            report_step()
            own = block[members[rows]]
            for number, decision in enumerate(decisions):
                values = project(own, decision[fold].weights) + decision[fold].biases
                agreed[number] += np.count_nonzero(values.argmax(axis=1) == labels[members[rows]])
    return agreed
