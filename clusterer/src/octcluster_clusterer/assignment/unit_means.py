"""Units, such as eyes that several images show: the means of their prepared vectors, as in a run of units."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NO_UNIT = -1


class UnitMeans:
    """Gathers the prepared vectors of units, image by image.

    Attributes:
        images: Number of images of each unit so far, by its number.
    """

    def __init__(self) -> None:
        """Begins with no unit."""
        self.images: dict[int, int] = {}
        self._sums: dict[int, NDArray[np.float64]] = {}

    def add(self, units: Sequence[int], members: NDArray[np.float32]) -> None:
        """Adds images.

        Args:
            units: Unit of each image, NO_UNIT for none.
            members: float32, shape (n_images, prepared_dimension): of ``FittedPreparation.prepare_members``.
        """
        for number, vector in zip(units, members, strict=True):
            if number == NO_UNIT:
                continue
            self.images[number] = self.images.get(number, 0) + 1
            if number in self._sums:
                self._sums[number] += vector
            else:
                self._sums[number] = vector.astype(np.float64)

    def means(self) -> NDArray[np.float32]:
        """float32, shape (n_units, prepared_dimension), for ``FittedPreparation.finish``; needs a unit."""
        means = [total / self.images[number] for number, total in self._sums.items()]
        return np.stack(means).astype(np.float32)
