"""The index says of each key what a table of all puts says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octcluster_clusterer.store.parquet.index import ABSENT, Index

# Few keys, some alike but for their last byte, or for NULs at their end.
KEYS = [
    *(bytes([number]) * 32 for number in range(6)),
    bytes(31) + b"\1",
    b"a" * 31 + b"\0",
    b"a" * 31 + b"\1",
    b"a\0" + b"b" * 30,
]
PUTS = st.lists(st.lists(st.sampled_from(range(len(KEYS))), min_size=1, max_size=6), max_size=12)


def columns(numbers: list[int]) -> np.ndarray:
    return np.frombuffer(b"".join(KEYS[number] for number in numbers), np.uint8).reshape(-1, 32)


@settings(deadline=None)
@given(puts=PUTS, order=st.randoms(), removed=st.sets(st.integers(0, 11)), damaged=st.integers(-1, 9))
def test_finds_the_latest_of_each_key(
    puts: list[list[int]], order: "np.random.Generator", removed: set[int], damaged: int
) -> None:
    index = Index()
    shards = list(range(len(puts)))
    order.shuffle(shards)
    for shard in shards:
        index.add(shard, columns(puts[shard]), np.full(len(puts[shard]), shard, np.int64))
    table: dict[int, tuple[int, int]] = {}
    for shard, numbers in enumerate(puts):
        table |= {number: (shard, row) for row, number in enumerate(numbers)}
    if damaged >= 0:
        index.forget(table.pop(damaged, (0, 0))[0], columns([damaged]))
    else:  # an older vector of a shard that is gone does not come back: whoever deletes it has merged it
        index.remove({shard for shard in removed if shard not in {one for one, _ in table.values()}})
    found = [(int(shard), int(row)) for shard, row in zip(*index.find(columns([*range(10)])), strict=True)]
    assert [one if one[0] != ABSENT else None for one in found] == [table.get(number) for number in range(10)]


def test_what_was_forgotten_is_there_again_after_a_later_put() -> None:
    index = Index()
    index.add(0, columns([1, 2]), np.array([1, 1]))
    index.forget(0, columns([1]))
    assert index.find(columns([1, 2]))[0].tolist() == [ABSENT, 0]
    index.add(1, columns([1]), np.array([2]))
    index.forget(0, columns([1]))  # by whom found the damage of the first one later than that
    assert index.find(columns([1, 2]))[0].tolist() == [1, 0]


@pytest.mark.parametrize("n_shards", [1, 40])
def test_an_index_of_many_shards_finds_every_key(n_shards: int) -> None:
    keys = np.random.default_rng(0).integers(0, 256, (4000, 32), dtype=np.uint8)
    index = Index()
    for shard, part in enumerate(np.array_split(keys, n_shards)):
        index.add(shard, part, np.full(len(part), shard, np.int64))
    shards, rows = index.find(keys)
    starts = np.cumsum([0, *(len(part) for part in np.array_split(keys, n_shards))])
    assert (starts[shards] + rows == np.arange(4000)).all()
    assert (index.find(keys ^ np.uint8(1))[0] == ABSENT).all()
