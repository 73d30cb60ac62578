"""Vectors in Redis or Valkey: what a vector's key and value look like there."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.redis import RedisStore
from octcluster_clusterer.store.sound_vectors import (
    CHECKSUM_BYTES,
    Fault,
    compute_checksum,
    note_damage,
    require_all,
    take_sound,
)
from octcluster_clusterer.store.vectors import IMAGE_KEY_BYTES, Rejection

_KEY_PREFIX = b"octcluster:v1:vector:"
# One round trip moves at most this much: enough to hide the wait, too little to be seen in resident memory.
_CHUNK_BYTES = 4 * 2**20
_LARGEST_CHUNK_VECTORS = 4096


class RedisVectors:
    """A ``VectorCache`` whose values are the vector's little-endian values and the checksum behind them."""

    def __init__(self, store: RedisStore) -> None:
        """Keeps vectors in ``store``."""
        self._store = store

    def find_missing(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[bytes]:
        """Tells which images have no sound vector, by reading and checking every value."""
        missing = []
        size = _chunk_size(space)
        for start in range(0, len(image_keys), size):
            keys = image_keys[start : start + size]
            vectors = self._read(space, keys)
            missing += [key for key, vector in zip(keys, vectors, strict=True) if isinstance(vector, Fault)]
        return missing

    def get(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """Reads vectors."""
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
        """Stores vectors over what was there."""
        rejections = []
        size = _chunk_size(space)
        for start in range(0, len(vectors), size):
            sound, rejected = take_sound(space, vectors[start : start + size])
            rejections += rejected
            values = {
                _key(space, image_key): vector + compute_checksum(space, image_key, vector)
                for image_key, vector in sound
            }
            if values:
                self._store.write_values(values)
        return rejections

    def load(
        self, space: VectorSpace, image_keys: NDArray[np.uint8], report: Callable[[int, int], None]
    ) -> NDArray[np.float32]:
        """Reads the vectors of a run's members into one matrix; reports after each round trip."""
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
        require_all(faults, n_members)
        return vectors

    def delete(self, image_keys: Sequence[bytes]) -> int:
        """Removes all vectors of images; looks at every key that Redis has, since none lists the spaces."""
        wanted = set(image_keys)
        if not wanted:
            return 0
        found = {key for key in self._store.list_keys(_KEY_PREFIX) if key[-IMAGE_KEY_BYTES:] in wanted}
        keys = sorted(found)
        return sum(
            self._store.delete_values(keys[start : start + _LARGEST_CHUNK_VECTORS])
            for start in range(0, len(keys), _LARGEST_CHUNK_VECTORS)
        )

    def ping(self) -> None:
        """Asks the server whether it is there."""
        self._store.ping()

    def close(self) -> None:
        """Closes all connections."""
        self._store.close()

    def _read(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[memoryview | Fault]:
        """The vector of each image, or why there is no sound one; in one round trip."""
        values = self._store.read_values([_key(space, key) for key in image_keys])
        found = [_open(space, key, value) for key, value in zip(image_keys, values, strict=True)]
        _note_not_finite(space, found)
        note_damage(Counter(one for one in found if isinstance(one, Fault)))
        return found


def _chunk_size(space: VectorSpace) -> int:
    return max(1, min(_LARGEST_CHUNK_VECTORS, _CHUNK_BYTES // space.vector_bytes))


def _key(space: VectorSpace, image_key: bytes) -> bytes:
    return _KEY_PREFIX + space.digest + b":" + image_key


def _open(space: VectorSpace, image_key: bytes, value: bytes | None) -> memoryview | Fault:
    """The vector in a value; a fault if that is missing, damaged, or written for another space or image."""
    if value is None:
        return Fault.ABSENT
    if len(value) != space.vector_bytes + CHECKSUM_BYTES:
        return Fault.WRONG_LENGTH
    vector = memoryview(value)[:-CHECKSUM_BYTES]
    if compute_checksum(space, image_key, vector) != value[-CHECKSUM_BYTES:]:
        return Fault.CHANGED
    return vector


def _note_not_finite(space: VectorSpace, found: list[memoryview | Fault]) -> None:
    """Puts a fault in place of each vector with NaN or infinity; looking at all at once is quicker."""
    rows = [row for row, one in enumerate(found) if not isinstance(one, Fault)]
    content = b"".join(one for one in found if not isinstance(one, Fault))
    values = np.frombuffer(content, dtype=space.value_type).reshape(len(rows), space.dimension)
    for index in np.flatnonzero(~np.isfinite(values).all(axis=1)):
        found[rows[index]] = Fault.NOT_FINITE
