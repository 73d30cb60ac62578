"""Mean vectors of units, such as eyes that several images show, with one unit in memory at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_UNIT = -1


@dataclass(frozen=True)
class UnitMean:
    """The mean vector of a unit.

    Attributes:
        number: Number of the unit.
        mean: float32, shape (dimension,).
        n_images: Number of images in the mean.
    """

    number: int
    mean: NDArray[np.float32]
    n_images: int


class UnitMeans:
    """Gathers the vectors of units that come one after another."""

    def __init__(self) -> None:
        """Begins with no unit."""
        self._number = NO_UNIT
        self._sum: NDArray[np.float64] | None = None
        self._n_images = 0
        self._done: list[UnitMean] = []

    def add(self, units: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Adds images.

        Args:
            units: Unit of each image, NO_UNIT for none; the images of a unit stand side by side, also from
                call to call.
            vectors: float32, shape (n_images, dimension): as they are in the cache.
        """
        for number, vector in zip(units, vectors, strict=True):
            if number != self._number:
                self._close()
                self._number = number
            if number == NO_UNIT:
                continue
            self._sum = vector.astype(np.float64) if self._sum is None else self._sum + vector
            self._n_images += 1

    def take(self, *, all_are_in: bool) -> list[UnitMean]:
        """Hands over the units that are complete, each once; the last one too if all images are in."""
        if all_are_in:
            self._close()
        done, self._done = self._done, []
        return done

    def _close(self) -> None:
        if self._sum is not None:
            mean = (self._sum / self._n_images).astype(np.float32)
            self._done.append(UnitMean(self._number, mean, self._n_images))
        self._number, self._sum, self._n_images = NO_UNIT, None, 0
