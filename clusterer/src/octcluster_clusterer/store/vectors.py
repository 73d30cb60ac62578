"""The cache of vectors: what a vector's key and value look like, and which values may be trusted."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import VectorsMissing
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.redis import RedisStore

logger = logging.getLogger(__name__)

IMAGE_KEY_BYTES = 32

_KEY_PREFIX = b"octcluster:v1:vector:"
_CHECKSUM_BYTES = 16
# One round trip moves at most this much: enough to hide the wait, too little to be seen in resident memory.
_CHUNK_BYTES = 4 * 2**20
_LARGEST_CHUNK_VECTORS = 4096


class Fault(StrEnum):
    """Why a value of the cache is no vector, as it is told to people after a number of vectors."""

    ABSENT = "not there (any more)"
    WRONG_LENGTH = "of the wrong length"
    CHANGED = "with changed bytes"
    NOT_FINITE = "with NaN or infinity"


@dataclass(frozen=True)
class Rejection:
    """One vector that was not stored, and what was wrong with it."""

    image_key: bytes
    reason: str


class VectorCache:
    """Vectors by space and image key.

    A value is the vector's little-endian values and a checksum over its space, its image key and
    these values. What is short, damaged, or written for another space or image is a miss, never an answer: it
    is told as missing, so that it is put again, over the damage.
    """

    def __init__(self, store: RedisStore) -> None:
        """Keeps vectors in ``store``."""
        self._store = store

    def find_missing(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[bytes]:
        """Tells which images have no sound vector, by reading and checking every value.

        Args:
            space: Space of the vectors.
            image_keys: Image keys, 32 bytes each.

        Returns:
            The image keys without a sound vector, in the order given.

        Raises:
            StoreUnavailable: Redis does not serve.
        """
        missing = []
        size = _chunk_size(space)
        for start in range(0, len(image_keys), size):
            keys = image_keys[start : start + size]
            vectors = self._read(space, keys)
            missing += [key for key, vector in zip(keys, vectors, strict=True) if isinstance(vector, Fault)]
        return missing

    def get(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """Reads vectors.

        Args:
            space: Space of the vectors.
            image_keys: Image keys, 32 bytes each.

        Returns:
            Image key and vector (little-endian bytes) of each image that has a sound one, in the
            order given.

        Raises:
            StoreUnavailable: Redis does not serve.
        """
        found = []
        size = _chunk_size(space)
        for start in range(0, len(image_keys), size):
            keys = image_keys[start : start + size]
            vectors = self._read(space, keys)
            found += [
                (key, bytes(vector))
                for key, vector in zip(keys, vectors, strict=True)
                if not isinstance(vector, Fault)
            ]
        return found

    def put(self, space: VectorSpace, vectors: Sequence[tuple[bytes, bytes]]) -> list[Rejection]:
        """Stores vectors over what was there.

        Args:
            space: Space of the vectors.
            vectors: Image key and vector (little-endian bytes) of each image.

        Returns:
            The vectors that were not stored: wrong length, NaN or infinity. All others are stored.

        Raises:
            StoreUnavailable: Redis does not serve; some vectors may have been stored.
        """
        rejections = []
        size = _chunk_size(space)
        for start in range(0, len(vectors), size):
            values = {}
            for image_key, vector in vectors[start : start + size]:
                fault = _find_fault(space, vector)
                if fault is None:
                    values[_key(space, image_key)] = vector + _checksum(space, image_key, vector)
                else:
                    rejections.append(Rejection(image_key, fault))
            if values:
                self._store.write_values(values)
        return rejections

    def load(
        self, space: VectorSpace, image_keys: NDArray[np.uint8], report: Callable[[int, int], None]
    ) -> NDArray[np.float32]:
        """Reads the vectors of a run's members into one matrix.

        Args:
            space: Space of the vectors.
            image_keys: uint8, shape (n_members, 32); an image may occur more than once.
            report: Is told the number of members read and their number in all, after each round trip; what it
                raises ends the reading.

        Returns:
            float32 whatever the space's data type, shape (n_members, dimension): the vector of each member.

        Raises:
            VectorsMissing: Members have no sound vector; the message has their number by fault.
            StoreUnavailable: Redis does not serve.
        """
        n_members = len(image_keys)
        vectors = np.empty((n_members, space.dimension), dtype=np.float32)
        faults: Counter[Fault] = Counter()
        size = _chunk_size(space)
        report(0, n_members)
        for start in range(0, n_members, size):
            keys = [key.tobytes() for key in image_keys[start : start + size]]
            for row, vector in enumerate(self._read(space, keys), start=start):
                if isinstance(vector, Fault):
                    faults[vector] += 1
                else:
                    vectors[row] = np.frombuffer(vector, dtype=space.value_type)
            report(start + len(keys), n_members)
        if faults:
            raise VectorsMissing(
                f"{faults.total()} of {n_members} members have no sound vector in the cache "
                f"({_describe(faults)}): put them again and start a new run"
            )
        return vectors

    def _read(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[memoryview | Fault]:
        """The vector of each image, or why there is no sound one; in one round trip."""
        values = self._store.read_values([_key(space, key) for key in image_keys])
        found = [_open(space, key, value) for key, value in zip(image_keys, values, strict=True)]
        _note_not_finite(space, found)
        damaged: Counter[Fault] = Counter(one for one in found if isinstance(one, Fault))
        del damaged[Fault.ABSENT]
        if damaged:
            text = "%d values in the cache are damaged, and count as missing: %s"
            logger.warning(text, damaged.total(), _describe(damaged))
        return found


def _describe(faults: Counter[Fault]) -> str:
    return ", ".join(f"{faults[kind]} {kind}" for kind in Fault if faults[kind])


def _chunk_size(space: VectorSpace) -> int:
    return max(1, min(_LARGEST_CHUNK_VECTORS, _CHUNK_BYTES // space.vector_bytes))


def _key(space: VectorSpace, image_key: bytes) -> bytes:
    return _KEY_PREFIX + space.digest + b":" + image_key


def _checksum(space: VectorSpace, image_key: bytes, vector: bytes | memoryview) -> bytes:
    checksum = blake2b(space.digest, digest_size=_CHECKSUM_BYTES)
    checksum.update(image_key)
    checksum.update(vector)
    return checksum.digest()


def _open(space: VectorSpace, image_key: bytes, value: bytes | None) -> memoryview | Fault:
    """The vector in a value; a fault if that is missing, damaged, or written for another space or image."""
    if value is None:
        return Fault.ABSENT
    if len(value) != space.vector_bytes + _CHECKSUM_BYTES:
        return Fault.WRONG_LENGTH
    vector = memoryview(value)[:-_CHECKSUM_BYTES]
    if _checksum(space, image_key, vector) != value[-_CHECKSUM_BYTES:]:
        return Fault.CHANGED
    return vector


def _note_not_finite(space: VectorSpace, found: list[memoryview | Fault]) -> None:
    """Puts a fault in place of each vector with NaN or infinity; looking at all at once is quicker."""
    rows = [row for row, one in enumerate(found) if not isinstance(one, Fault)]
    content = b"".join(one for one in found if not isinstance(one, Fault))
    values = np.frombuffer(content, dtype=space.value_type).reshape(len(rows), space.dimension)
    for index in np.flatnonzero(~np.isfinite(values).all(axis=1)):
        found[rows[index]] = Fault.NOT_FINITE


def _find_fault(space: VectorSpace, vector: bytes) -> str | None:
    if len(vector) != space.vector_bytes:
        return f"the vector has {len(vector)} bytes, the space asks for {space.vector_bytes}"
    if not np.isfinite(np.frombuffer(vector, dtype=space.value_type)).all():
        return "the vector holds NaN or infinity"
    return None
