"""The contract of the vector cache, at every place where vectors can be kept."""

import os
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from octcluster_clusterer.errors import RunCancelled, VectorsMissing
from octcluster_clusterer.model import DataType, VectorSpace
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
from octcluster_clusterer.store.vectors import VectorCache
from vector_places import PLACES, Place, served_place

pytestmark = pytest.mark.heavy

SPACE = VectorSpace(digest=b"\x01" * 32, dimension=1280)


@pytest.fixture(scope="module", params=PLACES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with served_place(request.param, tmp_path_factory.mktemp("vectors")) as served:
        yield served


@pytest.fixture
def place(server: Place) -> Place:
    server.clear()
    return server


@pytest.fixture
def cache(place: Place) -> Iterator[VectorCache]:
    opened = place.open()
    yield opened
    opened.close()


def make_vectors(n_vectors: int, seed: int = 0, dimension: int = 1280) -> list[tuple[bytes, bytes]]:
    values = np.random.default_rng(seed).normal(size=(n_vectors, dimension)).astype("<f4")
    return [(os.urandom(32), row.tobytes()) for row in values]


def columns(keys: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 32)


def ignore_progress(done: int, total: int) -> None:
    pass


def test_every_key_is_missing_from_an_empty_cache(cache: VectorCache) -> None:
    keys = [os.urandom(32) for _ in range(3)]
    assert cache.find_missing(SPACE, keys) == keys
    assert cache.find_missing(SPACE, []) == []


def test_vectors_come_back_bit_for_bit_and_in_order(cache: VectorCache) -> None:
    vectors = make_vectors(2000)
    assert cache.put(SPACE, vectors) == []
    keys = [key for key, _ in reversed(vectors)]
    assert cache.find_missing(SPACE, keys) == []
    loaded = cache.load(SPACE, columns(keys), ignore_progress)
    assert loaded.dtype == np.float32
    assert loaded.shape == (2000, 1280)
    assert loaded.tobytes() == b"".join(vector for _, vector in reversed(vectors))


def test_missing_keys_keep_the_order_of_the_request(cache: VectorCache) -> None:
    vectors = make_vectors(5)
    keys = [key for key, _ in vectors]
    cache.put(SPACE, [vectors[1], vectors[3]])
    assert cache.find_missing(SPACE, keys) == [keys[0], keys[2], keys[4]]


def test_a_member_may_occur_twice(cache: VectorCache) -> None:
    (key, vector), (other_key, other) = vectors = make_vectors(2)
    cache.put(SPACE, vectors)
    loaded = cache.load(SPACE, columns([key, other_key, key]), ignore_progress)
    assert loaded.tobytes() == vector + other + vector


def test_putting_again_replaces(cache: VectorCache) -> None:
    (key, _), (_, new) = make_vectors(2)
    cache.put(SPACE, [(key, make_vectors(1)[0][1])])
    cache.put(SPACE, [(key, new)])
    assert cache.load(SPACE, columns([key]), ignore_progress).tobytes() == new


def test_spaces_do_not_meet(cache: VectorCache) -> None:
    vectors = make_vectors(1)
    cache.put(SPACE, vectors)
    other = replace(SPACE, digest=b"\x02" * 32)
    assert cache.find_missing(other, [vectors[0][0]]) == [vectors[0][0]]
    assert cache.find_missing(replace(SPACE, dimension=640), [vectors[0][0]]) == [vectors[0][0]]


def test_deleted_vectors_are_gone_from_every_space_for_everybody(place: Place) -> None:
    other_space = VectorSpace(b"\x02" * 32, dimension=640)
    vectors, others = make_vectors(4), make_vectors(4, dimension=640)
    keys = [key for key, _ in vectors]
    cache, beside = place.open(), place.open()
    cache.put(SPACE, vectors)
    cache.put(other_space, [(key, other) for key, (_, other) in zip(keys[1:], others, strict=False)])
    assert beside.find_missing(SPACE, keys) == []
    assert cache.delete([]) == cache.delete([os.urandom(32)]) == 0
    assert cache.delete([*keys[:2], os.urandom(32), keys[0]]) == 3
    for opened in (cache, beside, place.open()):
        assert opened.find_missing(SPACE, keys) == keys[:2]
        assert opened.find_missing(other_space, keys) == keys[:2]
        assert opened.get(SPACE, keys) == vectors[2:]
        with pytest.raises(VectorsMissing):
            opened.load(SPACE, columns(keys), ignore_progress)
        assert opened.delete(keys[:2]) == 0
    beside.put(SPACE, vectors[:1])
    assert place.open().get(SPACE, keys) == [vectors[0], *vectors[2:]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_rejected_alone(cache: VectorCache, bad: float) -> None:
    vectors = make_vectors(3)
    spoilt = np.frombuffer(vectors[1][1], dtype="<f4").copy()
    spoilt[-1] = bad
    rejections = cache.put(SPACE, [vectors[0], (vectors[1][0], spoilt.tobytes()), vectors[2]])
    assert [rejection.image_key for rejection in rejections] == [vectors[1][0]]
    assert "NaN or infinity" in rejections[0].reason
    assert cache.find_missing(SPACE, [key for key, _ in vectors]) == [vectors[1][0]]


@pytest.mark.parametrize("length", [0, 4, 5119, 5124])
def test_a_vector_of_another_length_is_rejected_alone(cache: VectorCache, length: int) -> None:
    vectors = make_vectors(2)
    rejections = cache.put(SPACE, [vectors[0], (vectors[1][0], bytes(length))])
    assert [rejection.image_key for rejection in rejections] == [vectors[1][0]]
    assert str(length) in rejections[0].reason
    assert cache.find_missing(SPACE, [vectors[0][0]]) == []


def test_loading_reports_and_can_be_stopped(cache: VectorCache) -> None:
    vectors = make_vectors(2000)
    cache.put(SPACE, vectors)
    keys = columns([key for key, _ in vectors])
    seen = []
    cache.load(SPACE, keys, lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 2000)
    assert seen[-1] == (2000, 2000)
    assert len(seen) > 2
    assert seen == sorted(seen)

    def stop(done: int, total: int) -> None:
        if done:
            raise RunCancelled("enough")

    with pytest.raises(RunCancelled):
        cache.load(SPACE, keys, stop)


def test_large_vectors_go_through(cache: VectorCache) -> None:
    space = VectorSpace(b"\x03" * 32, dimension=62_720)
    vectors = make_vectors(40, dimension=62_720)
    assert cache.put(space, vectors) == []
    loaded = cache.load(space, columns([key for key, _ in vectors]), ignore_progress)
    assert loaded.tobytes() == b"".join(vector for _, vector in vectors)


def test_threads_may_share_it(cache: VectorCache) -> None:
    vectors = make_vectors(400)
    cache.put(SPACE, vectors)
    faults = []

    def check(part: list[tuple[bytes, bytes]]) -> None:
        for _ in range(5):
            loaded = cache.load(SPACE, columns([key for key, _ in part]), ignore_progress)
            if loaded.tobytes() != b"".join(vector for _, vector in part):
                faults.append("mixed up")

    threads = [threading.Thread(target=check, args=(vectors[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


@pytest.mark.parametrize("data_type", DataType)
def test_vectors_of_every_type_come_back_bit_for_bit_and_are_loaded_as_numbers(
    cache: VectorCache, place: Place, data_type: DataType
) -> None:
    space = VectorSpace(b"\x03" * 32, dimension=256, data_type=data_type)
    rows = np.stack([np.arange(256), np.arange(256)[::-1]]).astype(space.value_type)
    vectors = [(os.urandom(32), row.tobytes()) for row in rows]
    assert cache.put(space, vectors) == []
    keys = [key for key, _ in vectors]
    for opened in (cache, place.open()):
        assert opened.get(space, keys) == vectors
        loaded = opened.load(space, columns(keys), ignore_progress)
        assert loaded.dtype == np.float32
        assert (loaded == rows).all()
    (rejection,) = cache.put(space, [(keys[0], bytes(1025))])
    assert f"1025 bytes, the space asks for {space.vector_bytes}" in rejection.reason


def test_got_vectors_come_in_the_order_of_the_request_without_those_missing(cache: VectorCache) -> None:
    vectors = make_vectors(1500)
    cache.put(SPACE, vectors)
    wanted = [key for key, _ in reversed(vectors)]
    assert cache.get(SPACE, [os.urandom(32), *wanted, wanted[0]]) == [*reversed(vectors), vectors[-1]]
    assert cache.get(SPACE, []) == []
    assert cache.get(replace(SPACE, digest=b"\x02" * 32), wanted) == []


def test_a_damaged_vector_is_a_miss_until_it_is_put_again(
    cache: VectorCache, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = make_vectors(5)
    keys = [key for key, _ in vectors]
    cache.put(SPACE, vectors)
    place.damage(SPACE, *vectors[2])
    assert cache.get(SPACE, keys) == vectors[:2] + vectors[3:]
    assert "1 values in the cache are damaged, and count as missing: 1 with changed bytes" in caplog.text
    assert cache.find_missing(SPACE, keys) == [keys[2]], "so that the client puts it again"
    for opened in (cache, place.open()):
        with pytest.raises(VectorsMissing, match="1 of 5 members have no sound vector"):
            opened.load(SPACE, columns(keys), ignore_progress)
    assert cache.put(SPACE, vectors[2:3]) == []
    for opened in (cache, place.open()):
        assert opened.find_missing(SPACE, keys) == []
        assert opened.get(SPACE, keys) == vectors


def test_what_one_writer_puts_another_one_has_at_once(cache: VectorCache, place: Place) -> None:
    other = place.open()
    for turn in range(3):
        (one, two) = make_vectors(2, seed=turn)
        cache.put(SPACE, [one])
        assert other.find_missing(SPACE, [one[0], two[0]]) == [two[0]]
        other.put(SPACE, [two, (one[0], two[1])])
        assert cache.get(SPACE, [one[0], two[0]]) == [(one[0], two[1]), two], "the latest put counts"


def test_a_place_can_be_sent_to_another_process(place: Place) -> None:
    sent = pickle.dumps(VectorPlace(place.url))
    vectors = make_vectors(2)
    place.open().put(SPACE, vectors)
    assert open_vectors(pickle.loads(sent)).get(SPACE, [vectors[0][0]]) == vectors[:1]


def test_a_place_that_is_there_answers(cache: VectorCache) -> None:
    cache.ping()
