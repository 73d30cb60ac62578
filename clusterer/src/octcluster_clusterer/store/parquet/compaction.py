"""Merging the shards of a space, beside readers and writers, by one process or several.

    1. Shards of like size are merged into one. It appears whole, and names those that it takes the place of.
    2. A while later, when no listing can be under way that began before, these are deleted.

A crash between both leaves vectors twice, and the next pass goes on with step 2. Two processes that merge the
same shards make the same file. Which of two vectors of an image counts is told by the time of its put, in
whichever shard it lies.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.parquet.folders import ENDING, FileFacts, ShardFolder
from octcluster_clusterer.store.parquet.index import Index
from octcluster_clusterer.store.parquet.shards import (
    DamagedShard,
    Rows,
    Shard,
    count_group_rows,
    find_faults,
    name_folder,
    write_shard,
)

logger = logging.getLogger(__name__)

GRACE_SECONDS = 60.0
# So many shards of like size are merged. Each vector is written anew once for each factor of this.
_MERGED_AT_ONCE = 8
# Shards of this size stay as they are.
_FULL_ROWS = 2**18
_FULL_BYTES = 2**30


@dataclass(frozen=True)
class _Known:
    """A shard that can be read, and what the listing told of it."""

    shard: Shard
    facts: FileFacts

    @property
    def is_full(self) -> bool:
        return self.shard.n_rows >= _FULL_ROWS or self.facts.n_bytes >= _FULL_BYTES


def compact(folder: ShardFolder, space: VectorSpace, grace_seconds: float, all_at_once: bool = False) -> bool:
    """Does what there is to do.

    Args:
        folder: Where the shards lie.
        space: Their space.
        grace_seconds: For how long shards that were merged stay.
        all_at_once: Merge all that are not full, also where they are few.

    Returns:
        Whether there is something to delete later.

    Raises:
        OSError: The place does not serve; what was begun is done by the next pass.
    """
    folder.delete_leavings(name_folder(space))
    known = dict(_open_all(folder, space))
    merged = _find_merged(known)
    for sources in _choose({name: one for name, one in known.items() if name not in merged}, all_at_once):
        facts = FileFacts(0, 0.0)
        name = _merge(folder, space, {source: known[source].shard for source in sources})
        merged |= dict.fromkeys(sources, facts)
        logger.info("merged %d shards into one", len(sources))
        _check(folder, space, name)
    later = False
    for source, successor in merged.items():
        if successor.age_seconds >= grace_seconds:
            folder.delete_file(name_folder(space), source)
        else:
            later = True
    return later


def _open_all(folder: ShardFolder, space: VectorSpace) -> Iterator[tuple[str, _Known]]:
    """All shards that can be read; others are nobody's to delete, and stay."""
    for name, facts in sorted(folder.list_files(name_folder(space)).items()):
        try:
            yield name, _Known(Shard(folder.open_file(name_folder(space), name), space), facts)
        except (DamagedShard, FileNotFoundError):
            continue


def _find_merged(known: Mapping[str, _Known]) -> dict[str, FileFacts]:
    """The shards that another one takes the place of, with what is known of that one."""
    return {
        source: one.facts for one in known.values() for source in one.shard.merged_from if source in known
    }


def _choose(known: Mapping[str, _Known], all_at_once: bool) -> Iterator[Sequence[str]]:
    """Which shards are to be merged with which."""
    tiers: dict[int, list[str]] = {}
    for name, one in known.items():
        if not one.is_full and one.shard.n_rows:
            tier = 0 if all_at_once else int(math.log(one.shard.n_rows, _MERGED_AT_ONCE))
            tiers.setdefault(tier, []).append(name)
    for names in tiers.values():
        if len(names) < (2 if all_at_once else _MERGED_AT_ONCE):
            continue
        chosen: list[str] = []
        for name in names:
            chosen.append(name)
            n_bytes = sum(known[one].facts.n_bytes for one in chosen)
            if n_bytes >= _FULL_BYTES or sum(known[one].shard.n_rows for one in chosen) >= _FULL_ROWS:
                yield chosen
                chosen = []
        if len(chosen) > 1:
            yield chosen


def _merge(folder: ShardFolder, space: VectorSpace, sources: Mapping[str, Shard]) -> str:
    """Writes the latest vector of each image in these shards into one; returns its name."""
    index, starts = Index(), {}
    for number, (name, shard) in enumerate(sources.items()):
        keys, put_at = shard.read_keys()
        index.add(number, keys, put_at)
        starts[name] = int(put_at.min())
    numbers = {name: number for number, name in enumerate(sources)}

    def read() -> Iterator[Rows]:
        for name in sorted(sources, key=lambda one: starts[one]):  # in the order in which runs read them
            for first, rows in sources[name].read_groups():
                found, places = index.find(rows.image_keys)
                latest = (found == numbers[name]) & (places == first + np.arange(len(places)))
                faults = find_faults(space, rows.image_keys, rows)
                yield rows.take(latest & ~np.any([*faults.values()], axis=0))

    digest = blake2b("\n".join(sorted(sources)).encode(), digest_size=16).hexdigest()
    merged = f"merged-{digest}{ENDING}"
    whole_groups = _gather(read(), count_group_rows(space))
    folder.write_file(
        name_folder(space), merged, lambda file: write_shard(file, space, whole_groups, sorted(sources))
    )
    return merged


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


def _check(folder: ShardFolder, space: VectorSpace, name: str) -> None:
    """Reads the end of a shard that was just written, before others are deleted for it."""
    Shard(folder.open_file(name_folder(space), name), space)
