"""The cache of vectors as the rest of the clusterer knows it, wherever the vectors are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.model import VectorSpace

IMAGE_KEY_BYTES = 32


@dataclass(frozen=True)
class Rejection:
    """One vector that was not stored, and what was wrong with it."""

    image_key: bytes
    reason: str


class VectorCache(Protocol):
    """Vectors by space and image key. Safe to call from several threads.

    Beside each vector lies a checksum over its space, its image key and its values. What is short, damaged,
    or written for another space or image is never an answer: it counts as missing, and a vector that is put
    again goes over the damage. Every method raises StoreUnavailable in bounded time.
    """

    def find_missing(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[bytes]:
        """Tells which images have no vector.

        Args:
            space: Space of the vectors.
            image_keys: Image keys, 32 bytes each.

        Returns:
            The image keys without a vector, in the order given.

        Raises:
            StoreUnavailable: The store does not serve.
        """

    def get(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """Reads vectors.

        Args:
            space: Space of the vectors.
            image_keys: Image keys, 32 bytes each.

        Returns:
            Image key and vector (little-endian bytes) of each image that has a sound one, in the
            order given.

        Raises:
            StoreUnavailable: The store does not serve.
        """

    def put(self, space: VectorSpace, vectors: Sequence[tuple[bytes, bytes]]) -> list[Rejection]:
        """Stores vectors over what was there.

        Args:
            space: Space of the vectors.
            vectors: Image key and vector (little-endian bytes) of each image.

        Returns:
            The vectors that were not stored: wrong length, NaN or infinity. All others are stored.

        Raises:
            StoreUnavailable: The store does not serve; some vectors may have been stored.
        """

    def delete(self, image_keys: Sequence[bytes]) -> int:
        """Removes all vectors of images, in every space; from then on each process misses them.

        Args:
            image_keys: Image keys, 32 bytes each.

        Returns:
            The number of vectors that were there. One that is put meanwhile may stay.

        Raises:
            StoreUnavailable: The store does not serve; some vectors may have been removed.
        """

    def load(
        self, space: VectorSpace, image_keys: NDArray[np.uint8], report: Callable[[int, int], None]
    ) -> NDArray[np.float32]:
        """Reads the vectors of a run's members into one matrix.

        Args:
            space: Space of the vectors.
            image_keys: uint8, shape (n_members, 32); an image may occur more than once.
            report: Is told the number of members read and their number in all, again and again; what it
                raises ends the reading.

        Returns:
            float32 whatever the space's data type, shape (n_members, dimension): the vector of each member.

        Raises:
            VectorsMissing: Members have no sound vector; the message has their number by fault.
            StoreUnavailable: The store does not serve.
        """

    def ping(self) -> None:
        """Asks the store whether it is there.

        Raises:
            StoreUnavailable: The store does not serve.
        """

    def close(self) -> None:
        """Gives back connections and files."""
