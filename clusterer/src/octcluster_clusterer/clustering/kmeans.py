"""K-means: Lloyd's algorithm from k-means++ starts, the best of ten.

The ten starts go side by side: one product of the vectors with the centers of all of them costs little more
than with those of one, because it is the reading of the vectors that takes the time. All sums are added up
block by block in a fixed order: the same labels with any number of threads or workers, in little memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering.kmeans_starts import choose_centers
from octcluster_clusterer.clustering.samples import take_sample
from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.preparation.block_steps import sum_squares
from octcluster_clusterer.tiles import SHORT_TOGETHER, map_in_order, slices

STARTS = 10
MAX_ITERATIONS = 300
SEEDED_MEMBERS = 2**17
"""Of more members, the starts are drawn from a random sample of so many; the iterations are over all."""
_CENTERS_AT_ONCE = 128
_ROWS_AT_ONCE = 512
_SETTLED = 1e-4
"""A start has settled when its centers move, squared and in all, by less than this share of the variance."""
_SAME = 1e-10
"""Squared distances under this share of the squared length are rounding errors of float32."""


@dataclass
class _Start:
    """One start.

    Attributes:
        centers: float32, shape (n_clusters, dimension).
        sums: float64, shape (n_clusters, dimension): sums of the members that are nearest to each center.
        sizes: int64, shape (n_clusters,): their numbers.
        costs: float32, shape (n_clusters,): squared lengths of the centers, infinite for one that takes no
            part.
    """

    centers: NDArray[np.float32]
    sums: NDArray[np.float64]
    sizes: NDArray[np.int64]
    costs: NDArray[np.float32]

    def move(self, centers: NDArray[np.float32]) -> None:
        """Takes other centers; one of a cluster without members takes no part."""
        self.centers = centers
        self.costs = np.einsum("ij,ij->i", centers, centers)
        self.costs[self.sizes == 0] = np.inf

    @property
    def explained(self) -> float:
        """The part of the members' sum of squares that the cluster means hold: the more, the better."""
        return float((np.square(self.sums).sum(axis=1) / np.maximum(self.sizes, 1)).sum())


@dataclass
class _Sums:
    """What the members of some blocks add up to: as of ``_Start``, with the starts as first axis."""

    sums: NDArray[np.float64]
    sizes: NDArray[np.int64]


def cluster(
    blocks: Blocks,
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Finds clusters with small squared distances to their means.

    Each start goes on until its centers hardly move, the best one then until no member moves. Finds fewer
    clusters than asked for where there are fewer different vectors.

    References:
        Lloyd, "Least squares quantization in PCM", 1982, doi:10.1109/TIT.1982.1056489.
        Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    """
    seeds = np.random.SeedSequence(seed).generate_state(STARTS)
    vectors = take_sample(blocks, SEEDED_MEMBERS, np.random.default_rng(seed), report_step)
    squared_lengths = np.einsum("ij,ij->i", vectors, vectors)
    centers: list[NDArray[np.float32]] = []
    for group in slices(STARTS, max(1, _CENTERS_AT_ONCE // n_clusters)):
        randoms = [np.random.default_rng(int(start_seed)) for start_seed in seeds[group]]
        centers.extend(choose_centers(vectors, squared_lengths, n_clusters, randoms, report_step))
    return refine(blocks, centers, report_step)


def refine(
    blocks: Blocks, centers: Sequence[NDArray[np.float32]], report_step: Callable[[], None]
) -> NDArray[np.int32]:
    """Iterates from several starts and returns the labels of the best one.

    Args:
        blocks: The vectors.
        centers: Of each start, float32, shape (n_clusters, dimension).
        report_step: Called often.

    Returns:
        int32, shape (n_members,).
    """
    squares = blocks.reduce(sum_squares, np.add, report_step=report_step)
    settled = _SETTLED * float(squares.sum()) / blocks.n_rows / blocks.dimension
    best: _Start | None = None
    for group in slices(len(centers), max(1, _CENTERS_AT_ONCE // len(centers[0]))):
        starts = [_begin(own) for own in centers[group]]
        _iterate(blocks, starts, settled, report_step)
        for start in starts:
            if best is None or start.explained > best.explained:
                best = start
    assert best is not None  # noqa: S101 - there is at least one start
    _iterate(blocks, [best], 0.0, report_step)
    labels = np.empty(blocks.n_rows, dtype=np.int32)
    for rows, own in blocks.map(find_nearest, best.centers, best.costs, report_step=report_step):
        labels[rows] = own
    return labels


def _begin(centers: NDArray[np.float32]) -> _Start:
    """A start before its first assignment; of equal centers only one takes part."""
    # Rows are compared as bytes, with zeros of one sign: value by value takes seconds in wide vectors.
    rows = (centers + np.float32(0)).view(np.dtype((np.void, centers.itemsize * centers.shape[1])))
    sizes = np.zeros(len(centers), dtype=np.int64)
    sizes[np.unique(rows, return_index=True)[1]] = 1
    start = _Start(centers, np.zeros(centers.shape), sizes, np.zeros(len(centers), dtype=np.float32))
    start.move(centers)
    return start


def _iterate(
    blocks: Blocks, starts: Sequence[_Start], settled: float, report_step: Callable[[], None]
) -> None:
    """Assigns members and moves centers, in each start until none of them moves or they have settled."""
    going = list(starts)
    for _ in range(MAX_ITERATIONS):
        report_step()
        _assign(blocks, going, report_step)
        still_going = []
        for start in going:
            _fill_empty_clusters(start, blocks, report_step)
            centers = (start.sums / np.maximum(start.sizes, 1)[:, np.newaxis]).astype(np.float32)
            moves = np.square(centers - start.centers, dtype=np.float64)[start.sizes > 0].sum()
            if moves > settled:
                start.move(centers)
                still_going.append(start)
        going = still_going
        if not going:
            break


def _assign(blocks: Blocks, starts: Sequence[_Start], report_step: Callable[[], None]) -> None:
    """Finds the sums and sizes of the clusters when each member joins its nearest center, in each start."""
    centers = np.stack([start.centers for start in starts])
    costs = np.stack([start.costs for start in starts])
    found = blocks.reduce(assign_block, add_sums, centers, costs, report_step=report_step)
    for start, own_sums, own_sizes in zip(starts, found.sums, found.sizes, strict=True):
        start.sums, start.sizes = own_sums, own_sizes


def assign_block(
    block: NDArray[np.float32],
    centers: NDArray[np.float32],
    costs: NDArray[np.float32],
    *,
    report_step: Callable[[], None],
) -> _Sums:
    """Sums and sizes of the clusters of the members of a block.

    Args:
        block: float32, shape (n_rows, dimension).
        centers: float32, shape (n_starts, n_clusters, dimension).
        costs: float32, shape (n_starts, n_clusters): the centers' squared lengths, or what is more.
        report_step: Called often.
    """
    n_starts, n_clusters, dimension = centers.shape
    flat_centers = centers.reshape(-1, dimension)
    numbers = np.arange(n_clusters)[:, np.newaxis]

    def assign_rows(rows: slice) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        own = block[rows]
        distances = flat_centers @ own.T
        distances *= -2
        distances += costs.reshape(-1, 1)
        by_start = distances.reshape(n_starts, n_clusters, -1)
        memberships = np.empty(by_start.shape, dtype=np.float32)
        for of_start, own_memberships in zip(by_start, memberships, strict=True):
            np.equal(of_start.argmin(axis=0), numbers, out=own_memberships, casting="unsafe")
        sizes = memberships.sum(axis=2).astype(np.int64)
        return memberships.reshape(distances.shape) @ own, sizes

    found = _Sums(np.zeros(centers.shape), np.zeros((n_starts, n_clusters), dtype=np.int64))
    for _, (of_rows, sizes_of_rows) in map_in_order(
        assign_rows, slices(len(block), _ROWS_AT_ONCE), SHORT_TOGETHER
    ):
        report_step()
        found.sums += of_rows.reshape(centers.shape)
        found.sizes += sizes_of_rows
    return found


def add_sums(total: _Sums, more: _Sums) -> _Sums:
    """Adds those of other members, in place."""
    total.sums += more.sums
    total.sizes += more.sizes
    return total


def find_nearest(
    block: NDArray[np.float32],
    centers: NDArray[np.float32],
    costs: NDArray[np.float32],
    *,
    report_step: Callable[[], None],
) -> NDArray[np.int32]:
    """int32, shape (n_rows,): each member's nearest center; arguments as of ``assign_block``, one start's."""

    def find(rows: slice) -> NDArray[np.int32]:
        distances = centers @ block[rows].T
        distances *= -2
        distances += costs[:, np.newaxis]
        return distances.argmin(axis=0).astype(np.int32)

    nearest = np.empty(len(block), dtype=np.int32)
    for rows, own in map_in_order(find, slices(len(block), _ROWS_AT_ONCE), SHORT_TOGETHER):
        report_step()
        nearest[rows] = own
    return nearest


def find_farthest(
    block: NDArray[np.float32],
    centers: NDArray[np.float32],
    costs: NDArray[np.float32],
    count: int,
    *,
    report_step: Callable[[], None],
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.int32]]:
    """The members that are farthest from their nearest center; centers and costs as of ``find_nearest``.

    Returns:
        So many members, or all if there are fewer, farthest first: their rows, their squared distances, and
        their nearest centers.
    """
    nearest = find_nearest(block, centers, costs, report_step=report_step)
    offsets = block - centers[nearest]
    distances = np.einsum("ij,ij->i", offsets, offsets)
    rows = np.argsort(-distances, kind="stable")[:count]
    return rows, distances[rows], nearest[rows]


def _fill_empty_clusters(start: _Start, blocks: Blocks, report_step: Callable[[], None]) -> None:
    """Gives each empty cluster the member farthest from its own center, unless all sit on their centers."""
    empty = np.flatnonzero(start.sizes == 0)
    if not empty.size:
        return
    found = [
        (rows.start + own_rows, distances, nearest)
        for rows, (own_rows, distances, nearest) in blocks.map(
            find_farthest, start.centers, start.costs, empty.size, report_step=report_step
        )
    ]
    rows, distances, nearest = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.argsort(-distances, kind="stable")[: empty.size]
    vectors = blocks.take(rows[order]).astype(np.float64)
    for cluster_index, vector, old in zip(empty, vectors, nearest[order], strict=False):
        offset = vector - start.sums[old] / start.sizes[old]
        if offset @ offset <= _SAME * float(vector @ vector):
            return
        start.sums[old] -= vector
        start.sums[cluster_index] = vector
        start.sizes[old] -= 1
        start.sizes[cluster_index] = 1
