"""How much mutual information two partitions of given sizes have by chance."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

_REACH = 9.0
_STEPS_OF_DEVIATION = 2.0
_CELLS_AT_ONCE = 2**12
_WIDE = 9.0


def expect_mutual_information(
    row_sums: NDArray[np.float64], column_sums: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What each cell of a random table with given margins adds to the mutual information, on average.

    The number of members in a cell is hypergeometric. Its values within nine standard deviations of the mean
    are summed; the others weigh less than 1e-15. Where the standard deviation is above nine, values half of
    it apart stand for all: the sum over a lattice of a function as smooth as this differs from the sum over
    all by less than 1e-15 too (Poisson summation), and no end of the range is within reach.

    Args:
        row_sums: float64, whole numbers, shape (n_tables, n_classes, 1) or any with the last axis of 1.
        column_sums: float64, whole numbers, shape (n_tables, 1, n_clusters), of the same totals.

    Returns:
        float64, shape (n_tables, n_classes, n_clusters), in nats; their sum is the expected mutual
        information.

    References:
        Vinh, Epps and Bailey, "Information theoretic measures for clusterings comparison", JMLR 2010,
        equation 24a; Trefethen and Weideman, "The exponentially convergent trapezoidal rule", SIAM Review
        2014.

    Examples:
        Two classes of four members each, in clusters of three and five:

        >>> rows, columns = np.array([[[4.0], [4.0]]]), np.array([[[3.0, 5.0]]])
        >>> expect_mutual_information(rows, columns).sum(axis=(1, 2)).round(3).tolist()
        [0.083]
    """
    totals = column_sums.sum(axis=-1, keepdims=True)
    rows, columns, totals = (part.ravel() for part in np.broadcast_arrays(row_sums, column_sums, totals))
    expected = np.zeros(rows.size)
    spread = (
        np.sqrt(rows * columns * (totals - rows) * (totals - columns) / np.maximum(totals - 1, 1)) / totals
    )
    full = (rows > 0) & (columns > 0)
    for wide in (False, True):
        chosen = np.flatnonzero(full & ((spread > _WIDE) == wide))
        for start in range(0, chosen.size, _CELLS_AT_ONCE):
            cells = chosen[start : start + _CELLS_AT_ONCE]
            step = spread[cells] / _STEPS_OF_DEVIATION if wide else np.ones(cells.size)
            expected[cells] = _sum_lattice(rows[cells], columns[cells], totals[cells], spread[cells], step)
    return expected.reshape(np.broadcast_shapes(row_sums.shape, column_sums.shape))


def _sum_lattice(
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    totals: NDArray[np.float64],
    spread: NDArray[np.float64],
    step: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The average of x / n log(n x / (row column)) over the values x of each cell; all shape (n_cells,)."""
    mean = rows * columns / totals
    reach = np.ceil(_REACH * (spread / step).max(initial=0))
    offsets = np.arange(-reach, reach + 1)[:, np.newaxis]
    counts = np.where(step == 1, np.floor(mean), mean) + step * offsets
    possible = (counts > 0) & (counts <= np.minimum(rows, columns)) & (counts >= rows + columns - totals)
    counts = np.where(possible, counts, np.maximum(mean, 1))
    weights = np.exp(
        _log_factorial(rows)
        + _log_factorial(columns)
        + _log_factorial(totals - rows)
        + _log_factorial(totals - columns)
        - _log_factorial(totals)
        - _log_factorial(counts)
        - _log_factorial(rows - counts)
        - _log_factorial(columns - counts)
        - _log_factorial(totals - rows - columns + counts)
    )
    information = counts / totals * np.log(totals * counts / (rows * columns))
    return np.asarray((information * weights * possible).sum(axis=0) * step)


def _log_factorial(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(gammaln(values + 1))
