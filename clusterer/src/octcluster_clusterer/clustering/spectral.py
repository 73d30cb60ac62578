"""Spectral clustering: clusters of any shape, held together by chains of near neighbours."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, eigsh

from octcluster_clusterer.clustering.neighbors import find_neighbors
from octcluster_clusterer.clustering.pair_distances import PairDistances

NEIGHBORS = 10
"""Each member is joined to itself and its nine nearest neighbours."""
_SPARE_NEIGHBORS = 3
"""Listed beyond those needed: the last one of a list cannot be told from the next without a second search."""
_TOLERANCE = 1e-6


def cluster(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Cuts the graph that joins each member to its nearest neighbours where the fewest edges are cut.

    References:
        von Luxburg, "A tutorial on spectral clustering", 2007, doi:10.1007/s11222-007-9033-z; labels from the
        eigenvectors by pivoted QR: Damle, Minden and Ying, 2019, doi:10.1093/imaiai/iay008. As
        ``sklearn.cluster.SpectralClustering`` with these choices, but in memory linear in the members.
    """
    return next(cluster_for_each(vectors, [n_clusters], seed, report_step))


def cluster_for_each(
    vectors: NDArray[np.float32], cluster_counts: Sequence[int], seed: int, report_step: Callable[[], None]
) -> Iterator[NDArray[np.int32]]:
    """Like ``cluster``, for several numbers of clusters from the same eigenvectors."""
    places = _find_places(vectors, max(cluster_counts), seed, report_step)
    for n_clusters in cluster_counts:
        report_step()
        yield _cut(places[:, :n_clusters])


def _find_places(
    vectors: NDArray[np.float32], n_axes: int, seed: int, report_step: Callable[[], None]
) -> NDArray[np.float64]:
    """Each member's place along the smoothest axes of the graph: float64, shape (n_members, n_axes)."""
    n_members = len(vectors)
    graph = _join_neighbors(vectors, report_step)
    scale = 1 / np.sqrt(graph.sum(axis=0))

    def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
        report_step()
        return scale * (graph @ (scale * values.ravel()))

    if n_members <= n_axes + 2:
        matrix = scale[:, np.newaxis] * graph.toarray() * scale
        eigenvalues, axes = scipy.linalg.eigh(matrix)
    else:
        operator = LinearOperator((n_members, n_members), matvec=smooth, dtype=np.float64)
        start = np.random.default_rng(seed).uniform(-1, 1, n_members)
        n_kept = min(n_members, max(2 * n_axes + 1, 40))
        eigenvalues, axes = eigsh(operator, n_axes, which="LA", v0=start, ncv=n_kept, tol=_TOLERANCE)
    smoothest = np.argsort(-eigenvalues, kind="stable")[:n_axes]
    return axes[:, smoothest] * scale[:, np.newaxis]


def _join_neighbors(vectors: NDArray[np.float32], report_step: Callable[[], None]) -> csr_array:
    """The graph: 1 where each of two is among the other's nearest, 1/2 where only one of them is."""
    n_members = len(vectors)
    n_neighbors = min(NEIGHBORS, n_members) - 1
    n_listed = min(n_neighbors + _SPARE_NEIGHBORS, n_members - 1)
    listed = find_neighbors(PairDistances(vectors), n_listed, n_neighbors, report_step)
    neighbors = listed.indices[:, :n_neighbors]
    rows = np.repeat(np.arange(n_members), n_neighbors)
    ones = np.ones(rows.size)
    graph = csr_array((ones, (rows, neighbors.ravel())), shape=(n_members, n_members))
    itself = csr_array((np.ones(n_members), (np.arange(n_members), np.arange(n_members))), shape=graph.shape)
    return csr_array((graph + graph.T) / 2 + itself)


def _cut(places: NDArray[np.float64]) -> NDArray[np.int32]:
    """Takes the members that differ most as corners, and puts each member to the corner it points to."""
    n_clusters = places.shape[1]
    corners = scipy.linalg.qr(places.T, pivoting=True, mode="economic")[2][:n_clusters]
    left, _, right = scipy.linalg.svd(places[corners].T)
    return np.abs(places @ (left @ right)).argmax(axis=1).astype(np.int32)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: neighbours, the graph and some forty values of each member."""
    return 2000 * n_members
