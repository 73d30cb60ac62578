"""Where the vectors of a run are opened: an engine."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.vectors import VectorCache


class Engine(Protocol):
    """Opens the vectors of a run's members as blocks."""

    def open(
        self, space: VectorSpace, image_keys: NDArray[np.uint8], report: Callable[[int, int], None]
    ) -> Blocks:
        """Finds all vectors, and checks that they are sound.

        Args:
            space: Space of the vectors.
            image_keys: uint8, shape (n_members, 32).
            report: Is told the number of members found and their number in all, again and again; what it
                raises ends the opening.

        Returns:
            The vectors; the caller closes them.

        Raises:
            VectorsMissing: Members have no sound vector; the message has their number by fault.
            StoreUnavailable: The vector store does not serve.
            EngineUnavailable: What computes is not there.
        """


class LocalEngine:
    """The ``Engine`` of one machine: all vectors lie in the memory of this process."""

    def __init__(self, vectors: VectorCache) -> None:
        """Loads from ``vectors``."""
        self._vectors = vectors

    def open(
        self, space: VectorSpace, image_keys: NDArray[np.uint8], report: Callable[[int, int], None]
    ) -> MemoryBlocks:
        """Loads all vectors into one matrix."""
        return MemoryBlocks(self._vectors.load(space, image_keys, report))
