"""K-means: Lloyd's algorithm from k-means++ starts, the best of ten.

The ten starts go side by side: one product of the vectors with the centers of all of them costs little more
than with those of one, because it is the reading of the vectors that takes the time. All sums are added up
block by block in a fixed order: the same labels with any number of threads, in little memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering.kmeans_starts import choose_centers
from octcluster_clusterer.tiles import map_in_order, slices

STARTS = 10
MAX_ITERATIONS = 300
_CENTERS_AT_ONCE = 128
_ROWS_AT_ONCE = 512
_SETTLED = 1e-4
"""A start has settled when its centers move, squared and in all, by less than this share of the variance."""
_SAME = 1e-10
"""Squared distances under this share of the squared length are rounding errors of float32."""


@dataclass
class _Start:
    """One start: each member's nearest center, and what the next centers need.

    Attributes:
        centers: float32, shape (n_clusters, dimension).
        labels: int32, shape (n_members,).
        distances: float32, shape (n_members,): squared distance to it, less the member's squared length.
        sums: float64, shape (n_clusters, dimension): sums of the clusters' members.
        sizes: int64, shape (n_clusters,); a cluster of size 0 takes no part.
    """

    centers: NDArray[np.float32]
    labels: NDArray[np.int32]
    distances: NDArray[np.float32]
    sums: NDArray[np.float64]
    sizes: NDArray[np.int64]

    @property
    def explained(self) -> float:
        """The part of the members' sum of squares that the cluster means hold: the more, the better."""
        return float((np.square(self.sums).sum(axis=1) / np.maximum(self.sizes, 1)).sum())


def cluster(
    vectors: NDArray[np.float32],
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
    squared_lengths = np.einsum("ij,ij->i", vectors, vectors)
    seeds = np.random.SeedSequence(seed).generate_state(STARTS)
    centers: list[NDArray[np.float32]] = []
    for group in slices(STARTS, max(1, _CENTERS_AT_ONCE // n_clusters)):
        randoms = [np.random.default_rng(int(start_seed)) for start_seed in seeds[group]]
        centers.extend(choose_centers(vectors, squared_lengths, n_clusters, randoms, report_step))
    return refine(vectors, centers, report_step)


def refine(
    vectors: NDArray[np.float32], centers: Sequence[NDArray[np.float32]], report_step: Callable[[], None]
) -> NDArray[np.int32]:
    """Iterates from several starts and returns the labels of the best one.

    Args:
        vectors: float32, shape (n_members, dimension).
        centers: Of each start, float32, shape (n_clusters, dimension).
        report_step: Called often.

    Returns:
        int32, shape (n_members,).
    """
    squared_lengths = np.einsum("ij,ij->i", vectors, vectors)
    settled = _SETTLED * float(squared_lengths.mean(dtype=np.float64)) / vectors.shape[1]
    best: _Start | None = None
    for group in slices(len(centers), max(1, _CENTERS_AT_ONCE // len(centers[0]))):
        starts = [_begin(own, len(vectors)) for own in centers[group]]
        _iterate(vectors, squared_lengths, starts, settled, report_step)
        for start in starts:
            if best is None or start.explained > best.explained:
                best = start
    assert best is not None  # noqa: S101 - there is at least one start
    _iterate(vectors, squared_lengths, [best], 0.0, report_step)
    return best.labels


def _begin(centers: NDArray[np.float32], n_members: int) -> _Start:
    """A start before its first assignment; of equal centers only one takes part."""
    # Rows are compared as bytes, with zeros of one sign: value by value takes seconds in wide vectors.
    rows = (centers + np.float32(0)).view(np.dtype((np.void, centers.itemsize * centers.shape[1])))
    sizes = np.zeros(len(centers), dtype=np.int64)
    sizes[np.unique(rows, return_index=True)[1]] = 1
    return _Start(
        centers,
        np.full(n_members, -1, dtype=np.int32),
        np.zeros(n_members, dtype=np.float32),
        np.zeros(centers.shape),
        sizes,
    )


def _iterate(
    vectors: NDArray[np.float32],
    squared_lengths: NDArray[np.float32],
    starts: Sequence[_Start],
    settled: float,
    report_step: Callable[[], None],
) -> None:
    """Assigns members and moves centers, in each start until no member moves or its centers have settled."""
    going = list(starts)
    for _ in range(MAX_ITERATIONS):
        report_step()
        before = [start.labels.copy() for start in going]
        _assign(vectors, going, report_step)
        still_going = []
        for start, old_labels in zip(going, before, strict=True):
            _fill_empty_clusters(start, vectors, squared_lengths)
            if np.array_equal(start.labels, old_labels):
                continue
            centers = (start.sums / np.maximum(start.sizes, 1)[:, np.newaxis]).astype(np.float32)
            shift = float(np.square(centers - start.centers, dtype=np.float64)[start.sizes > 0].sum())
            start.centers = centers
            if shift > settled:
                still_going.append(start)
        going = still_going
        if not going:
            break


def _assign(vectors: NDArray[np.float32], starts: Sequence[_Start], report_step: Callable[[], None]) -> None:
    """Finds each member's nearest center in each of the starts, and the sums and sizes of the clusters."""
    n_starts, (n_clusters, dimension) = len(starts), starts[0].centers.shape
    centers = np.vstack([start.centers for start in starts])
    squared_centers = np.einsum("ij,ij->i", centers, centers)
    squared_centers[np.concatenate([start.sizes == 0 for start in starts])] = np.inf
    numbers = np.arange(n_clusters, dtype=np.int32)[:, np.newaxis]

    def assign_rows(rows: slice) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        block = vectors[rows]
        distances = centers @ block.T
        distances *= -2
        distances += squared_centers[:, np.newaxis]
        by_start = distances.reshape(n_starts, n_clusters, -1)
        memberships = np.empty(by_start.shape, dtype=np.float32)
        for start, own, own_memberships in zip(starts, by_start, memberships, strict=True):
            labels = own.argmin(axis=0)
            start.labels[rows] = labels
            start.distances[rows] = own.min(axis=0)
            np.equal(labels, numbers, out=own_memberships, casting="unsafe")
        sizes = memberships.sum(axis=2).astype(np.int64)
        return memberships.reshape(distances.shape) @ block, sizes

    sums = np.zeros((n_starts, n_clusters, dimension))
    sizes = np.zeros((n_starts, n_clusters), dtype=np.int64)
    for _, (of_block, sizes_of_block) in map_in_order(assign_rows, slices(len(vectors), _ROWS_AT_ONCE)):
        report_step()
        sums += of_block.reshape(sums.shape)
        sizes += sizes_of_block
    for start, own_sums, own_sizes in zip(starts, sums, sizes, strict=True):
        start.sums, start.sizes = own_sums, own_sizes


def _fill_empty_clusters(
    start: _Start, vectors: NDArray[np.float32], squared_lengths: NDArray[np.float32]
) -> None:
    """Gives each empty cluster the member farthest from its own center, unless all sit on their centers."""
    empty = np.flatnonzero(start.sizes == 0)
    if not empty.size:
        return
    distances = start.distances + squared_lengths
    for cluster_index in empty:
        farthest = int(distances.argmax())
        vector, old = vectors[farthest].astype(np.float64), start.labels[farthest]
        offset = vector - start.sums[old] / start.sizes[old]
        if offset @ offset <= _SAME * float(squared_lengths[farthest]):
            return
        distances[farthest] = -np.inf
        start.labels[farthest] = cluster_index
        start.sums[old] -= vector
        start.sums[cluster_index] = vector
        start.sizes[old] -= 1
        start.sizes[cluster_index] = 1
