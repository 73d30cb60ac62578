"""The leading principal components of a matrix too large for an exact decomposition, by random sampling."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.preparation.eigen_decomposition import decompose
from octcluster_clusterer.preparation.orthonormal_basis import orthonormalize
from octcluster_clusterer.tiles import map_in_order, multiply_by_transpose, slices

SPARE_COMPONENTS = 10
"""Components beyond those asked for: the last ones settle slowly."""
_ITERATIONS = 5
_OPERATIONS_AT_ONCE = 2**32


def find_leading_scores(
    vectors: NDArray[np.float32], n_components: int, seed: int, report_step: Callable[[], None]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Finds the coordinates of vectors along their leading principal axes.

    A few random directions are turned towards the axes by products with the vectors, in pieces of bounded
    work.

    Args:
        vectors: float32, shape (n_vectors, dimension), mean 0 in each dimension.
        n_components: Number of components; there are no more than min(n_vectors, dimension).
        seed: Seed of the directions.
        report_step: Called often.

    Returns:
        float32, shape (n_vectors, n_found): the coordinates, and float64, shape (n_found,), falling: their
        sums of squares.

    References:
        Halko, Martinsson and Tropp, "Finding structure with randomness", 2011, doi:10.1137/090771806,
        algorithm 4.4.
    """
    width = min(n_components + SPARE_COMPONENTS, *vectors.shape)
    directions = np.random.default_rng(seed).standard_normal((vectors.shape[1], width), dtype=np.float32)
    for _ in range(_ITERATIONS):
        orthonormalize(directions, report_step)
        places = _multiply(vectors, directions, report_step)
        orthonormalize(places, report_step)
        directions = _multiply(vectors.T, places, report_step)
    orthonormalize(directions, report_step)
    places = _multiply(vectors, directions, report_step)
    squares, turns = decompose(multiply_by_transpose(places.T, report_step), report_step)
    leading = np.ascontiguousarray(turns[:, :n_components], dtype=np.float32)
    return _multiply(places, leading, report_step), np.maximum(squares[:n_components], 0)


def _multiply(
    left: NDArray[np.float32], right: NDArray[np.float32], report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """The product of two matrices, in blocks of rows, in parallel."""
    product = np.empty((left.shape[0], right.shape[1]), dtype=np.float32)
    n_rows = max(1, _OPERATIONS_AT_ONCE // (2 * right.size))
    for rows, values in map_in_order(lambda rows: left[rows] @ right, slices(left.shape[0], n_rows)):
        product[rows] = values
        report_step()
    return product
