"""A watch of a run at a clusterer that listens and says nothing."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from octcluster import AsyncClustererClient, ClustererClient, ServerUnavailable
from octcluster.clients import async_clusterer as async_clusterer_client
from octcluster.clients import clusterer as clusterer_client
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import (
    ClustererServiceServicer,
    add_ClustererServiceServicer_to_server,
)

pytestmark = pytest.mark.heavy


class SilentClusterer(ClustererServiceServicer):
    """Takes watches and never answers one."""

    def WatchRun(  # noqa: N802
        self, request: pb.WatchRunRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchRunResponse]:
        ended = threading.Event()
        if context.add_callback(ended.set):
            ended.wait(10)
        yield from ()


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(clusterer_client, "WATCH_SECONDS", 0.3)
    monkeypatch.setattr(async_clusterer_client, "WATCH_SECONDS", 0.3)
    server = grpc.server(ThreadPoolExecutor(4))
    add_ClustererServiceServicer_to_server(SilentClusterer(), server)  # type: ignore[abstract]  # no more is asked
    address = f"unix:{tmp_path}/s"
    server.add_insecure_port(address)
    server.start()
    yield address
    server.stop(0).wait()


def test_a_silent_clusterer_is_an_outage(silent: str) -> None:
    waits: list[str] = []
    with (
        ClustererClient(silent, retry_seconds=1, on_wait=waits.append) as client,
        pytest.raises(ServerUnavailable, match="says nothing about the run"),
    ):
        client.wait("run")
    assert waits
    assert all("says nothing" in text for text in waits)


async def test_a_silent_clusterer_is_an_outage_with_asyncio(silent: str) -> None:
    waits: list[str] = []
    async with AsyncClustererClient(silent, retry_seconds=1, on_wait=waits.append) as client:
        with pytest.raises(ServerUnavailable, match="says nothing about the run"):
            await client.wait("run")
    assert waits
