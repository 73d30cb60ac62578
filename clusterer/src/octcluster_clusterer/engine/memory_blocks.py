"""Blocks of one matrix in the memory of this process, which steps change in place."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import ReportStep, find_bounds
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.fixed_tree import FixedTree

Result = TypeVar("Result")


class MemoryBlocks:
    """``Blocks`` of a matrix; one after the other, each shared out among the threads of ``tiles``."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """Takes a matrix over: its memory is overwritten.

        Args:
            vectors: float32, shape (n_rows, dimension), C-contiguous.

        Raises:
            InvalidRequest: A vector holds NaN or infinity.
        """
        self.n_rows, self.dimension = vectors.shape
        self._vectors = vectors
        # A sum of finite float32 values cannot overflow in double precision, and needs no mask as large as
        # the vectors.
        with np.errstate(invalid="ignore"):
            total = vectors.sum(dtype=np.float64)
        if not np.isfinite(total):
            raise InvalidRequest("a vector holds NaN or infinity")

    @property
    def matrix(self) -> NDArray[np.float32]:
        """All vectors."""
        return self._vectors

    def then(self, step: Callable[..., Any], *common: object, report_step: ReportStep) -> Self:
        """Does the step now."""
        for rows in find_bounds(self.n_rows):
            step(self._vectors[rows], *common, report_step=report_step)
        return self

    def map(
        self,
        function: Callable[..., Result],
        *common: object,
        each: Sequence[object] | None = None,
        report_step: ReportStep,
    ) -> Iterator[tuple[slice, Result]]:
        """Applies a function to each block."""
        for number, rows in enumerate(find_bounds(self.n_rows)):
            own = () if each is None else (each[number],)
            yield rows, function(self._vectors[rows], *common, *own, report_step=report_step)

    def reduce(
        self,
        function: Callable[..., Result],
        combine: Callable[[Result, Result], Result],
        *common: object,
        each: Sequence[object] | None = None,
        report_step: ReportStep,
    ) -> Result:
        """Applies a function to each block, and folds what it returns up a fixed tree."""
        tree = FixedTree(combine)
        for _, result in self.map(function, *common, each=each, report_step=report_step):
            tree.add(result)
        return tree.total()

    def take(self, rows: NDArray[np.int64], columns: slice = slice(None)) -> NDArray[np.float32]:
        """Copies some values of some rows."""
        return self._vectors[rows, columns]

    def derive(
        self,
        function: Callable[..., NDArray[np.float32]],
        *common: object,
        width: int,
        use_up: bool = False,
        report_step: ReportStep,
    ) -> "MemoryBlocks":
        """Makes another vector of each one; in the front of their own memory, if they are used up."""
        if use_up and width <= self.dimension:
            # What is written for a block overwrites that one and those before it.
            derived = self._vectors.reshape(-1)[: self.n_rows * width].reshape(self.n_rows, width)
        else:
            derived = np.empty((self.n_rows, width), dtype=np.float32)
        for rows, block in self.map(function, *common, report_step=report_step):
            derived[rows] = block
        if use_up:
            self.close()
        return MemoryBlocks(derived)

    def keep(self, report_step: ReportStep) -> Self:
        """They are done."""
        report_step()
        return self

    def bring(self, report_step: ReportStep) -> NDArray[np.float32]:
        """All vectors, as they lie."""
        report_step()
        return self._vectors

    def close(self) -> None:
        """Lets go of the matrix."""
        self._vectors = np.empty((0, self.dimension), dtype=np.float32)
