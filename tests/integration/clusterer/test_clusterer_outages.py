"""The clusterer when its store comes and goes, and when it is itself stopped and started again."""

import re
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from known import known
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from processes import free_port, running_service
from stores import STORES, Store, started_store, store_program
from waiting import wait_until

from .conftest import NOT_SERVING, SERVICE, SERVING, Blobs, Clusterer, long_spec, new_spec, wait_for_health


def check_health(address: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "octcluster_clusterer", "--check-health", "--listen", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", STORES)
def test_the_store_goes_and_comes_back(name: str) -> None:
    blobs = Blobs.draw(300)
    with (
        started_store(name) as store,
        running_service("octcluster_clusterer", "--redis-url", store.url) as server,
    ):
        client = Clusterer(server.address)
        client.put(blobs.entries())
        wait_for_health(server, SERVING)
        wait_until(lambda: check_health(server.address).returncode == 0)

        store.stop()
        for call in (
            lambda: client.find_missing(blobs.keys),
            lambda: client.put(blobs.entries()),
            lambda: client.start(new_spec(), blobs),
            lambda: client.get("0" * 32),
            lambda: client.stub.ListRuns(pb.ListRunsRequest(), timeout=20),
        ):
            began = time.monotonic()
            with pytest.raises(grpc.RpcError) as caught:
                call()
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
            assert "the vector store does not serve" in known(caught.value.details())
            assert time.monotonic() - began < 5
        wait_for_health(server, NOT_SERVING)
        told = check_health(server.address)
        assert (told.returncode, "does not reach Redis" in told.stderr) == (1, True), told.stderr

        store.start()
        assert client.find_missing(blobs.keys) == blobs.keys, "works at once, with no restart"
        client.put(blobs.entries())
        spec = new_spec()
        client.start(spec, blobs)
        assert client.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
        wait_for_health(server, SERVING)
        client.channel.close()


def test_a_run_at_work_outlives_its_store() -> None:
    blobs = Blobs.draw(3000)
    with (
        started_store("valkey") as store,
        running_service("octcluster_clusterer", "--redis-url", store.url) as server,
    ):
        client = Clusterer(server.address)
        client.put(blobs.entries())
        spec = new_spec(max_clusters=10)
        client.start(spec, blobs)
        wait_until(lambda: client.get(spec.run_id).status.stage >= pb.RUN_STAGE_CLUSTERING)
        store.stop()
        assert client.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
        assert len(client.get(spec.run_id).result.results) == 7
        assert sum(len(piece.clusters) for piece in client.assignments(spec.run_id)) == 3000
        client.channel.close()


def test_the_server_starts_before_its_store(tmp_path: Path) -> None:
    store = Store(store_program("valkey"), tmp_path / "store.sock")
    with running_service("octcluster_clusterer", "--redis-url", store.url) as server:
        client = Clusterer(server.address)
        wait_for_health(server, NOT_SERVING)
        with pytest.raises(grpc.RpcError) as caught:
            client.find_missing([b"k" * 32])
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        store.start()
        try:
            assert client.find_missing([b"k" * 32]) == [b"k" * 32]
            wait_for_health(server, SERVING)
        finally:
            store.stop()
        client.channel.close()


def test_password(tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text("correct horse\n")
    password_file.chmod(0o600)
    with started_store("valkey", "--requirepass", "correct horse") as store:
        arguments = ("--redis-url", store.url, "--redis-password-file", str(password_file))
        with running_service("octcluster_clusterer", *arguments) as server:
            client = Clusterer(server.address)
            assert client.find_missing([b"k" * 32]) == [b"k" * 32]
            assert "correct horse" not in server.log
            client.channel.close()
        with running_service("octcluster_clusterer", "--redis-url", store.url) as server:
            client = Clusterer(server.address)
            with pytest.raises(grpc.RpcError) as caught:
                client.find_missing([b"k" * 32])
            assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION, "waiting would not help"
            assert "--redis-password-file" in known(caught.value.details())
            wait_until(lambda: "--redis-password-file" in server.log)
            wait_for_health(server, NOT_SERVING)
            client.channel.close()


def test_a_finished_run_is_there_after_a_restart() -> None:
    blobs = Blobs.draw(300)
    spec = new_spec(algorithms=[pb.ALGORITHM_KMEANS, pb.ALGORITHM_GMM], max_clusters=5)
    answers = []
    with started_store("valkey") as store:
        for attempt in range(2):
            with running_service("octcluster_clusterer", "--redis-url", store.url) as server:
                client = Clusterer(server.address)
                if attempt == 0:
                    client.put(blobs.entries())
                    client.start(spec, blobs)
                    client.watch(spec.run_id)
                answers.append(
                    (
                        client.get(spec.run_id).SerializeToString(deterministic=True),
                        [client.assignments(spec.run_id, i)[0].SerializeToString() for i in range(4)],
                        client.watch(spec.run_id),
                        list(client.stub.ListRuns(pb.ListRunsRequest(), timeout=10).runs),
                    )
                )
                client.channel.close()
                assert server.terminate() == 0
    assert answers[0] == answers[1]


def test_sigterm_lets_the_run_at_work_finish() -> None:
    blobs = Blobs.draw(3000)
    with started_store("valkey") as store:
        with running_service("octcluster_clusterer", "--redis-url", store.url) as server:
            client = Clusterer(server.address)
            client.put(blobs.entries())
            at_work, waiting = new_spec(max_clusters=10), new_spec()
            client.start(at_work, blobs)
            client.wait_for(at_work.run_id, pb.RUN_STATE_RUNNING)
            client.start(waiting, blobs)
            watching = client.stub.WatchRun(pb.WatchRunRequest(run_id=at_work.run_id), timeout=60)
            next(watching)
            server.process.terminate()
            client.wait_for(waiting.run_id, pb.RUN_STATE_FAILED)
            with pytest.raises(grpc.RpcError) as caught:
                client.start(new_spec(), blobs)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
            assert [response.status for response in watching][-1].state == pb.RUN_STATE_SUCCEEDED
            assert server.process.wait(10) == 0
            client.channel.close()
        with running_service("octcluster_clusterer", "--redis-url", store.url) as server:
            client = Clusterer(server.address)
            assert len(client.get(at_work.run_id).result.results) == 7
            stopped = client.get(waiting.run_id).status
            assert stopped.state == pb.RUN_STATE_FAILED
            assert "the server was stopped" in stopped.error.message
            client.channel.close()


def test_sigterm_stops_a_run_that_takes_longer_than_its_grace() -> None:
    blobs = Blobs.draw(3000)
    with (
        started_store("valkey") as store,
        running_service("octcluster_clusterer", "--redis-url", store.url, "--grace-seconds", "0.5") as server,
    ):
        client = Clusterer(server.address)
        client.put(blobs.entries())
        spec = long_spec()
        client.start(spec, blobs)
        client.wait_for(spec.run_id, pb.RUN_STATE_RUNNING)
        began = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - began < 10
        client.channel.close()


def test_two_servers_do_not_share_an_address() -> None:
    command = [sys.executable, "-m", "octcluster_clusterer", "--listen", f"127.0.0.1:{free_port()}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as first:
        try:
            while "listening on" not in known(first.stderr).readline():
                assert first.poll() is None
            second = subprocess.run(command, capture_output=True, text=True, timeout=120)
        finally:
            first.terminate()
    assert first.returncode == 0
    assert second.returncode == 1
    assert "cannot listen on --listen" in second.stderr


def test_the_log_names_no_image_and_reflection_is_served_if_asked_for() -> None:
    blobs = Blobs.draw(50)
    arguments = ("--log-level", "debug", "--reflection")
    with (
        started_store("valkey") as store,
        running_service("octcluster_clusterer", "--redis-url", store.url, *arguments) as server,
    ):
        client = Clusterer(server.address)
        client.put(blobs.entries())
        spec = new_spec()
        client.start(spec, blobs)
        client.watch(spec.run_id)
        assert SERVICE in client.list_services()
        client.channel.close()
        assert server.terminate() == 0
        log = server.log
    assert f"run {spec.run_id}: succeeded" in log
    assert re.search(r"PutVectors OK: \d+ ms, request [0-9a-f]{32}\n", log)
    for key in blobs.keys:
        assert key.hex() not in log
        assert repr(key)[2:-1] not in log
