"""The shards of one space as this process knows them: opened, and indexed by image key."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import StoreUnavailable
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.parquet.erasures import Erasure, read_erasure, write_erasure
from octcluster_clusterer.store.parquet.folders import ENDING, ERASURE_ENDING, ShardFolder
from octcluster_clusterer.store.parquet.index import Index
from octcluster_clusterer.store.parquet.shards import DamagedShard, Shard, name_folder

logger = logging.getLogger(__name__)

# Each open shard holds a file; of those read before the last ones, the end is read again when it is needed.
_MOST_OPEN = 64
# How often a reader looks again when shards were merged while it read.
MOST_LOOKS = 5
UNSTEADY = "the vector store does not serve: its shards change too quickly, try again"
_DAY_NANOSECONDS = 24 * 3600 * 10**9


class SpaceShards:
    """Sees at each look what writers added and compaction replaced. Safe to use from several threads."""

    def __init__(self, folder: ShardFolder, space: VectorSpace) -> None:
        """Knows of no shard before the first look."""
        self.space = space
        self.folder_name = name_folder(space)
        self._folder = folder
        self._lock = threading.Lock()
        self._index = Index()
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._opened: OrderedDict[str, Shard] = OrderedDict()
        self._damaged: set[str] = set()
        self._superseded: set[str] = set()
        self._erasures: set[str] = set()
        self._latest_put_at = 0

    def find(self, keys: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Looks which shards there are now, and finds vectors in them: see ``Index.find``.

        Raises:
            OSError: The folder cannot be read.
            StoreUnavailable: Shards that it lists are not there, at each of several looks.
        """
        with self._lock:
            self._look()
            return self._index.find(keys)

    def open_number(self, number: int) -> Shard:
        """Opens the shard with a number that ``find`` told; see ``open``."""
        return self.open(self._names[number])

    def open(self, name: str) -> Shard:
        """Opens a shard.

        Raises:
            FileNotFoundError: It is not there any more: look again.
            DamagedShard: It is none.
            OSError: It cannot be read.
        """
        with self._lock:
            return self._open(name)

    def add(self, name: str, keys: NDArray[np.uint8], put_at: NDArray[np.int64]) -> None:
        """Adds a shard that this process has just written, so that nobody reads it for its keys."""
        with self._lock:
            self._add(name, keys, put_at)

    def erase(self, keys: NDArray[np.uint8]) -> None:
        """Has all vectors of these images that were put so far count as absent, for every process.

        Raises:
            OSError: The folder cannot be written.
        """
        erasure, name = Erasure(keys, self.next_put_at()), f"{uuid4().hex}{ERASURE_ENDING}"
        self._folder.write_file(self.folder_name, name, lambda file: write_erasure(file, erasure))
        with self._lock:
            self._add_erasure(name, erasure)

    def forget(self, number: int, keys: NDArray[np.uint8]) -> None:
        """Has damaged vectors in a shard count as missing from now on, until they are put again."""
        with self._lock:
            self._index.forget(number, keys)

    def next_put_at(self) -> int:
        """The time of a put, in nanoseconds since 1970, after every one that this process knows of."""
        with self._lock:
            self._latest_put_at = max(time.time_ns(), self._latest_put_at + 1)
            return self._latest_put_at

    def close(self) -> None:
        """Closes the files; who still needs one opens it again."""
        with self._lock:
            self._opened.clear()

    def _look(self) -> None:
        for _ in range(MOST_LOOKS):
            with suppress(FileNotFoundError):  # one was merged since the listing
                self._take(self._folder.list_files(self.folder_name).keys())
                return
        raise StoreUnavailable(UNSTEADY)

    def _take(self, there: Set[str]) -> None:
        """Indexes the shards that are new among these, and forgets those that are not there.

        What a new one takes the place of is forgotten before: it has the same vectors, put at the same times,
        and the index keeps one place of each.
        """
        self._take_erasures({name for name in there if name.endswith(ERASURE_ENDING)})
        there = {name for name in there if name.endswith(ENDING)}
        new: dict[str, Shard] = {}
        self._superseded &= there
        for name in there - self._numbers.keys() - self._damaged - self._superseded:
            with self._noting_damage(name):
                new[name] = self._open(name)
        self._superseded |= there & {source for shard in new.values() for source in shard.merged_from}
        gone = self._numbers.keys() - (there - self._superseded)
        self._index.remove({self._numbers.pop(name) for name in gone})
        for name in gone:
            self._opened.pop(name, None)
        for name in new.keys() - self._superseded:
            with self._noting_damage(name):
                self._add(name, *new[name].read_keys())

    def _take_erasures(self, there: Set[str]) -> None:
        self._erasures &= there
        for name in there - self._erasures - self._damaged:
            with self._noting_damage(name):
                self._add_erasure(name, read_erasure(self._folder, self.folder_name, name))

    def _add_erasure(self, name: str, erasure: Erasure) -> None:
        self._erasures.add(name)
        erasure.add_to(self._index)
        self._latest_put_at = max(self._latest_put_at, erasure.erased_at)

    @contextmanager
    def _noting_damage(self, name: str) -> Iterator[None]:
        try:
            yield
        except DamagedShard:
            self._damaged.add(name)
            logger.warning("one shard is damaged: its vectors count as missing")

    def _add(self, name: str, keys: NDArray[np.uint8], put_at: NDArray[np.int64]) -> None:
        if name not in self._numbers and len(keys):
            # No clock is a day ahead: this is damage, and would hide all that is put later.
            put_at = np.where(put_at > time.time_ns() + _DAY_NANOSECONDS, 0, put_at)
            self._numbers[name] = len(self._names)
            self._names.append(name)
            self._index.add(self._numbers[name], keys, put_at)
            self._latest_put_at = max(self._latest_put_at, int(put_at.max()))

    def _open(self, name: str) -> Shard:
        if name not in self._opened:
            file = self._folder.open_file(self.folder_name, name)
            self._opened[name] = Shard(file, self.space, self._folder.gap_bytes)
            while len(self._opened) > _MOST_OPEN:
                self._opened.popitem(last=False)  # who reads it at the moment holds it
        self._opened.move_to_end(name)
        return self._opened[name]
