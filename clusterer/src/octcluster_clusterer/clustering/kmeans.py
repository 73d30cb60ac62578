"""K-means: Lloyd's algorithm from k-means++ starts, the best of ten.

The starts are scikit-learn's, the iterations are our own: scikit-learn's change the vectors for a while,
copy them twice when a cluster falls empty, and add up in an order that depends on the number of threads.
These work on blocks of rows in a fixed order: the same labels with any number of threads, in little memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import kmeans_plusplus

from octcluster_clusterer.tiles import map_in_order, slices

STARTS = 10
MAX_ITERATIONS = 300
_ROWS_AT_ONCE = 1024
_SAME = 1e-10
"""Squared distances under this share of the squared length are rounding errors of float32."""


@dataclass
class _Assignment:
    """Each member's nearest center, and what the next centers need.

    Attributes:
        labels: int32, shape (n_members,).
        distances: float32, shape (n_members,): squared distance to it, less the member's squared length.
        sums: float64, shape (n_clusters, dimension): sums of the clusters' members.
        sizes: int64, shape (n_clusters,).
    """

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

    Each start goes on until no member moves. Finds fewer clusters than asked for where there are fewer
    different vectors.

    References:
        Lloyd, "Least squares quantization in PCM", 1982, doi:10.1109/TIT.1982.1056489.
        Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    """
    squared_lengths = np.einsum("ij,ij->i", vectors, vectors)
    best: _Assignment | None = None
    for start_seed in np.random.SeedSequence(seed).generate_state(STARTS):
        report_step()
        centers, _ = kmeans_plusplus(
            vectors, n_clusters, x_squared_norms=squared_lengths, random_state=int(start_seed)
        )
        found = _iterate(vectors, squared_lengths, np.unique(centers, axis=0), report_step)
        if best is None or found.explained > best.explained:
            best = found
    assert best is not None  # noqa: S101 - there is at least one start
    return best.labels


def _iterate(
    vectors: NDArray[np.float32],
    squared_lengths: NDArray[np.float32],
    centers: NDArray[np.float32],
    report_step: Callable[[], None],
) -> _Assignment:
    """Assigns members and moves centers until no member moves."""
    assignment = _assign(vectors, centers)
    for _ in range(MAX_ITERATIONS):
        report_step()
        _fill_empty_clusters(assignment, vectors, squared_lengths)
        sizes = np.maximum(assignment.sizes, 1)[:, np.newaxis]
        following = _assign(vectors, (assignment.sums / sizes).astype(np.float32))
        unmoved = np.array_equal(following.labels, assignment.labels)
        assignment = following
        if unmoved:
            break
    return assignment


def _assign(vectors: NDArray[np.float32], centers: NDArray[np.float32]) -> _Assignment:
    n_members, n_clusters = len(vectors), len(centers)
    squared_centers = np.einsum("ij,ij->i", centers, centers)
    assignment = _Assignment(
        np.empty(n_members, dtype=np.int32),
        np.empty(n_members, dtype=np.float32),
        np.zeros(centers.shape),
        np.zeros(n_clusters, dtype=np.int64),
    )

    def assign_rows(rows: slice) -> NDArray[np.float32]:
        block = vectors[rows]
        distances = block @ centers.T
        distances *= -2
        distances += squared_centers
        labels = distances.argmin(axis=1)
        assignment.labels[rows] = labels
        assignment.distances[rows] = distances[np.arange(labels.size), labels]
        memberships = (np.arange(n_clusters)[:, np.newaxis] == labels).astype(np.float32)
        return memberships @ block

    for _, sums in map_in_order(assign_rows, slices(n_members, _ROWS_AT_ONCE)):
        assignment.sums += sums
    assignment.sizes += np.bincount(assignment.labels, minlength=n_clusters)
    return assignment


def _fill_empty_clusters(
    assignment: _Assignment, vectors: NDArray[np.float32], squared_lengths: NDArray[np.float32]
) -> None:
    """Gives each empty cluster the member farthest from its own center, unless all sit on their centers."""
    empty = np.flatnonzero(assignment.sizes == 0)
    if not empty.size:
        return
    distances = assignment.distances + squared_lengths
    for cluster_index in empty:
        farthest = int(distances.argmax())
        vector, old = vectors[farthest].astype(np.float64), assignment.labels[farthest]
        offset = vector - assignment.sums[old] / assignment.sizes[old]
        if offset @ offset <= _SAME * float(squared_lengths[farthest]):
            return
        distances[farthest] = -np.inf
        assignment.labels[farthest] = cluster_index
        assignment.sums[old] -= vector
        assignment.sums[cluster_index] = vector
        assignment.sizes[old] -= 1
        assignment.sizes[cluster_index] = 1
