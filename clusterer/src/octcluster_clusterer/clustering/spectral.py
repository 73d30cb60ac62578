"""Spectral clustering: clusters of any shape, held together by chains of near neighbours."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh

from octcluster_clusterer.clustering import joining
from octcluster_clusterer.clustering.neighbors import find_neighbors
from octcluster_clusterer.clustering.pair_distances import PairDistances
from octcluster_clusterer.model import Algorithm

NEIGHBORS = 10
"""Each member is joined to itself and its nine nearest neighbours."""
_SPARE_NEIGHBORS = 3
"""Listed beyond those needed: the last one of a list cannot be told from the next without a second search."""
_TOLERANCE = 1e-6
_BYTES_A_MEMBER = 2000


def cluster(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Cuts the graph that joins each member to its nearest neighbours where the fewest edges are cut.

    A graph that falls apart into more pieces than there shall be clusters is not cut: the pieces with the
    most edges are the clusters, and each other piece joins the one that is nearest to most of its members.

    Of more than ``joining.WHOLE_MEMBERS`` members a random sample is cut so, and each other member is put
    where its nearest sampled one is.

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
    sample = joining.draw_clustered(len(vectors), seed)
    clustered = vectors if sample is None else vectors[sample]
    joined = slice(None) if sample is None else joining.join(vectors, sample, report_step)
    graph = _join_neighbors(clustered, report_step)
    piece_of = connected_components(graph, directed=False)[1]
    places = _find_places(graph, piece_of, max(cluster_counts), seed, report_step)
    for n_clusters in cluster_counts:
        report_step()
        yield _label(clustered, places[:, :n_clusters], piece_of, report_step)[joined]


def _find_places(
    graph: csr_array,
    piece_of: NDArray[np.int32],
    n_axes: int,
    seed: int,
    report_step: Callable[[], None],
) -> NDArray[np.float64]:
    """Each member's place along the smoothest axes of the graph: float64, shape (n_members, n_axes).

    Each piece of the graph has an axis of its own, equally smooth. A search from one start cannot find
    several such axes: they are written down, and the search is for what is smooth beside them.
    """
    n_members = len(piece_of)
    scale = 1 / np.sqrt(graph.sum(axis=0))
    pieces = _find_piece_axes(piece_of, scale, n_axes)
    if pieces.shape[1] == n_axes:
        return pieces * scale[:, np.newaxis]

    def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
        report_step()
        beside = values.ravel() - pieces @ (pieces.T @ values.ravel())
        smoothed = scale * (graph @ (scale * beside))
        return smoothed - pieces @ (pieces.T @ smoothed)

    n_axes -= pieces.shape[1]
    if n_members <= n_axes + pieces.shape[1] + 2:
        matrix = scale[:, np.newaxis] * graph.toarray() * scale
        eigenvalues, axes = scipy.linalg.eigh(matrix - 2 * pieces @ pieces.T)
    else:
        operator = LinearOperator((n_members, n_members), matvec=smooth, dtype=np.float64)
        start = np.random.default_rng(seed).uniform(-1, 1, n_members)
        n_kept = min(n_members, max(2 * n_axes + 1, 40))
        eigenvalues, axes = eigsh(operator, n_axes, which="LA", v0=start, ncv=n_kept, tol=_TOLERANCE)
    smoothest = np.argsort(-eigenvalues, kind="stable")[:n_axes]
    return np.hstack([pieces, axes[:, smoothest]]) * scale[:, np.newaxis]


def _find_piece_axes(
    piece_of: NDArray[np.int32], scale: NDArray[np.float64], n_axes: int
) -> NDArray[np.float64]:
    """The axes of the pieces of a graph, at most so many: float64, shape (n_members, n_pieces).

    The piece with the most edges comes first. A graph in one piece has none: it is found with the others.
    """
    if not piece_of.any():
        return np.empty((len(scale), 0))
    weights = np.bincount(piece_of, 1 / scale**2)
    largest = np.argsort(-weights, kind="stable")[:n_axes]
    members = (piece_of[:, np.newaxis] == largest) / scale[:, np.newaxis]
    axes: NDArray[np.float64] = members / np.sqrt(weights[largest])
    return axes


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


def _label(
    vectors: NDArray[np.float32],
    places: NDArray[np.float64],
    piece_of: NDArray[np.int32],
    report_step: Callable[[], None],
) -> NDArray[np.int32]:
    """The cluster of each member; a piece without an axis joins the one nearest to most of its members."""
    labels = _cut(places)
    placed = places.any(axis=1)
    if placed.all():
        return labels
    left = np.flatnonzero(~placed)
    votes = np.zeros((piece_of.max() + 1, places.shape[1]), dtype=np.int64)
    for rows, _, nearest in joining.find_nearest(vectors[left], vectors[placed], 1, report_step):
        np.add.at(votes, (piece_of[left[rows]], labels[placed][nearest[:, 0]]), 1)
    labels[left] = votes.argmax(axis=1)[piece_of[left]]
    return labels


def _cut(places: NDArray[np.float64]) -> NDArray[np.int32]:
    """Takes the members that differ most as corners, and puts each member to the corner it points to."""
    n_clusters = places.shape[1]
    corners = scipy.linalg.qr(places.T, pivoting=True, mode="economic")[2][:n_clusters]
    left, _, right = scipy.linalg.svd(places[corners].T)
    return np.abs(places @ (left @ right)).argmax(axis=1).astype(np.int32)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: neighbours, the graph and some forty values of each member."""
    n_clustered = joining.count_clustered(Algorithm.SPECTRAL, n_members)
    if n_clustered is None:
        return _BYTES_A_MEMBER * n_members
    return (_BYTES_A_MEMBER + 4 * dimension) * n_clustered + 16 * n_members
