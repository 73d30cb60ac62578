"""A clusterer whose vectors are in Parquet: outages of both of its stores, and what is told of them."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import redis
from known import known
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from processes import Server, running_service
from s3 import running_s3
from stores import Store, started_store

from .conftest import NOT_SERVING, SERVING, Blobs, Clusterer, new_spec, wait_for_health


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with started_store("valkey") as running:
        yield running


@contextmanager
def served(store: Store, url: str, *arguments: str) -> Iterator[tuple[Clusterer, Server]]:
    settings = (*store.settings, "--store", "parquet", "--store-url", url, *arguments)
    with running_service("octcluster_clusterer", *settings) as server:
        client = Clusterer(server.address)
        yield client, server
        client.channel.close()


def run(client: Clusterer, blobs: Blobs) -> pb.RunStatus:
    spec = new_spec()
    client.start(spec, blobs)
    return client.watch(spec.run_id)[-1]


@contextmanager
def refused(code: grpc.StatusCode, words: str) -> Iterator[None]:
    with pytest.raises(grpc.RpcError) as caught:
        yield
    assert caught.value.code() == code
    assert words in known(caught.value.details())


def test_vectors_outlive_their_server_and_redis_holds_none(store: Store, tmp_path: Path) -> None:
    blobs, url = Blobs.draw(300), f"file://{tmp_path}/Doe^Jane"
    with served(store, url, "--log-level", "debug") as (client, server):
        client.put(blobs.entries(), chunk=20)
        assert run(client, blobs).state == pb.RUN_STATE_SUCCEEDED
        server.process.kill()
        server.process.wait()
        log = server.log
    assert "Doe" not in log
    assert "space=" not in log
    assert not list(redis.Redis.from_url(store.url).scan_iter("octcluster:v1:vector:*"))
    with served(store, url) as (client, _), served(store, url) as (other, _):
        assert client.find_missing(blobs.keys) == []
        more = Blobs.draw(100, seed=1)
        other.put(more.entries())
        assert client.find_missing(more.keys) == []
        assert run(client, more).state == pb.RUN_STATE_SUCCEEDED


def test_a_shard_damaged_by_hand_fails_the_run_and_the_next_one_goes_on(store: Store, tmp_path: Path) -> None:
    blobs = Blobs.draw(200)
    with served(store, f"file://{tmp_path}/vectors") as (client, server):
        client.put(blobs.entries())
        (shard,) = tmp_path.glob("vectors/space=*/*.parquet")
        content = shard.read_bytes()
        place = content.find(blobs.vectors[7].tobytes())
        shard.write_bytes(content[:place] + b"????" + content[place + 4 :])
        status = run(client, blobs)
        assert status.error.code == pb.RUN_ERROR_CODE_VECTORS_MISSING
        assert (
            "1 of 200 members have no sound vector in the cache (1 with changed bytes)"
            in status.error.message
        )
        assert client.find_missing(blobs.keys) == [blobs.keys[7]]
        client.put(blobs.entries()[7:8])
        assert run(client, blobs).state == pb.RUN_STATE_SUCCEEDED
        assert "1 values in the cache are damaged" in server.log


def test_health_follows_the_place_of_the_vectors_too(store: Store, tmp_path: Path) -> None:
    blobs = Blobs.draw(50)
    (tmp_path / "mount").mkdir()
    with served(store, f"file://{tmp_path}/mount/vectors") as (client, server):
        client.put(blobs.entries())
        wait_for_health(server, SERVING)
        (tmp_path / "mount").rename(tmp_path / "gone")
        wait_for_health(server, NOT_SERVING)
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "its folder is not there"):
            client.find_missing(blobs.keys)
        with refused(grpc.StatusCode.NOT_FOUND, "run"):  # runs are elsewhere
            client.get("0" * 32)
        (tmp_path / "gone").rename(tmp_path / "mount")
        wait_for_health(server, SERVING)
        assert client.find_missing(blobs.keys) == []


def test_a_slow_s3_changes_nothing_but_the_time(store: Store) -> None:
    blobs, delay_seconds = Blobs.draw(120), 0.4
    with (
        running_s3(delay_seconds) as s3,
        served(store, s3.new_url(), "--redis-timeout-seconds", "1") as served_slowly,
    ):
        client, server = served_slowly
        client.put(blobs.entries(), chunk=20)
        began = time.monotonic()
        assert client.find_missing(blobs.keys) == []
        assert run(client, blobs).state == pb.RUN_STATE_SUCCEEDED
        assert time.monotonic() - began > delay_seconds, "it was not slow"
        wait_for_health(server, SERVING)


def test_s3_that_falls_silent_is_told_in_bounded_time_and_nothing_is_lost(store: Store) -> None:
    blobs = Blobs.draw(120)
    with running_s3() as s3, served(store, s3.new_url(), "--redis-timeout-seconds", "1") as (client, server):
        client.put(blobs.entries(), chunk=10)
        os.kill(s3.process.pid, signal.SIGSTOP)
        with refused(grpc.StatusCode.UNAVAILABLE, "S3 does not answer"):
            client.find_missing(blobs.keys, timeout=60)
        status = run(client, blobs)
        assert status.error.code == pb.RUN_ERROR_CODE_STORE_UNAVAILABLE
        wait_for_health(server, NOT_SERVING)
        os.kill(s3.process.pid, signal.SIGCONT)
        wait_for_health(server, SERVING)
        assert client.find_missing(blobs.keys) == []
        assert run(client, blobs).state == pb.RUN_STATE_SUCCEEDED
        assert "vectors/" not in server.log
