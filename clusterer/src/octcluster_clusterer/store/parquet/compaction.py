"""Merging the shards of a space, beside readers and writers, by one process or several.

    1. Shards of like size are merged into one. It appears whole, and names those that it takes the place of.
    2. A while later, when no listing can be under way that began before, these are deleted.

Vectors that were erased (``erasures``) are left out; a shard that holds some is written anew for that alone.
A crash between both leaves vectors twice, and the next pass goes on with step 2. Two processes that merge the
same shards make the same file. Which of two vectors of an image counts is told by the time of its put, in
whichever shard it lies.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.parquet.erasures import Erasure, read_erasure
from octcluster_clusterer.store.parquet.folders import ENDING, ERASURE_ENDING, FileFacts, ShardFolder
from octcluster_clusterer.store.parquet.index import Index
from octcluster_clusterer.store.parquet.shards import (
    DamagedShard,
    Rows,
    Shard,
    count_group_rows,
    name_folder,
    write_shard,
)
from octcluster_clusterer.store.sound_vectors import find_faults

logger = logging.getLogger(__name__)

GRACE_SECONDS = 60.0
# So many shards of like size are merged. Each vector is written anew once for each factor of this.
_MERGED_AT_ONCE = 8
# Shards of this size stay as they are.
_FULL_ROWS = 2**18
_FULL_BYTES = 2**30
# Nobody takes longer to merge what was read before an erasure.
_ERASURE_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Summary:
    """What compaction must know of a shard.

    Attributes:
        n_rows: Number of its vectors.
        merged_from: Names of the shards that it takes the place of.
        facts: What the latest listing told of it.
    """

    n_rows: int
    merged_from: Sequence[str]
    facts: FileFacts

    @property
    def is_full(self) -> bool:
        """Whether it stays as it is."""
        return self.n_rows >= _FULL_ROWS or self.facts.n_bytes >= _FULL_BYTES


class SpaceCompaction:
    """Compacts one space, pass by pass. Reads the end of each shard once."""

    def __init__(self, folder: ShardFolder, space: VectorSpace) -> None:
        """Compacts the shards of ``space`` in ``folder``."""
        self._folder = folder
        self._space = space
        self._known: dict[str, Summary] = {}
        self._unreadable: set[str] = set()
        self._erasures: dict[str, Erasure] = {}
        self._clean: dict[str, set[str]] = {}

    def compact(self, grace_seconds: float, all_at_once: bool = False) -> bool:
        """Does what there is to do.

        Args:
            grace_seconds: For how long shards that were merged stay.
            all_at_once: Merge all that are not full, also where they are few.

        Returns:
            Whether there is something to delete later.

        Raises:
            OSError: The place does not serve; what was begun is done by the next pass.
        """
        self._folder.delete_leavings(name_folder(self._space))
        self._look()
        merged = {source for one in self._known.values() for source in one.merged_from}
        left = {name: one for name, one in self._known.items() if name not in merged}
        later = False
        for names in self._choose(left, all_at_once):
            try:
                _merge(self._folder, self._space, names, self._erasures)
            except _UnreadableShard as error:
                self._unreadable.add(error.name)
                logger.warning("a shard cannot be merged: it is damaged")
            else:
                logger.info("merged %d shards into one", len(names))
            later = True
        for name, one in self._known.items():
            sources = [source for source in one.merged_from if source in self._known]
            if one.facts.age_seconds < grace_seconds:
                later |= bool(sources)
            elif sources and self._find_readable(name) is not None:
                for source in sources:
                    self._folder.delete_file(name_folder(self._space), source)
            elif not sources and not one.n_rows:
                self._folder.delete_file(name_folder(self._space), name)
        return later

    def _choose(self, left: Mapping[str, Summary], all_at_once: bool) -> Iterator[Sequence[str]]:
        """Which shards are to be written anew, together."""
        chosen = list(_choose(left, all_at_once))
        yield from chosen
        for name in left.keys() - {name for names in chosen for name in names}:
            if self._holds_erased(name):
                yield [name]

    def _holds_erased(self, name: str) -> bool:
        """Whether a shard holds vectors that were erased; each erasure is looked for once."""
        clean = self._clean.setdefault(name, set())
        new = self._erasures.keys() - clean
        if not new or (shard := self._find_readable(name)) is None:
            return False
        try:
            keys, put_at = shard.read_keys()
        except (DamagedShard, FileNotFoundError):
            return False
        clean |= {one for one in new if not self._erasures[one].covers_any(keys, put_at)}
        return not new <= clean

    def _look(self) -> None:
        """Learns which shards there are now. Those that cannot be read are nobody's to delete, and stay."""
        known: dict[str, Summary] = {}
        files = sorted(self._folder.list_files(name_folder(self._space)).items())
        self._look_for_erasures({name: facts for name, facts in files if name.endswith(ERASURE_ENDING)})
        for name, facts in files:
            if name.endswith(ERASURE_ENDING):
                continue
            if name in self._known.keys() - self._unreadable:
                known[name] = replace(self._known[name], facts=facts)
            elif (shard := self._find_readable(name)) is not None:
                known[name] = Summary(shard.n_rows, shard.merged_from, facts)
        self._known = known
        self._clean = {name: clean for name, clean in self._clean.items() if name in known}

    def _look_for_erasures(self, there: Mapping[str, FileFacts]) -> None:
        """Learns which erasures there are, and removes those of which no shard holds anything any more."""
        self._erasures = {name: one for name, one in self._erasures.items() if name in there}
        for name, facts in there.items():
            if name in self._unreadable:
                continue
            if name not in self._erasures:
                try:
                    self._erasures[name] = read_erasure(self._folder, name_folder(self._space), name)
                except DamagedShard:
                    self._unreadable.add(name)
            elif facts.age_seconds > _ERASURE_SECONDS and all(
                name in self._clean.get(shard, ()) for shard, one in self._known.items() if one.n_rows
            ):
                del self._erasures[name]
                self._folder.delete_file(name_folder(self._space), name)

    def _find_readable(self, name: str) -> Shard | None:
        if name in self._unreadable:
            return None
        try:
            return _open(self._folder, self._space, name)
        except (DamagedShard, FileNotFoundError):
            return None


class _UnreadableShard(Exception):
    """A shard to be merged turned out to be damaged."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except DamagedShard as error:
        raise _UnreadableShard(name) from error


def _open(folder: ShardFolder, space: VectorSpace, name: str) -> Shard:
    return Shard(folder.open_file(name_folder(space), name), space, folder.gap_bytes)


def _choose(known: Mapping[str, Summary], all_at_once: bool) -> Iterator[Sequence[str]]:
    """Which shards are to be merged with which."""
    tiers: dict[int, list[str]] = {}
    for name, one in known.items():
        if not one.is_full and one.n_rows:
            tier = 0 if all_at_once else int(math.log(one.n_rows, _MERGED_AT_ONCE))
            tiers.setdefault(tier, []).append(name)
    fewest = 2 if all_at_once else _MERGED_AT_ONCE
    for names in tiers.values():
        chosen: list[str] = []
        for name in names if len(names) >= fewest else ():
            chosen.append(name)
            n_bytes = sum(known[one].facts.n_bytes for one in chosen)
            if n_bytes >= _FULL_BYTES or sum(known[one].n_rows for one in chosen) >= _FULL_ROWS:
                yield chosen
                chosen = []
        if len(chosen) > 1:
            yield chosen


def _merge(
    folder: ShardFolder, space: VectorSpace, names: Sequence[str], erasures: Mapping[str, Erasure]
) -> None:
    """Writes the latest vector of each image in these shards into one, without those damaged or erased."""
    index, shards, first_put = Index(), [], []
    for erasure in erasures.values():
        erasure.add_to(index)
    for number, name in enumerate(names):
        with _reading(name):
            shards.append(_open(folder, space, name))
            keys, put_at = shards[number].read_keys()
        index.add(number, keys, put_at)
        first_put.append(int(put_at.min()))

    def read() -> Iterator[Rows]:
        for number in np.argsort(first_put):  # as they were put, since runs read them in that order
            with _reading(names[number]):
                for start, rows in shards[number].read_groups():
                    found, places = index.find(rows.image_keys)
                    latest = (found == number) & (places == start + np.arange(len(places)))
                    faults = find_faults(space, rows.image_keys, rows.checksums, rows.vectors)
                    yield rows.take(latest & ~np.any([*faults.values()], axis=0))

    digest = blake2b("\n".join(sorted([*names, *erasures])).encode(), digest_size=16).hexdigest()
    parts = _gather(read(), count_group_rows(space))
    folder.write_file(
        name_folder(space), f"merged-{digest}{ENDING}", lambda file: write_shard(file, space, parts, names)
    )


def _gather(pieces: Iterator[Rows], n_rows: int) -> Iterator[Rows]:
    """The same rows in pieces of this many."""
    held: list[Rows] = []
    for piece in pieces:
        held.append(piece)
        while sum(len(one.put_at) for one in held) >= n_rows:
            whole = Rows.join(held)
            yield whole.take(slice(n_rows))
            held = [whole.take(slice(n_rows, None))]
    if held and (rest := Rows.join(held)).put_at.size:
        yield rest
