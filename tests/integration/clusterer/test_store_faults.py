"""A Redis that cannot keep what it is given, loses it, or is not ready: true states and true words."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import redis
from known import known
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from processes import Server, running_service
from small_disk import fill_disk, small_disk
from stores import STORES, Store, started_store
from waiting import wait_until

from .conftest import Blobs, Clusterer, long_spec, new_spec


@contextlib.contextmanager
def served(store: Store, *arguments: str) -> Iterator[tuple[Clusterer, Server]]:
    with running_service("octcluster_clusterer", "--redis-url", store.url, *arguments) as server:
        client = Clusterer(server.address)
        yield client, server
        client.channel.close()


@contextlib.contextmanager
def refused(code: grpc.StatusCode, words: str) -> Iterator[None]:
    with pytest.raises(grpc.RpcError) as caught:
        yield
    assert caught.value.code() == code
    assert words in known(caught.value.details())


@pytest.mark.parametrize("name", STORES)
def test_a_log_on_a_full_disk_is_told_and_passes_when_there_is_space(name: str, tmp_path: Path) -> None:
    blobs = Blobs.draw(100)
    arguments = ("--appendonly", "yes", "--appendfsync", "everysec", "--dir")
    with small_disk(tmp_path / "disk", 1024) as disk, started_store(name, *arguments, str(disk)) as store:
        with served(store) as (client, server):
            client.put(blobs.entries())
            filler = fill_disk(disk)
            spec = new_spec()
            with redis.Redis.from_url(store.url) as raw:
                # What does not fit shows that the disk is full; Redis itself looks only once a second.
                with contextlib.suppress(redis.ResponseError):
                    raw.set("octcluster:v1:test", os.urandom(2**16))
                wait_until(lambda: raw.info("persistence")["aof_last_write_status"] == "err")
            with refused(grpc.StatusCode.FAILED_PRECONDITION, "cannot write to its disk: free space there"):
                client.put(blobs.entries())

            # The vectors can still be read: the run is done, and says that it is not kept.
            client.start(spec, blobs)
            status = client.watch(spec.run_id)[-1]
            assert status.state == pb.RUN_STATE_SUCCEEDED
            assert "only the memory of the clusterer has the run" in status.not_kept_reason
            assert "cannot write to its disk" in status.not_kept_reason
            assert f"run {spec.run_id}: kept in memory only" in server.log

            filler.unlink()
            with redis.Redis.from_url(store.url) as raw:
                wait_until(lambda: raw.info("persistence")["aof_last_write_status"] == "ok")
            kept = new_spec()
            client.start(kept, blobs)
            assert client.watch(kept.run_id)[-1].not_kept_reason == ""
        with served(store) as (client, _):
            assert client.get(kept.run_id).status.state == pb.RUN_STATE_SUCCEEDED


def test_a_dump_on_a_full_disk_is_told_at_the_end_of_a_run(tmp_path: Path) -> None:
    blobs = Blobs.draw(100)
    saving = ("--save", "3600 1", "--stop-writes-on-bgsave-error", "no", "--shutdown-on-sigterm", "nosave")
    with (
        small_disk(tmp_path / "disk", 64) as disk,
        started_store("valkey", *saving, "--dir", str(disk)) as store,
        served(store) as (client, _),
    ):
        client.put(blobs.entries())
        fill_disk(disk)
        with redis.Redis.from_url(store.url) as raw:
            raw.bgsave()
            wait_until(lambda: raw.info("persistence")["rdb_last_bgsave_status"] == "err")
            spec = new_spec()
            client.start(spec, blobs)
            told = client.watch(spec.run_id)[-1].not_kept_reason
            assert told.startswith("Redis could not write its last dump (RDB): free space there")
            assert client.get(spec.run_id).status.not_kept_reason == told

            raw.config_set("stop-writes-on-bgsave-error", "yes")
            with refused(grpc.StatusCode.FAILED_PRECONDITION, "cannot write to its disk"):
                client.put(blobs.entries())


def test_memory_that_is_full_in_the_middle_of_a_run() -> None:
    blobs = Blobs.draw(3000)
    with started_store("valkey", "--maxmemory-policy", "noeviction") as store, served(store) as (client, _):
        client.put(blobs.entries())
        spec = new_spec(max_clusters=6)
        client.start(spec, blobs)
        with redis.Redis.from_url(store.url) as raw:
            raw.config_set("maxmemory", "1mb")
            status = client.watch(spec.run_id)[-1]
            assert status.state == pb.RUN_STATE_SUCCEEDED
            assert "its memory is full: raise maxmemory" in status.not_kept_reason
            with refused(grpc.StatusCode.FAILED_PRECONDITION, "its memory is full: raise maxmemory"):
                client.put(blobs.entries())
            # A new run is done from what is there, and says so too.
            another = new_spec()
            client.start(another, blobs)
            assert "its memory is full" in client.watch(another.run_id)[-1].not_kept_reason
            raw.config_set("maxmemory", "0")
        assert client.get(spec.run_id).result.results


def test_a_replica_that_takes_no_writes_is_named() -> None:
    blobs = Blobs.draw(50)
    with started_store("valkey") as store, served(store) as (client, _):
        client.put(blobs.entries())
        with redis.Redis.from_url(store.url) as raw:
            raw.execute_command("REPLICAOF", "127.0.0.1", "1")
            with refused(grpc.StatusCode.UNAVAILABLE, "it is a read-only replica"):
                client.put(blobs.entries())
            spec = new_spec()
            client.start(spec, blobs)
            assert "it is a read-only replica" in client.watch(spec.run_id)[-1].not_kept_reason
            raw.execute_command("REPLICAOF", "NO", "ONE")
        client.put(blobs.entries())


def test_data_lost_before_and_during_a_run() -> None:
    blobs = Blobs.draw(3000)
    with started_store("valkey") as store, served(store) as (client, _):
        client.put(blobs.entries())
        during, after = new_spec(max_clusters=9), new_spec()
        client.start(during, blobs)
        wait_until(lambda: client.get(during.run_id).status.stage >= pb.RUN_STAGE_CLUSTERING)
        store.stop()
        store.start()  # empty
        assert client.watch(during.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED, "it has its vectors"
        client.start(after, blobs)
        status = client.watch(after.run_id)[-1]
        assert (status.state, status.error.code) == (pb.RUN_STATE_FAILED, pb.RUN_ERROR_CODE_VECTORS_MISSING)
        assert (
            "3000 of 3000 members have no sound vector in the cache (3000 not there" in status.error.message
        )
        assert status.HasField("started")


def test_a_damaged_vector_fails_the_run_with_its_kind_and_is_embedded_anew() -> None:
    blobs = Blobs.draw(40)
    with started_store("valkey") as store, served(store) as (client, server):
        client.put(blobs.entries())
        with redis.Redis.from_url(store.url) as raw:
            flipped, short = (b"octcluster:v1:vector:" + b"\x07" * 32 + b":" + blobs.keys[i] for i in (3, 5))
            value = known(raw.get(flipped))
            raw.set(flipped, bytes([value[0] ^ 1]) + value[1:])
            raw.set(short, value[:-9])
        spec = new_spec()
        client.start(spec, blobs)
        status = client.watch(spec.run_id)[-1]
        assert (status.state, status.error.code) == (pb.RUN_STATE_FAILED, pb.RUN_ERROR_CODE_VECTORS_MISSING)
        assert status.error.message.startswith(
            "2 of 40 members have no sound vector in the cache (1 of the wrong length, 1 with changed bytes)"
        )
        assert status.HasField("started")
        assert "2 values in the cache are damaged" in server.log
        assert client.find_missing(blobs.keys) == [blobs.keys[3], blobs.keys[5]], "so they are put again"
        client.put(blobs.entries())
        again = new_spec()
        client.start(again, blobs)
        assert client.watch(again.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED


def test_a_clusterer_that_is_killed_leaves_its_runs_as_interrupted() -> None:
    blobs = Blobs.draw(3000)
    running, waiting = long_spec(), new_spec()
    with started_store("valkey") as store:
        with served(store) as (client, server):
            client.put(blobs.entries())
            client.start(running, blobs)
            client.wait_for(running.run_id, pb.RUN_STATE_RUNNING)
            client.start(waiting, blobs)
            server.process.kill()
            server.process.wait()
        with served(store) as (client, _):
            for spec in (running, waiting):
                status = client.watch(spec.run_id)[-1]
                assert status.state == pb.RUN_STATE_FAILED
                assert status.error.code == pb.RUN_ERROR_CODE_INTERRUPTED
                assert "the server that had it was ended first" in status.error.message
            listed = client.stub.ListRuns(pb.ListRunsRequest(), timeout=20).runs
            assert {run.run_id for run in listed} == {running.run_id, waiting.run_id}
            client.start(waiting, blobs)
            assert client.watch(waiting.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
