"""The graph that UMAP draws: how surely each member belongs to the neighbourhood of each other one."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from octcluster_clusterer.tiles import map_in_order, slices

NEIGHBORS = 15
"""Members of a neighbourhood, the member itself among them: UMAP's usual choice."""
_MAX_ROWS_AT_ONCE = 1024
_OPERATIONS_AT_ONCE = 2**33
_BISECTIONS = 64
_TOLERANCE = 1e-5
_LEAST_WIDTH = 1e-3
"""Least width of a neighbourhood, as a share of the mean distance to its members."""


def join_neighbors(vectors: NDArray[np.float32], report_step: Callable[[], None]) -> csr_array:
    """Joins each member to its nearest ones.

    As ``umap.umap_.fuzzy_simplicial_set``, which would compile for five seconds in each process first, and
    for a minute where it looks for the neighbours itself.

    Args:
        vectors: float32, shape (n_members, dimension), at least 2 members.
        report_step: Called often.

    Returns:
        float32, shape (n_members, n_members), symmetric: 1 for the nearest member, less for others.

    References:
        McInnes, Healy and Melville, "UMAP: uniform manifold approximation and projection for dimension
        reduction", 2018, arXiv:1802.03426, section 3.1.
    """
    n_members = len(vectors)
    n_others = min(NEIGHBORS, n_members) - 1
    indices, distances = _find_nearest(vectors, n_others, report_step)
    memberships = find_memberships(distances, report_step)
    starts = np.arange(0, n_members * n_others + 1, n_others)
    graph = csr_array((memberships.ravel(), indices.ravel(), starts), shape=(n_members, n_members))
    graph.eliminate_zeros()
    either = csr_array(graph + graph.T - graph.multiply(graph.T))
    either.eliminate_zeros()
    return either


def _find_nearest(
    vectors: NDArray[np.float32], n_others: int, report_step: Callable[[], None]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The nearest others of each member: int32 and float64, shape (n_members, n_others), nearest first."""
    # Imported here: scikit-learn takes two seconds of processor time, and runs without a map do without.
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415

    search = NearestNeighbors(n_neighbors=n_others + 1, algorithm="brute").fit(vectors)
    shape = (len(vectors), n_others)
    indices, distances = np.empty(shape, dtype=np.int32), np.empty(shape)
    n_rows = min(_MAX_ROWS_AT_ONCE, max(1, _OPERATIONS_AT_ONCE // (2 * vectors.size)))
    blocks = slices(len(vectors), n_rows)
    for rows, (far, near) in map_in_order(lambda rows: search.kneighbors(vectors[rows]), blocks):
        itself = near == np.arange(rows.start, rows.stop)[:, np.newaxis]
        itself[~itself.any(axis=1), -1] = True  # among many at the same place it may be left out
        indices[rows] = near[~itself].reshape(-1, n_others)
        distances[rows] = far[~itself].reshape(-1, n_others)
        report_step()
    return indices, distances


def find_memberships(distances: NDArray[np.float64], report_step: Callable[[], None]) -> NDArray[np.float32]:
    """Turns distances to the nearest members into how surely these belong to the neighbourhood.

    The sum of a neighbourhood is the binary logarithm of its size, with the member itself; its width makes
    it so.

    Args:
        distances: float64, shape (n_members, n_others), rising in each row.
        report_step: Called often.

    Returns:
        float32, of the same shape, 0 to 1: 1 for the nearest member that is not at the same place.
    """
    positive = np.where(distances > 0, distances, np.inf)
    nearest = positive.min(axis=1, initial=np.inf)
    nearest[np.isinf(nearest)] = 0
    beyond = np.maximum(distances - nearest[:, np.newaxis], 0)
    target = np.log2(distances.shape[1] + 1)
    low, width, high = np.zeros(len(distances)), np.ones(len(distances)), np.full(len(distances), np.inf)
    for _ in range(_BISECTIONS):
        report_step()
        sums = np.exp(-beyond / width[:, np.newaxis]).sum(axis=1)
        open_ = np.abs(sums - target) >= _TOLERANCE
        if not open_.any():
            break
        wide = open_ & (sums > target)
        narrow = open_ & ~wide
        high[wide], low[narrow] = width[wide], width[narrow]
        bounded = np.isfinite(high)
        width[open_ & bounded] = ((low + high) / 2)[open_ & bounded]
        width[open_ & ~bounded] *= 2
    # UMAP's means count the member itself, at distance 0.
    size = distances.shape[1] + 1
    means = np.where(nearest > 0, distances.sum(axis=1) / size, distances.mean() * (size - 1) / size)
    width = np.maximum(width, _LEAST_WIDTH * means)
    inside = np.divide(beyond, width[:, np.newaxis], out=np.zeros_like(beyond), where=beyond > 0)
    memberships: NDArray[np.float32] = np.exp(-inside).astype(np.float32)
    return memberships
