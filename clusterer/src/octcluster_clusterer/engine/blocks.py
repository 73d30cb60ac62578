"""What the steps of a run ask of an engine: arithmetic on blocks of rows, wherever these are.

The blocks are fixed by the members' order, and what is summed over many of them goes up a fixed tree
(``fixed_tree.py``): the result has the same bits on one worker or eight, and in this process. A function that
works on blocks is a function of a module, takes the block first and ``report_step`` by name, and
depends on nothing else than its arguments: so it can be sent to another process by its name.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.tiles import LONGEST_SUM, slices

BLOCK_ROWS = LONGEST_SUM
"""Rows of a block; the last one may have fewer."""

Result = TypeVar("Result")
ReportStep = Callable[[], None]


def find_bounds(n_rows: int) -> list[slice]:
    """The rows of each block."""
    return slices(n_rows, BLOCK_ROWS)


class Blocks(Protocol):
    """Vectors of a run's members, as blocks of rows."""

    n_rows: int
    dimension: int
    """Values of a vector."""

    @property
    def matrix(self) -> NDArray[np.float32] | None:
        """All vectors, float32, shape (n_rows, dimension), if they lie in the memory of this process."""

    def then(self, step: Callable[..., Any], *common: object, report_step: ReportStep) -> "Blocks":
        """Has a step done to each block, before all that is asked for afterwards.

        Args:
            step: Called as ``step(block, *common, report_step=...)``; changes the block, float32, shape
                (n_rows_of_block, dimension), in place, row by row.
            common: The same for all blocks.
            report_step: Called often; what it raises gets through.

        Returns:
            The blocks with the step; these ones are not to be used any more.
        """

    def map(
        self,
        function: Callable[..., Result],
        *common: object,
        each: Sequence[object] | None = None,
        report_step: ReportStep,
    ) -> Iterator[tuple[slice, Result]]:
        """Applies a function to each block, and brings what it returns here, in the blocks' order.

        Args:
            function: Called as ``function(block, *common, report_step=...)``; leaves the block as it is.
            common: The same for all blocks.
            each: One more argument for each block, after ``common``.
            report_step: Called often; what it raises gets through.

        Yields:
            The rows of each block, and what the function returned.
        """

    def reduce(
        self,
        function: Callable[..., Result],
        combine: Callable[[Result, Result], Result],
        *common: object,
        each: Sequence[object] | None = None,
        report_step: ReportStep,
    ) -> Result:
        """Applies a function to each block, and folds what it returns up a fixed tree.

        Args:
            function: As of ``map``.
            combine: Called as ``combine(total, more)``; may change and return ``total``.
            common: As of ``map``.
            each: As of ``map``.
            report_step: As of ``map``.
        """

    def take(self, rows: NDArray[np.int64], columns: slice = slice(None)) -> NDArray[np.float32]:
        """Brings some values of some rows here: float32, shape (n_taken, n_columns)."""

    def derive(
        self,
        function: Callable[..., NDArray[np.float32]],
        *common: object,
        width: int,
        use_up: bool = False,
        report_step: ReportStep,
    ) -> "Blocks":
        """Makes another vector of each one, once, and keeps it where the blocks are.

        Args:
            function: As of ``map``; returns float32, shape (n_rows_of_block, width), row by row.
            common: As of ``map``.
            width: Values of a new vector.
            use_up: Whether these blocks are let go of: the new ones may lie in their memory, if they are no
                wider.
            report_step: As of ``map``.

        Returns:
            The new blocks.
        """

    def keep(self, report_step: ReportStep) -> "Blocks":
        """Has all steps so far done once and for all; these blocks are not to be used any more."""

    def bring(self, report_step: ReportStep) -> NDArray[np.float32]:
        """All vectors in the memory of this process: float32, shape (n_rows, dimension), not to be changed.

        Raises:
            InvalidRequest: They do not fit.
        """

    def close(self) -> None:
        """Lets go of the vectors, wherever they are, and of all that was derived; harmless when repeated."""


def cut(values: NDArray[Any]) -> list[NDArray[Any]]:
    """The values of the rows of each block, for ``each`` of ``map``: they have the members as first axis."""
    return [values[rows] for rows in find_bounds(len(values))]


def copy_block(block: NDArray[np.float32], *, report_step: ReportStep) -> NDArray[np.float32]:
    """The block itself."""
    report_step()
    return block
