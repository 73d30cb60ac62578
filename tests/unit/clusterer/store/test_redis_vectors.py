"""Vectors in a real Redis and a real Valkey: keys, damage, and a server that fails."""

import itertools
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from known import known
from octcluster_clusterer.errors import (
    InvalidRequest,
    StoreRefused,
    StoreUnavailable,
    VectorsMissing,
)
from octcluster_clusterer.model import DataType, VectorSpace
from octcluster_clusterer.serving.conversions import Limits, count_vectors_per_message
from octcluster_clusterer.store.redis import RedisStore
from octcluster_clusterer.store.redis_vectors import RedisVectors
from processes import free_port
from stores import STORES, Store, started_store
from waiting import wait_until

pytestmark = pytest.mark.heavy

SPACE = VectorSpace(digest=b"\x01" * 32, dimension=1280)


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with started_store(request.param) as running:
        yield running


@pytest.fixture
def raw(store: Store) -> redis.Redis:
    """The server itself, empty: to look at values and to tamper with them."""
    client = redis.Redis.from_url(store.url)
    client.flushall()
    return client


@pytest.fixture
def cache(store: Store, raw: redis.Redis) -> RedisVectors:
    return RedisVectors(RedisStore(store.url))


def make_vectors(n_vectors: int, seed: int = 0, dimension: int = 1280) -> list[tuple[bytes, bytes]]:
    values = np.random.default_rng(seed).normal(size=(n_vectors, dimension)).astype("<f4")
    return [(os.urandom(32), row.tobytes()) for row in values]


def columns(keys: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 32)


def ignore_progress(done: int, total: int) -> None:
    pass


def test_vectors_of_one_byte_a_value_take_no_more_and_are_loaded_as_numbers(
    cache: RedisVectors, raw: redis.Redis
) -> None:
    space = VectorSpace(digest=b"\x03" * 32, dimension=256, data_type=DataType.UINT8)
    rows = [np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8)[::-1]]
    vectors = [(os.urandom(32), row.tobytes()) for row in rows]
    assert cache.put(space, vectors) == []
    assert raw.strlen(b"octcluster:v1:vector:" + space.digest + b":" + vectors[0][0]) == 256 + 16
    assert cache.get(space, [key for key, _ in vectors]) == vectors
    loaded = cache.load(space, columns([key for key, _ in vectors]), ignore_progress)
    assert loaded.dtype == np.float32
    assert (loaded == rows).all()
    (rejection,) = cache.put(space, [(vectors[0][0], bytes(1024))])
    assert "1024 bytes, the space asks for 256" in rejection.reason


def test_got_vectors_come_in_order_without_those_missing_or_damaged(
    cache: RedisVectors, raw: redis.Redis
) -> None:
    vectors = make_vectors(1500)
    cache.put(SPACE, vectors)
    missing, damaged = vectors.pop(3)[0], vectors[700][0]
    for image_key in (missing, damaged):
        name = b"octcluster:v1:vector:" + SPACE.digest + b":" + image_key
        raw.setrange(name, 5, b"?") if image_key == damaged else raw.delete(name)
    wanted = [key for key, _ in reversed(vectors)]
    expected = [pair for pair in reversed(vectors) if pair[0] != damaged]
    assert cache.get(SPACE, [missing, *wanted]) == expected
    assert cache.get(replace(SPACE, digest=b"\x02" * 32), wanted) == []


def test_as_many_vectors_as_fit_go_into_a_message() -> None:
    limits = Limits(max_message_bytes=2**20, max_keys_per_message=8192, max_members=10, max_queued_runs=1)
    assert count_vectors_per_message(SPACE, limits) == 2**20 // (1280 * 4 + 64)
    assert count_vectors_per_message(replace(SPACE, dimension=262_000), limits) == 1
    with pytest.raises(InvalidRequest, match="--max-message-bytes"):
        count_vectors_per_message(replace(SPACE, dimension=2**18), limits)


def test_keys_are_as_agreed(cache: RedisVectors, raw: redis.Redis) -> None:
    vectors = make_vectors(1)
    cache.put(SPACE, vectors)
    assert raw.keys() == [b"octcluster:v1:vector:" + SPACE.digest + b":" + vectors[0][0]]
    assert raw.ttl(raw.keys()[0]) == -1


def flip_first_bit(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]


def flip_last_bit(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


def seal_nan(value: bytes, key: bytes) -> bytes:
    """What no clusterer writes: NaN under a right checksum."""
    content = np.full(SPACE.dimension, np.nan, "<f4").tobytes()
    return content + blake2b(SPACE.digest + key + content, digest_size=16).digest()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (flip_first_bit, "with changed bytes"),
        (flip_last_bit, "with changed bytes"),
        (lambda value: value[:-1], "of the wrong length"),
        (lambda value: value + b"\0", "of the wrong length"),
        (lambda value: value[:-16], "of the wrong length"),
        (lambda value: bytes(len(value)), "with changed bytes"),
        (lambda value: b"", "of the wrong length"),
        (seal_nan, "with NaN or infinity"),
    ],
    ids=["first bit", "last bit", "short", "long", "no checksum", "zeros", "empty", "nan"],
)
def test_a_damaged_value_is_a_miss(
    cache: RedisVectors,
    raw: redis.Redis,
    damage: Callable[..., bytes],
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    vectors = make_vectors(3)
    keys = [key for key, _ in vectors]
    cache.put(SPACE, vectors[:2])
    place = b"octcluster:v1:vector:" + SPACE.digest + b":" + keys[0]
    stored: Any = known(raw.get(place))
    raw.set(place, seal_nan(stored, keys[0]) if damage is seal_nan else damage(stored))
    assert cache.find_missing(SPACE, keys) == [keys[0], keys[2]]
    assert f"1 values in the cache are damaged, and count as missing: 1 {words}" in caplog.text
    assert [key for key, _ in cache.get(SPACE, keys)] == [keys[1]]
    expected = (
        f"2 of 3 members have no sound vector in the cache (1 not there (any more), 1 {words}): put them"
    )
    with pytest.raises(VectorsMissing, match=re.escape(expected)):
        cache.load(SPACE, columns(keys), ignore_progress)
    cache.put(SPACE, vectors)
    assert cache.find_missing(SPACE, keys) == []


def test_a_value_copied_from_elsewhere_is_a_miss(cache: RedisVectors, raw: redis.Redis) -> None:
    here, there = make_vectors(2)
    other_space = replace(SPACE, digest=b"\x02" * 32)
    cache.put(SPACE, [here])
    cache.put(other_space, [there])
    value: Any = known(raw.get(b"octcluster:v1:vector:" + SPACE.digest + b":" + here[0]))
    raw.set(b"octcluster:v1:vector:" + SPACE.digest + b":" + there[0], value)  # another image
    raw.set(b"octcluster:v1:vector:" + other_space.digest + b":" + here[0], value)  # another space
    assert cache.find_missing(SPACE, [here[0], there[0]]) == [there[0]]
    assert cache.find_missing(other_space, [here[0], there[0]]) == [here[0]]


def test_a_value_of_another_type_is_a_miss_and_is_replaced(cache: RedisVectors, raw: redis.Redis) -> None:
    vectors = make_vectors(1)
    raw.rpush(b"octcluster:v1:vector:" + SPACE.digest + b":" + vectors[0][0], "something else")
    assert cache.find_missing(SPACE, [vectors[0][0]]) == [vectors[0][0]]
    cache.put(SPACE, vectors)
    assert cache.find_missing(SPACE, [vectors[0][0]]) == []


def test_a_connection_that_the_server_closed_is_replaced(cache: RedisVectors, raw: redis.Redis) -> None:
    vectors = make_vectors(1)
    cache.put(SPACE, vectors)
    raw.client_kill_filter(_type="normal", skipme=True)
    assert cache.find_missing(SPACE, [vectors[0][0]]) == []


def answers(client: RedisStore) -> bool:
    try:
        client.ping()
    except StoreUnavailable:
        return False
    return True


@pytest.mark.parametrize("name", STORES)
class TestStoreThatFails:
    """What is said when Redis is away or refuses, and how soon it works again."""

    def test_away_then_back(self, name: str) -> None:
        vectors = make_vectors(1)
        with started_store(name) as store:
            cache = RedisVectors(RedisStore(store.url))
            cache.put(SPACE, vectors)
            store.stop()
            seconds = []
            for _ in range(3):
                began = time.monotonic()
                with pytest.raises(StoreUnavailable, match="cannot be reached"):
                    cache.find_missing(SPACE, [vectors[0][0]])
                seconds.append(time.monotonic() - began)
            assert min(seconds) < 1
            store.start()
            assert cache.find_missing(SPACE, [vectors[0][0]]) == [vectors[0][0]]

    def test_password(self, name: str) -> None:
        with started_store(name, "--requirepass", "correct horse") as store:
            RedisStore(store.url, "correct horse").ping()
            for password in (None, "wrong"):
                with pytest.raises(StoreRefused, match="--redis-password-file") as caught:
                    RedisStore(store.url, password).ping()
                assert "wrong" not in str(caught.value)

    def test_full(self, name: str) -> None:
        with started_store(name, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as store:
            cache = RedisVectors(RedisStore(store.url))
            with pytest.raises(StoreRefused, match="maxmemory"):
                [cache.put(SPACE, make_vectors(200)) for _ in range(10)]

    def test_read_only(self, name: str) -> None:
        with (
            started_store(name, "--replicaof", f"127.0.0.1 {free_port()}") as store,
            pytest.raises(StoreUnavailable, match="read-only replica"),
        ):
            RedisVectors(RedisStore(store.url)).put(SPACE, make_vectors(1))

    def test_silent(self, name: str) -> None:
        with started_store(name) as store:
            process_id = redis.Redis.from_url(store.url).info("server")["process_id"]
            client = RedisStore(store.url, timeout_seconds=0.5)
            seconds = []
            for _ in range(3):
                wait_until(lambda: answers(client))
                os.kill(process_id, signal.SIGSTOP)
                began = time.monotonic()
                try:
                    with pytest.raises(StoreUnavailable, match="did not answer in time"):
                        client.ping()
                    seconds.append(time.monotonic() - began)
                finally:
                    os.kill(process_id, signal.SIGCONT)
            assert min(seconds) < 1.5
            wait_until(lambda: answers(client))


def test_a_server_that_still_loads_its_data_is_waited_for_by_the_caller(tmp_path: Path) -> None:
    answering = itertools.repeat(b"-LOADING Redis is loading the dataset in memory\r\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def answer() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        while connection.recv(4096):
                            connection.sendall(next(answering))
            except OSError:
                return

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(StoreUnavailable, match="loading its data"):
            RedisStore(f"unix://{tmp_path / 's'}").ping()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_an_address_that_swallows_packets_costs_a_bounded_time() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            RedisStore(f"redis://127.0.0.1:{port}/0", timeout_seconds=1).ping()
        assert time.monotonic() - began < 30
        for filler in fillers:
            filler.close()
