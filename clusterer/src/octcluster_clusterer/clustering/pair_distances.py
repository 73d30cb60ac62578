"""Squared distances between vectors: lower bounds in tiles by matrix products, exact ones for single pairs.

A matrix product in single precision is fast and errs; how far it can err is known. So a tile holds, for each
pair, a value that the squared distance cannot be under, and whoever finds a pair by it measures that pair
from the difference of its two vectors in double precision: what is found is exact.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.tiles import map_in_order, slices

Indices = NDArray[np.intp]

_COLUMNS_AT_ONCE = 512
"""Longest sum within one matrix product: the shorter, the smaller its error."""
_VALUES_AT_ONCE = 2**18


class PairDistances:
    """The squared Euclidean distances between the rows of a matrix, computed where they are asked for."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """Takes float32, shape (n_vectors, dimension), best with mean 0: far from 0 the bounds are loose."""
        self.vectors = vectors
        self.squared_norms: NDArray[np.float64] = np.empty(len(vectors))
        for rows in slices(len(vectors), max(1, _VALUES_AT_ONCE // vectors.shape[1])):
            block = vectors[rows].astype(np.float64)
            self.squared_norms[rows] = np.einsum("ij,ij->i", block, block)

    def bound_tile(self, rows: Indices, columns: Indices, precise: bool = False) -> NDArray[np.floating]:
        """Computes lower bounds of the squared distances between some vectors and some others.

        The bound lies under the distance by at most twice the largest error that the sums can have
        (Higham, "Accuracy and stability of numerical algorithms", 2002, section 3.1); it may be negative.

        Args:
            rows: Indices of vectors.
            columns: Indices of vectors.
            precise: Compute in double precision: four times as long, bounds closer by 2**29.

        Returns:
            float32, or float64 if ``precise``, shape (rows.size, columns.size).
        """
        dtype = np.float64 if precise else np.float32
        dimension = self.vectors.shape[1]
        parts = slices(dimension, _COLUMNS_AT_ONCE)
        roundings = min(dimension, _COLUMNS_AT_ONCE) + len(parts) + 6
        share = 1 - roundings * float(np.finfo(dtype).eps) / 2
        # The squared norms ride along in the first product, as two more columns of each side.
        first = parts[0].stop
        left = np.empty((rows.size, first + 2), dtype=dtype)
        right = np.empty((columns.size, first + 2), dtype=dtype)
        np.multiply(self.vectors[rows, :first], -2, out=left[:, :first])
        right[:, :first] = self.vectors[columns, :first]
        left[:, first], left[:, first + 1] = share * self.squared_norms[rows], 1
        right[:, first], right[:, first + 1] = 1, share * self.squared_norms[columns]
        bounds = left @ right.T
        for part in parts[1:]:
            scaled = np.multiply(self.vectors[rows, part], -2, dtype=dtype)
            bounds += scaled @ self.vectors[columns, part].astype(dtype, copy=False).T
        return bounds

    def measure(self, left: Indices, right: Indices) -> NDArray[np.float64]:
        """Computes the squared distances of pairs: float64, shape (left.size,), from float64 differences."""
        squared = np.empty(left.size)
        for part in slices(left.size, max(1, _VALUES_AT_ONCE // self.vectors.shape[1])):
            differences = np.subtract(self.vectors[left[part]], self.vectors[right[part]], dtype=np.float64)
            squared[part] = np.einsum("ij,ij->i", differences, differences)
        return squared

    def measure_many(
        self, left: Indices, right: Indices, report_step: Callable[[], None]
    ) -> NDArray[np.float64]:
        """Like ``measure``, in parallel."""
        squared = np.empty(left.size)
        parts = slices(left.size, max(1, 4 * _VALUES_AT_ONCE // self.vectors.shape[1]))
        for part, values in map_in_order(lambda part: self.measure(left[part], right[part]), parts):
            squared[part] = values
            report_step()
        return squared
