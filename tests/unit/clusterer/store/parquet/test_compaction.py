"""Merging of shards loses nothing, beside readers and writers and whatever ends it, in a folder and in S3."""

import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octcluster_clusterer.errors import StoreUnavailable
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.opening import VectorPlace
from octcluster_clusterer.store.parquet.compaction import SpaceCompaction
from octcluster_clusterer.store.parquet.compactor import Compactor
from octcluster_clusterer.store.parquet.opening import open_folder
from octcluster_clusterer.store.parquet.vectors import ParquetVectors
from vector_places import Place, read_shards, served_place, write_shard
from waiting import wait_until

pytestmark = pytest.mark.heavy

SPACE = VectorSpace(b"\x01" * 32, dimension=64)
NEVER = 1e9


@pytest.fixture(scope="module", params=["folder", "s3"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with served_place(request.param, tmp_path_factory.mktemp("vectors")) as served:
        yield served


@pytest.fixture
def place(server: Place) -> Place:
    server.clear()
    return server


class NoCompactor(Compactor):
    """Leaves the shards to the test."""

    def tell(self, space: VectorSpace) -> None:
        pass


def open_alone(place: Place) -> ParquetVectors:
    """Opens a place whose shards nobody merges unasked."""
    folder = open_folder(place.url, VectorPlace("").timeout_seconds)
    return ParquetVectors(folder, lambda _seconds, _fault: None, NoCompactor(folder))


def start_compaction(place: Place) -> SpaceCompaction:
    return SpaceCompaction(open_folder(place.url, 5), SPACE)


def make_vectors(n_vectors: int) -> list[tuple[bytes, bytes]]:
    values = np.random.default_rng().normal(size=(n_vectors, SPACE.dimension)).astype("<f4")
    return [(os.urandom(32), row.tobytes()) for row in values]


def put_each(place: Place, vectors: list[tuple[bytes, bytes]]) -> ParquetVectors:
    cache = open_alone(place)
    for vector in vectors:
        cache.put(SPACE, [vector])
    return cache


def names(place: Place) -> list[str]:
    return sorted(name.rpartition("/")[2].partition("-")[0] for name in read_shards(place.url))


def test_few_shards_stay_as_they_are_and_many_become_one(place: Place) -> None:
    vectors = make_vectors(8)
    cache = put_each(place, vectors[:7])
    assert not start_compaction(place).compact(0)
    assert names(place) == ["put"] * 7
    cache.put(SPACE, vectors[7:])
    compaction = start_compaction(place)
    assert compaction.compact(NEVER), "there are shards to delete"
    assert names(place) == ["merged"] + ["put"] * 8
    assert compaction.compact(NEVER), "nothing is merged twice"
    assert names(place) == ["merged"] + ["put"] * 8
    assert not compaction.compact(0)
    assert names(place) == ["merged"]
    for opened in (cache, open_alone(place)):
        assert opened.get(SPACE, [key for key, _ in vectors]) == vectors


def test_who_knew_a_merged_shard_beside_its_sources_has_all_when_these_are_deleted(place: Place) -> None:
    for _ in range(4):  # in whichever order a reader comes by them
        vectors = make_vectors(8)
        keys = [key for key, _ in vectors]
        put_each(place, vectors)
        compaction = start_compaction(place)
        compaction.compact(NEVER, all_at_once=True)
        reader = open_alone(place)
        assert reader.get(SPACE, keys) == vectors
        compaction.compact(0)
        assert reader.get(SPACE, keys) == vectors


def bytes_of(place: Place) -> bytes:
    return b"".join(content for name, content in read_shards(place.url).items() if name.endswith(".parquet"))


@pytest.mark.parametrize("n_shards", [1, 3, 8])
def test_bytes_of_deleted_vectors_are_removed(place: Place, n_shards: int) -> None:
    vectors = make_vectors(8)
    cache = open_alone(place)
    for part in range(n_shards):
        cache.put(SPACE, vectors[part::n_shards])
    assert cache.delete([vectors[0][0]]) == 1
    compaction = start_compaction(place)
    assert compaction.compact(NEVER), "there are shards to delete"
    compaction.compact(0)
    assert vectors[0][1] not in bytes_of(place)
    for opened in (cache, open_alone(place)):
        assert opened.get(SPACE, [key for key, _ in vectors]) == vectors[1:]
    assert cache.delete([key for key, _ in vectors]) == 7
    for _ in range(3):
        compaction.compact(0)
    assert names(place).count("put") == names(place).count("merged") == 0


def test_vector_that_a_late_merge_brings_back_stays_deleted(place: Place) -> None:
    vectors = make_vectors(8)
    cache = put_each(place, vectors)
    before = read_shards(place.url)
    late = start_compaction(place)
    late.compact(NEVER)  # of a process that began before the deletion, and is not done
    merged = {name: content for name, content in read_shards(place.url).items() if name not in before}
    cache.delete([vectors[0][0]])
    compaction = start_compaction(place)
    for _ in range(3):
        compaction.compact(0)
    for name, content in merged.items():
        write_shard(place.url, name, content)
    for opened in (cache, open_alone(place)):
        assert opened.get(SPACE, [key for key, _ in vectors]) == vectors[1:]
    for _ in range(3):
        compaction.compact(0)
    assert vectors[0][1] not in bytes_of(place)
    assert open_alone(place).get(SPACE, [key for key, _ in vectors]) == vectors[1:]


def test_erasure_goes_when_no_shard_needs_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("octcluster_clusterer.store.parquet.compaction._ERASURE_SECONDS", -1.0)
    vectors = make_vectors(3)
    cache = put_each(place, vectors)
    cache.delete([vectors[0][0]])
    compaction = start_compaction(place)
    compaction.compact(NEVER)
    assert [name for name in read_shards(place.url) if name.endswith(".erased")]
    for _ in range(3):
        compaction.compact(0)
    assert [name for name in read_shards(place.url) if name.endswith(".erased")] == []
    assert open_alone(place).get(SPACE, [key for key, _ in vectors]) == vectors[1:]


def test_all_can_be_merged_when_somebody_asks_for_it(place: Place) -> None:
    vectors = make_vectors(5)
    put_each(place, vectors[:4]).put(SPACE, vectors[4:])
    start_compaction(place).compact(0, all_at_once=True)
    start_compaction(place).compact(0, all_at_once=True)
    assert names(place) == ["merged"]
    assert open_alone(place).get(SPACE, [key for key, _ in vectors]) == vectors


def test_the_latest_vector_of_an_image_counts_in_whichever_shards_they_lie(place: Place) -> None:
    (key, _), *others = make_vectors(18)
    cache = open_alone(place)
    latest = b""
    for turn in range(17):
        latest = others[turn][1]
        cache.put(SPACE, [(key, latest), others[turn]])
        if turn % 5 == 4:
            start_compaction(place).compact(0, all_at_once=turn % 2 == 0)
        for opened in (cache, open_alone(place)):
            assert opened.get(SPACE, [key]) == [(key, latest)]
    start_compaction(place).compact(0, all_at_once=True)
    assert cache.get(SPACE, [one for one, _ in others[:17]]) == others[:17]


def test_a_crash_after_each_step_loses_nothing(place: Place) -> None:
    vectors = make_vectors(9)
    keys = [key for key, _ in vectors]
    put_each(place, vectors)
    start_compaction(place).compact(NEVER)  # and the process ends before anything is deleted
    assert open_alone(place).get(SPACE, keys) == vectors
    before = read_shards(place.url)
    folder = open_folder(place.url, 5)
    for name in sorted(name for name in before if "/put-" in name)[:4]:  # or while it deletes
        folder.delete_file(*name.split("/"))
        assert open_alone(place).get(SPACE, keys) == vectors
    put_each(place, make_vectors(3))
    assert not start_compaction(place).compact(0)
    assert "put" not in names(place)[:1]
    assert open_alone(place).get(SPACE, keys) == vectors


def test_nothing_is_deleted_for_a_merged_shard_that_is_damaged(place: Place) -> None:
    vectors = make_vectors(8)
    put_each(place, vectors)
    start_compaction(place).compact(NEVER)
    (merged,) = [name for name in read_shards(place.url) if "/merged-" in name]
    write_shard(place.url, merged, read_shards(place.url)[merged][:-20])
    assert open_alone(place).get(SPACE, [key for key, _ in vectors]) == vectors
    start_compaction(place).compact(0)  # makes it anew
    start_compaction(place).compact(0)
    assert names(place) == ["merged"]
    assert open_alone(place).get(SPACE, [key for key, _ in vectors]) == vectors


def test_damaged_vectors_are_left_out_and_are_missing_then(place: Place) -> None:
    vectors = make_vectors(8)
    put_each(place, vectors)
    place.damage(SPACE, *vectors[3])
    start_compaction(place).compact(0)
    start_compaction(place).compact(0)
    assert open_alone(place).find_missing(SPACE, [key for key, _ in vectors]) == [vectors[3][0]]


def test_nothing_is_deleted_for_a_merged_shard_that_was_damaged_since_it_was_seen(place: Place) -> None:
    vectors = make_vectors(8)
    put_each(place, vectors)
    compaction = start_compaction(place)
    for _ in range(2):
        compaction.compact(NEVER)
    (merged,) = [name for name in read_shards(place.url) if "/merged-" in name]
    write_shard(place.url, merged, read_shards(place.url)[merged][:-20])
    compaction.compact(0)
    assert open_alone(place).get(SPACE, [key for key, _ in vectors]) == vectors


def test_a_shard_whose_columns_lie_nowhere_keeps_no_others_from_being_merged(place: Place) -> None:
    vectors = make_vectors(9)
    put_each(place, vectors)
    name, content = min(read_shards(place.url).items())
    table = pq.read_table(pa.BufferReader(content))
    packed = pa.BufferOutputStream()  # the right columns, in another layout
    pq.write_table(table, packed, compression="zstd")
    write_shard(place.url, name, packed.getvalue().to_pybytes())
    compaction = start_compaction(place)
    for _ in range(3):
        compaction.compact(0)
    assert len(names(place)) == 2
    assert read_shards(place.url)[name] == packed.getvalue().to_pybytes()
    assert len(open_alone(place).find_missing(SPACE, [key for key, _ in vectors])) <= 1


def test_what_cannot_be_read_is_neither_merged_nor_deleted(place: Place) -> None:
    vectors = make_vectors(9)
    put_each(place, vectors)
    broken = min(read_shards(place.url))
    write_shard(place.url, broken, b"PAR1 and no more")
    start_compaction(place).compact(0)
    start_compaction(place).compact(0)
    assert read_shards(place.url)[broken] == b"PAR1 and no more"
    assert len(open_alone(place).find_missing(SPACE, [key for key, _ in vectors])) == 1


def test_two_that_merge_at_once_do_no_harm(place: Place) -> None:
    vectors = make_vectors(16)
    cache = put_each(place, vectors)
    keys = [key for key, _ in vectors]
    compactions = [start_compaction(place) for _ in range(2)]
    for one in compactions:
        one.compact(NEVER)
        assert cache.get(SPACE, keys) == vectors
    cache.put(SPACE, make_vectors(1))
    threads = [
        threading.Thread(target=one.compact, args=(0,)) for one in (*compactions, start_compaction(place))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for opened in (cache, open_alone(place)):
        assert opened.get(SPACE, keys) == vectors


class Crowd:
    """Threads that write, merge and read at one place at once."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.acknowledged: list[tuple[bytes, bytes]] = []
        self.faults: list[object] = []
        self.ended = threading.Event()

    def write(self) -> None:
        cache = open_alone(self.place)
        for _ in range(30):
            vectors = make_vectors(3)
            cache.put(SPACE, vectors)
            self.acknowledged.extend(vectors)

    def merge(self) -> None:
        compaction = start_compaction(self.place)
        while not self.ended.is_set():
            with suppress(FileNotFoundError):  # another one was quicker
                compaction.compact(0.3, all_at_once=True)

    def read(self) -> None:
        cache = open_alone(self.place)
        for turn in itertools.count():
            if self.ended.is_set():
                return
            if turn % 4 == 3:
                cache = open_alone(self.place)
            expected = list(self.acknowledged)
            try:
                if cache.get(SPACE, [key for key, _ in expected]) != expected:
                    self.faults.append("lost")
            except StoreUnavailable as error:
                self.faults.append(error)


def test_beside_readers_and_writers(place: Place) -> None:
    crowd = Crowd(place)
    writers = [threading.Thread(target=crowd.write) for _ in range(2)]
    others = [threading.Thread(target=work) for work in (crowd.merge, crowd.merge, crowd.read, crowd.read)]
    for thread in writers + others:
        thread.start()
    for thread in writers:
        thread.join()
    crowd.ended.set()
    for thread in others:
        thread.join()
    assert crowd.faults == []
    assert len(crowd.acknowledged) == 180
    assert open_alone(place).get(SPACE, [key for key, _ in crowd.acknowledged]) == crowd.acknowledged


def test_a_thread_merges_by_itself_and_deletes_after_the_grace(place: Place) -> None:
    folder = open_folder(place.url, 5)
    cache = ParquetVectors(folder, lambda _seconds, _fault: None, Compactor(folder, grace_seconds=0.2))
    vectors = make_vectors(16)
    for vector in vectors:
        cache.put(SPACE, [vector])
    wait_until(lambda: "merged" in names(place) and names(place).count("put") < 8)
    assert cache.get(SPACE, [key for key, _ in vectors]) == vectors
    cache.close()
