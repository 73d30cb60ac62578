"""A preparation that was fitted to a run's vectors and can be applied to others, with the same bits.

The run itself prepares its vectors with these functions. Each works row by row, or on blocks of fixed shape,
so that a vector becomes the same prepared vector alone, among others, and within the run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.preparation.units import pool
from octcluster_clusterer.tiles import map_in_order, slices

_ROWS_AT_ONCE = 256
_VALUES_AT_ONCE = 2**18


def _go_on() -> None:
    """Is told of progress where nobody wants to know."""


@dataclass(frozen=True)
class FittedPart:
    """The preparation of one part of the vectors, after L2.

    Attributes:
        means: float64, shape (dimension,).
        divisors: float64, shape (dimension,): 1, or the standard deviation if dimensions are standardized;
            infinite for a dimension that was constant, which becomes 0.
        axes: float32, shape (dimension, prepared_dimension): principal axes; None without PCA.
        factors: float32, shape (prepared_dimension,): sign, whitening and weight of each prepared dimension.
        patient_whitening: float32, shape (prepared_dimension, prepared_dimension), from ``within_patients``;
            None if nothing was to be whitened within patients.
        unit_centre: float32, shape (prepared_dimension,): mean of the run's units; None if they are members,
            whose mean is 0.
    """

    means: NDArray[np.float64]
    divisors: NDArray[np.float64]
    axes: NDArray[np.float32] | None
    factors: NDArray[np.float32]
    patient_whitening: NDArray[np.float32] | None = None
    unit_centre: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class FittedPreparation:
    """A whole preparation.

    Attributes:
        l2_normalize: Whether each part of a vector is scaled to unit length first.
        parts: The parts, in order.
        prepared_length: Length that each prepared part of a vector is scaled to; None: left as it is.
    """

    l2_normalize: bool
    parts: Sequence[FittedPart]
    prepared_length: float | None = None

    @property
    def dimension(self) -> int:
        """Number of values of a prepared vector."""
        return sum(part.factors.size for part in self.parts)

    def apply(
        self, vectors: NDArray[np.float32], units: NDArray[np.int32] | None = None
    ) -> NDArray[np.float32]:
        """Prepares vectors as those of the run were.

        Args:
            vectors: float32, shape (n_vectors, dimension); left as they are.
            units: int32, shape (n_vectors,): unit of each vector, numbers from 0 without gaps, see ``units``;
                None: each is one.

        Returns:
            float32, shape (n_units, prepared_dimension).
        """
        members = self.prepare_members(vectors)
        return self.finish(members if units is None else pool(MemoryBlocks(members), units))

    def prepare_members(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The first steps of ``apply``, up to those after which units are means of their members.

        Args:
            vectors: float32, shape (n_vectors, dimension); left as they are.

        Returns:
            float32, shape (n_vectors, prepared_dimension), for ``finish``.
        """
        prepared = []
        start = 0
        for part in self.parts:
            columns = vectors[:, start : start + part.means.size].copy()
            start += part.means.size
            if self.l2_normalize:
                scale_to_length(columns)
            center(columns, part.means, part.divisors)
            if part.axes is not None:
                columns = project(columns, part.axes)
            columns *= part.factors
            if part.patient_whitening is not None:
                columns = project(columns, part.patient_whitening)
            prepared.append(columns)
        return prepared[0] if len(prepared) == 1 else np.concatenate(prepared, axis=1)

    def finish(self, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        """The last steps of ``apply``, on members or on means of them.

        Args:
            prepared: float32, shape (n_units, prepared_dimension); overwritten.

        Returns:
            The same array.
        """
        start = 0
        for part in self.parts:
            columns = prepared[:, start : start + part.factors.size]
            start += part.factors.size
            if part.unit_centre is not None:
                columns -= part.unit_centre
            if self.prepared_length is not None:
                scale_to_length(columns, self.prepared_length)
        return prepared


def scale_to_length(
    vectors: NDArray[np.float32], length: float = 1.0, report_step: Callable[[], None] = _go_on
) -> None:
    """Scales each vector to this Euclidean length, in place; leaves zero vectors; ``report_step``: often."""
    for rows in slices(len(vectors), max(1, _VALUES_AT_ONCE // vectors.shape[1])):
        lengths = np.linalg.norm(vectors[rows].astype(np.float64), axis=1, keepdims=True)
        lengths[lengths == 0] = length
        vectors[rows] /= lengths / length
        report_step()


def center(vectors: NDArray[np.float32], means: NDArray[np.float64], divisors: NDArray[np.float64]) -> None:
    """Takes off the means and divides by the divisors, in place."""
    vectors -= means
    if (divisors != 1).any():
        vectors /= divisors


def project(vectors: NDArray[np.float32], axes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Computes the vectors' coordinates along axes, in new memory; arguments as of ``multiply_rows``."""
    projected = np.empty((len(vectors), axes.shape[1]), dtype=np.float32)
    multiply_rows(vectors, axes, projected)
    return projected


def multiply_rows(
    vectors: NDArray[np.float32],
    matrix: NDArray[np.float32],
    products: NDArray[np.float32],
    report_step: Callable[[], None] = _go_on,
) -> None:
    """Multiplies each vector by a matrix, in parallel.

    BLAS may add in another order for a matrix of another height: all blocks have one height.

    Args:
        vectors: float32, shape (n_vectors, dimension).
        matrix: float32, shape (dimension, n_columns).
        products: float32, shape (n_vectors, n_columns): written; may be the first columns of ``vectors``.
        report_step: Called often; what it raises gets through, and leaves the rest unwritten.
    """

    def multiply(rows: slice) -> None:
        block = vectors[rows]
        if len(block) < _ROWS_AT_ONCE:
            block = np.zeros((_ROWS_AT_ONCE, vectors.shape[1]), dtype=np.float32)
            block[: rows.stop - rows.start] = vectors[rows]
        products[rows] = (block @ matrix)[: rows.stop - rows.start]

    for _ in map_in_order(multiply, slices(len(vectors), _ROWS_AT_ONCE)):
        report_step()
