"""The arithmetic of the preparation on one block of rows, for any engine; see ``engine/blocks.py``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.preparation.fitted import center, multiply_rows, project, scale_to_length
from octcluster_clusterer.tiles import add_into, multiply_by_transpose, slices

_VALUES_AT_ONCE = 2**18


@dataclass(frozen=True)
class Columns:
    """What is known of each dimension of some rows.

    Attributes:
        sums: float64, shape (dimension,).
        smallest: float32, shape (dimension,).
        largest: float32, shape (dimension,).
    """

    sums: NDArray[np.float64]
    smallest: NDArray[np.float32]
    largest: NDArray[np.float32]


def scale_parts(
    block: NDArray[np.float32],
    parts: Sequence[slice],
    length: float = 1.0,
    *,
    report_step: Callable[[], None],
) -> None:
    """Scales each part of each vector to this length, in place."""
    for part in parts:
        scale_to_length(block[:, part], length, report_step)


def scale_columns(
    block: NDArray[np.float32], factors: NDArray[np.float32], *, report_step: Callable[[], None]
) -> None:
    """Multiplies each dimension by its factor, in place."""
    report_step()
    block *= factors


def multiply_parts(
    block: NDArray[np.float32],
    parts: Sequence[slice],
    matrices: Sequence[NDArray[np.float32]],
    *,
    report_step: Callable[[], None],
) -> None:
    """Multiplies each part of each vector by a matrix of its own, in place.

    Args:
        block: float32, shape (n_rows, dimension).
        parts: The columns of each part.
        matrices: float32, shape (part_dimension, part_dimension), for each part.
        report_step: Called often.
    """
    for part, matrix in zip(parts, matrices, strict=True):
        multiply_rows(block[:, part], matrix, block[:, part], report_step)


def measure_columns(block: NDArray[np.float32], *, report_step: Callable[[], None]) -> Columns:
    """Measures the dimensions of a block."""
    report_step()
    return Columns(block.sum(axis=0, dtype=np.float64), block.min(axis=0), block.max(axis=0))


def join_columns(total: Columns, more: Columns) -> Columns:
    """What is known of the dimensions of both."""
    return Columns(
        total.sums + more.sums,
        np.minimum(total.smallest, more.smallest),
        np.maximum(total.largest, more.largest),
    )


def center_block(
    block: NDArray[np.float32],
    means: NDArray[np.float64],
    divisors: NDArray[np.float64],
    *,
    report_step: Callable[[], None],
) -> None:
    """Takes off the means and divides by the divisors, in place."""
    report_step()
    center(block, means, divisors)


def sum_squares(block: NDArray[np.float32], *, report_step: Callable[[], None]) -> NDArray[np.float64]:
    """Sum of squares of each dimension: float64, shape (dimension,)."""
    squares = np.zeros(block.shape[1])
    for rows in slices(len(block), max(1, _VALUES_AT_ONCE // block.shape[1])):
        squares += np.square(block[rows], dtype=np.float64).sum(axis=0)
        report_step()
    return squares


def divide(
    block: NDArray[np.float32], divisors: NDArray[np.float64], *, report_step: Callable[[], None]
) -> None:
    """Divides each dimension, in place."""
    report_step()
    block /= divisors


def find_moments(
    block: NDArray[np.float32], parts: Sequence[slice], *, report_step: Callable[[], None]
) -> list[NDArray[np.float64]]:
    """Sums of products of the dimensions of each part: float64, shape (part_dimension, part_dimension)."""
    return [multiply_by_transpose(block[:, part].T, report_step) for part in parts]


def add_moments(
    total: list[NDArray[np.float64]], more: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Adds moments of other rows, in place."""
    return [add_into(own, others) for own, others in zip(total, more, strict=True)]


def project_parts(
    block: NDArray[np.float32],
    parts: Sequence[slice],
    counts: Sequence[int],
    axes: Sequence[NDArray[np.float32] | None],
    *,
    report_step: Callable[[], None],
) -> NDArray[np.float32]:
    """Coordinates of each part along its own axes, side by side; 0 where a part has none.

    Args:
        block: float32, shape (n_rows, dimension).
        parts: The columns of each part.
        counts: Number of axes of each part.
        axes: float32, shape (part_dimension, count), for each part.
        report_step: Called often.

    Returns:
        float32, shape (n_rows, sum of counts).
    """
    projected = np.zeros((len(block), sum(counts)), dtype=np.float32)
    columns = np.split(projected, np.cumsum(counts)[:-1], axis=1)
    for part, own, products in zip(parts, axes, columns, strict=True):
        if own is not None:
            multiply_rows(block[:, part], own, products, report_step)
    return projected


def project_rows(
    block: NDArray[np.float32], axes: NDArray[np.float32], *, report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """Coordinates of each vector along axes: float32, shape (n_rows, n_axes)."""
    report_step()
    return project(block, axes)


def take_columns(
    block: NDArray[np.float32], columns: slice, *, report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """Some dimensions of each vector: float32, shape (n_rows, n_columns)."""
    report_step()
    return block[:, columns].copy()
