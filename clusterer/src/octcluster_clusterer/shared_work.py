"""Steps of recent runs that later runs on the same vectors need again: a study makes many of those."""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.tiles import slices

MAX_SHARED_BYTES = 32 * 2**20
"""Most memory of all that is kept."""
_DIGEST_BYTES = 16
_VALUES_AT_ONCE = 2**18

T = TypeVar("T")


class SharedWork:
    """What steps gave, by all that they depend on; what was used last is kept longest.

    A key holds a digest of the vectors themselves, so that what is found is what would be computed, bit for
    bit. One run is at work at a time: it is not safe for more threads.
    """

    def __init__(self, max_bytes: int = MAX_SHARED_BYTES) -> None:
        """Keeps at most so many bytes."""
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[object, ...], tuple[Any, int]] = OrderedDict()

    def find(self, key: tuple[object, ...], compute: Callable[[], T], count_bytes: Callable[[T], int]) -> T:
        """Returns what is kept under the key, or computes and keeps it.

        Args:
            key: All that the value depends on.
            compute: Computes it.
            count_bytes: Tells its size; one that is larger than all that may be kept is not.
        """
        if key in self._kept:
            self._kept.move_to_end(key)
            value: T = self._kept[key][0]
            return value
        value = compute()
        if (n_bytes := count_bytes(value)) > self._max_bytes:
            return value
        self._kept[key] = (value, n_bytes)
        while sum(kept_bytes for _, kept_bytes in self._kept.values()) > self._max_bytes:
            self._kept.popitem(last=False)
        return value


def digest_vectors(vectors: NDArray[np.float32], report_step: Callable[[], None]) -> bytes:
    """Digest of a matrix and its shape; ``report_step`` is called often."""
    digest = blake2b(repr(vectors.shape).encode(), digest_size=_DIGEST_BYTES)
    for rows in slices(len(vectors), max(1, _VALUES_AT_ONCE // vectors.shape[1])):
        digest.update(np.ascontiguousarray(vectors[rows]).data)
        report_step()
    return digest.digest()
