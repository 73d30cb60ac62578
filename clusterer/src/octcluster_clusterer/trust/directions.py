"""The directions of a block of vectors, and bounds of their cosines, for ``near_duplicates``."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.tiles import slices

_VALUES_AT_ONCE = 2**18


def turn(
    vectors: NDArray[np.float32],
    mean: NDArray[np.float64],
    scales: NDArray[np.float64],
    rescales: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Scales vectors, takes off the mean and scales again: float64, the vectors' shape."""
    turned = vectors * scales[:, np.newaxis]
    turned -= mean
    turned *= rescales[:, np.newaxis]
    return np.asarray(turned)


def find_scales(
    block: NDArray[np.float32], *, report_step: Callable[[], None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """1 / length of each vector, 0 for one of length 0, and the sum of the vectors that are scaled so."""
    lengths, total = np.empty(len(block)), np.zeros(block.shape[1])
    for rows in _cut(block):
        lengths[rows] = np.linalg.norm(block[rows].astype(np.float64), axis=1)
        report_step()
    scales = np.divide(1, lengths, out=np.zeros(len(block)), where=lengths > 0)
    for rows in _cut(block):
        total += scales[rows] @ block[rows]
        report_step()
    return scales, total


def measure_left(
    block: NDArray[np.float32],
    mean: NDArray[np.float64],
    scales: NDArray[np.float64],
    *,
    report_step: Callable[[], None],
) -> NDArray[np.float64]:
    """Length of each scaled vector less the mean: float64, shape (n_rows,)."""
    left = np.empty(len(block))
    for rows in _cut(block):
        left[rows] = np.linalg.norm(block[rows] * scales[rows, np.newaxis] - mean, axis=1)
        report_step()
    return left


def bound(
    block: NDArray[np.float32],
    mean: NDArray[np.float64],
    axes: NDArray[np.float64],
    each: tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]],
    *,
    report_step: Callable[[], None],
) -> NDArray[np.float32]:
    """The part of each direction in some axes, and the length of what is left.

    Args:
        block: float32, shape (n_rows, dimension).
        mean: float64, shape (dimension,).
        axes: float64, shape (dimension, n_axes), orthonormal.
        each: For each row whether it is wanted, its scale and its second scale.
        report_step: Called often.

    Returns:
        float32, shape (n_wanted, n_axes + 1).
    """
    wanted, scales, rescales = each
    chosen = np.flatnonzero(wanted)
    bounds = np.empty((chosen.size, axes.shape[1] + 1), dtype=np.float32)
    for part in slices(chosen.size, max(1, _VALUES_AT_ONCE // block.shape[1])):
        report_step()
        rows = chosen[part]
        turned = turn(block[rows], mean, scales[rows], rescales[rows])
        leading = turned @ axes
        left = np.square(turned).sum(axis=1) - np.square(leading).sum(axis=1)
        bounds[part, :-1] = leading
        bounds[part, -1] = np.sqrt(np.maximum(left, 0))
    return bounds


def _cut(block: NDArray[np.float32]) -> list[slice]:
    return slices(len(block), max(1, _VALUES_AT_ONCE // block.shape[1]))
