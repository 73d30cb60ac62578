"""Vectors in Parquet: what the cache's methods do with shards."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import StoreUnavailable
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.parquet.compactor import Compactor
from octcluster_clusterer.store.parquet.faults import asking
from octcluster_clusterer.store.parquet.folders import ENDING, ShardFolder
from octcluster_clusterer.store.parquet.index import ABSENT
from octcluster_clusterer.store.parquet.shards import DamagedShard, Rows, read_folder, write_shard
from octcluster_clusterer.store.parquet.space_shards import MOST_LOOKS, UNSTEADY, SpaceShards
from octcluster_clusterer.store.sound_vectors import (
    CHECKSUM_BYTES,
    Fault,
    compute_checksum,
    find_faults,
    note_damage,
    require_all,
    take_sound,
)
from octcluster_clusterer.store.vectors import IMAGE_KEY_BYTES, Rejection

# So much is read and checked at a time, between two reports.
_CHUNK_BYTES = 8 * 2**20

_Found = tuple[NDArray[Any], NDArray[np.uint8] | Fault]
_Wanted = tuple[NDArray[Any], NDArray[Any]]


class ParquetVectors:
    """A ``VectorCache`` of append-only shards.

    Each put is a shard of its own, durable when the put returns; a thread merges them. Several processes may
    write to one place. ``find_missing`` asks the index alone; the checksum of a vector is compared when it is
    read. A damaged one then counts as missing, and is told as such until it is put again.
    """

    def __init__(
        self, folder: ShardFolder, observe: Callable[[float, str], None], compactor: Compactor
    ) -> None:
        """Keeps vectors in ``folder``, whose shards ``compactor`` merges; see ``open_vectors``."""
        self._folder = folder
        self._observe = observe
        self._lock = threading.Lock()
        self._spaces: dict[VectorSpace, SpaceShards] = {}
        self._compactor = compactor

    def find_missing(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[bytes]:
        """Tells which images have no vector, or one that was found to be damaged."""
        with asking(self._observe):
            shards, _ = self._shards_of(space).find(_to_array(image_keys))
        return [key for key, shard in zip(image_keys, shards.tolist(), strict=True) if shard == ABSENT]

    def get(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """Reads vectors."""
        found: dict[int, bytes] = {}
        for positions, vectors in self._read(space, _to_array(image_keys)):
            if not isinstance(vectors, Fault):
                for position, vector in zip(positions.tolist(), vectors, strict=True):
                    found[position] = vector.tobytes()
        return [(image_keys[position], found[position]) for position in sorted(found)]

    def put(self, space: VectorSpace, vectors: Sequence[tuple[bytes, bytes]]) -> list[Rejection]:
        """Stores vectors in a new shard."""
        sound, rejections = take_sound(space, vectors)
        if sound:
            shards = self._shards_of(space)
            rows = _to_rows(space, sound, shards.next_put_at())
            name = f"put-{uuid4().hex}{ENDING}"
            with asking(self._observe):
                self._folder.write_file(
                    shards.folder_name, name, lambda file: write_shard(file, space, [rows])
                )
            shards.add(name, rows.image_keys, rows.put_at)
            self._compactor.tell(space)
        return rejections

    def delete(self, image_keys: Sequence[bytes]) -> int:
        """Removes all vectors of images: they are absent at once, and compaction removes their bytes."""
        keys = _to_array(sorted(set(image_keys)))
        with asking(self._observe):
            spaces = [read_folder(name) for name in self._folder.list_spaces()] if len(keys) else []
        return sum(self._delete_from(space, keys) for space in spaces if space is not None)

    def load(
        self, space: VectorSpace, image_keys: NDArray[np.uint8], report: Callable[[int, int], None]
    ) -> NDArray[np.float32]:
        """Reads the vectors of a run's members into one matrix, each part of a shard once."""
        n_members = n_left = len(image_keys)
        matrix = np.empty((n_members, space.dimension), dtype=np.float32)
        faults: Counter[Fault] = Counter()
        report(0, n_members)
        for positions, vectors in self._read(space, image_keys):
            if isinstance(vectors, Fault):
                faults[vectors] += len(positions)
            else:
                matrix[positions] = vectors.view(space.value_type)
            n_left -= len(positions)
            report(n_members - n_left, n_members)
        require_all(faults, n_members)
        return matrix

    def ping(self) -> None:
        """Asks the place whether it is there."""
        with asking(lambda _seconds, _fault: None):
            self._folder.check()

    def close(self) -> None:
        """Ends the merging of shards, and closes the files."""
        self._compactor.close()
        with self._lock:
            for shards in self._spaces.values():
                shards.close()

    def _delete_from(self, space: VectorSpace, keys: NDArray[np.uint8]) -> int:
        shards = self._shards_of(space)
        with asking(self._observe):
            numbers, _ = shards.find(keys)
            if count := int((numbers != ABSENT).sum()):
                shards.erase(keys)
                self._compactor.tell(space)
        return count

    def _shards_of(self, space: VectorSpace) -> SpaceShards:
        with self._lock:
            return self._spaces.setdefault(space, SpaceShards(self._folder, space))

    def _read(self, space: VectorSpace, keys: NDArray[np.uint8]) -> Iterator[_Found]:
        """Positions among the keys with their vectors, uint8, one a row, or why these have no sound one."""
        shards = self._shards_of(space)
        left = np.arange(len(keys))
        for _ in range(MOST_LOOKS):
            with asking(self._observe):
                numbers, rows = shards.find(keys[left])
            if (absent := left[numbers == ABSENT]).size:
                yield absent, Fault.ABSENT
            merged = []
            for number, which in _group(numbers, rows):
                for positions, found in self._read_shard(shards, number, (left[which], rows[which]), keys):
                    if found is None:
                        merged.append(positions)
                    elif len(positions):
                        yield positions, found
            if not merged:
                return
            left = np.concatenate(merged)
        raise StoreUnavailable(UNSTEADY)

    def _read_shard(
        self, shards: SpaceShards, number: int, wanted: _Wanted, keys: NDArray[np.uint8]
    ) -> Iterator[tuple[NDArray[Any], NDArray[np.uint8] | Fault | None]]:
        """The same for positions in one shard and their rows, ascending; None if it was merged meanwhile."""
        size = max(1, _CHUNK_BYTES // shards.space.vector_bytes)
        for start in range(0, len(wanted[0]), size):
            positions, rows = (column[start : start + size] for column in wanted)
            distinct, back = np.unique(rows, return_inverse=True)
            try:
                with asking(self._observe, files_may_go=True):
                    checksums, vectors = shards.open_number(number).read_vectors(distinct)
            except FileNotFoundError:
                yield positions, None
                continue
            except DamagedShard:
                faults = {Fault.WRONG_LENGTH: np.full(len(positions), True)}
            else:
                faults = find_faults(shards.space, keys[positions], checksums[back], vectors[back])
                sound = ~np.any([*faults.values()], axis=0)
                yield positions[sound], vectors[back[sound]]
            for fault, which in faults.items():
                if which.any():
                    shards.forget(number, keys[positions[which]])
                    note_damage(Counter({fault: int(which.sum())}))
                    yield positions[which], fault


def _group(numbers: NDArray[np.int32], rows: NDArray[np.int32]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The positions in each shard, by row."""
    order = np.lexsort((rows, numbers))
    order = order[numbers[order] != ABSENT]
    for number in np.unique(numbers[order]).tolist():
        first, stop = np.searchsorted(numbers[order], [number, number + 1])
        yield number, order[first:stop]


def _to_array(image_keys: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(image_keys), dtype=np.uint8).reshape(-1, IMAGE_KEY_BYTES)


def _to_rows(space: VectorSpace, vectors: Sequence[tuple[bytes, bytes]], put_at: int) -> Rows:
    checksums = b"".join(compute_checksum(space, key, vector) for key, vector in vectors)
    values = b"".join(vector for _, vector in vectors)
    return Rows(
        _to_array([key for key, _ in vectors]),
        np.full(len(vectors), put_at),
        np.frombuffer(checksums, dtype=np.uint8).reshape(-1, CHECKSUM_BYTES),
        np.frombuffer(values, dtype=np.uint8).reshape(-1, space.vector_bytes),
    )
