"""Erasures: small files beside the shards that say which images were removed, and when.

A vector that was put before its image was erased counts as absent, in whichever shard it lies or turns up.
Compaction writes such shards anew without it. It removes an erasure when no shard holds what that removed, a
day later: then nobody can be merging what was read before.
"""

from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.store.parquet.folders import ShardFolder
from octcluster_clusterer.store.parquet.index import ABSENT, Index, as_strings
from octcluster_clusterer.store.parquet.shards import DamagedShard
from octcluster_clusterer.store.vectors import IMAGE_KEY_BYTES

_TIME_BYTES = 8


@dataclass(frozen=True)
class Erasure:
    """Some images that were removed at once.

    Attributes:
        image_keys: uint8, shape (n_images, 32).
        erased_at: When, in nanoseconds since 1970, by the clock of puts.
    """

    image_keys: NDArray[np.uint8]
    erased_at: int

    def add_to(self, index: Index) -> None:
        """Has vectors that were put before count as absent."""
        index.add(ABSENT, self.image_keys, np.full(len(self.image_keys), self.erased_at))

    def covers_any(self, keys: NDArray[np.uint8], put_at: NDArray[np.int64]) -> bool:
        """Whether one of these rows was put before its image was erased."""
        older = keys[put_at < self.erased_at]
        return bool(np.isin(as_strings(older), as_strings(self.image_keys)).any())


def write_erasure(file: IO[bytes], erasure: Erasure) -> None:
    """Writes an erasure: its time, and the image keys."""
    file.write(erasure.erased_at.to_bytes(_TIME_BYTES, "little") + erasure.image_keys.tobytes())


def read_erasure(folder: ShardFolder, space: str, name: str) -> Erasure:
    """Reads an erasure.

    Raises:
        DamagedShard: It is none.
        FileNotFoundError: It is not there any more.
        OSError: It cannot be read.
    """
    with folder.open_file(space, name) as file:
        content = bytes(file.read())
    if len(content) <= _TIME_BYTES or (len(content) - _TIME_BYTES) % IMAGE_KEY_BYTES:
        raise DamagedShard("the file is too short")
    keys = np.frombuffer(content, dtype=np.uint8, offset=_TIME_BYTES).reshape(-1, IMAGE_KEY_BYTES)
    return Erasure(keys, int.from_bytes(content[:_TIME_BYTES], "little"))
