"""The largest eigenvalues of a large symmetric matrix and their vectors, by products with a block of vectors.

A full decomposition takes ten times as long, in one step that nobody can stop, and most of it is for
eigenvalues that are not needed.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.preparation.eigen_decomposition import decompose
from octcluster_clusterer.preparation.orthonormal_basis import orthonormalize
from octcluster_clusterer.tiles import TILE_SIDE, map_in_order, slices

FIRST_WIDTH = 512
_LEAST_WIDTH = 64
_MAX_SWEEPS = 40
_SHARE_NEEDED = 0.75
"""Most of the block's vectors that may be needed: the last ones of a block settle slowly."""
_SETTLED = 1e-7
"""Relative change of every eigenvalue needed in one sweep; what is left to go is a few times that."""


def find_leading_eigenvectors(
    matrix: NDArray[np.float64],
    count_needed: Callable[[NDArray[np.float64]], int],
    seed: int,
    report_step: Callable[[], None],
    width: int = FIRST_WIDTH,
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Finds as many of the largest eigenvalues as are needed, by subspace iteration with Rayleigh-Ritz steps.

    Args:
        matrix: float64, shape (side, side), symmetric, no eigenvalue negative but for rounding.
        count_needed: Says how many are needed, from the largest eigenvalues in falling order; more than there
            are, if these are too few to tell.
        seed: Seed of the first block.
        report_step: Called often.
        width: Number of vectors in the first block; see ``choose_width``.

    Returns:
        float64, shape (count,), falling, and float64, shape (side, count), columns of length 1; None if so
        many are needed that a full decomposition is no slower.

    References:
        Halko, Martinsson and Tropp, "Finding structure with randomness", 2011, doi:10.1137/090771806.
    """
    side = len(matrix)
    random = np.random.default_rng(seed)
    basis = np.empty((side, 0))
    while width <= side // 4:
        fresh = random.standard_normal((side, width - basis.shape[1]))
        basis = np.hstack([basis, fresh])
        orthonormalize(basis, report_step)
        before = np.full(width, np.inf)
        for _ in range(_MAX_SWEEPS):
            product = _multiply(matrix, basis, report_step)
            values, turns = decompose(_multiply(basis.T, product, report_step), report_step)
            count = count_needed(values)
            if count <= _SHARE_NEEDED * width and np.all(
                np.abs(values - before)[:count] <= _SETTLED * values[:count]
            ):
                return values[:count], _multiply(basis, turns[:, :count], report_step)
            basis = product
            orthonormalize(basis, report_step)
            enough = count <= _SHARE_NEEDED * width
            if not enough and np.isfinite(before[0]) and abs(values.sum() / before.sum() - 1) < 0.01:
                break  # the block hardly gains: it is too narrow
            before = values
        width *= 2
    return None


def choose_width(count: int) -> int:
    """The first block's width where it is known how many eigenvalues are needed.

    Twice as many settle in some twenty products; each product of a block of 512 takes as long as four of 128.
    """
    return min(max(2 * count, _LEAST_WIDTH), FIRST_WIDTH)


def _multiply(
    matrix: NDArray[np.float64], basis: NDArray[np.float64], report_step: Callable[[], None]
) -> NDArray[np.float64]:
    product = np.empty((len(matrix), basis.shape[1]))
    for rows, values in map_in_order(lambda rows: matrix[rows] @ basis, slices(len(matrix), TILE_SIDE)):
        product[rows] = values
        report_step()
    return product
