"""Blocks that a worker keeps between the steps of a run: reading one costs more than most steps."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


class KeptBlocks:
    """The blocks of one run that were read first, as many as there is memory for; one task at a time.

    Those that came first stay: a run goes over all blocks again and again in one order, and would find
    nothing of what it used last.
    """

    def __init__(self, max_bytes: int) -> None:
        """Keeps at most so many bytes."""
        self._max_bytes = max_bytes
        self._run = ""
        self._kept: dict[int, NDArray[np.float32]] = {}

    def find(
        self, run: str, number: int, read: Callable[[], NDArray[np.float32]], *, to_change: bool
    ) -> NDArray[np.float32]:
        """Returns a block, kept or read.

        Args:
            run: Tells runs apart; another one has the blocks of the last one forgotten.
            number: Number of the block in its run.
            read: Reads it.
            to_change: Whether the caller will change it.
        """
        if run != self._run:
            self._run, self._kept = run, {}
        if number not in self._kept:
            block = read()
            if sum(kept.nbytes for kept in self._kept.values()) + block.nbytes > self._max_bytes:
                return block
            self._kept[number] = block
        return self._kept[number].copy() if to_change else self._kept[number]

    def forget(self, run: str) -> None:
        """Gives up the blocks of a run, if it is the one whose blocks are kept."""
        if run == self._run:
            self._kept = {}
