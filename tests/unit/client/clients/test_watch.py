"""A watch of a run at a clusterer that listens and says nothing."""

import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from octcluster import AsyncClustererClient, ClustererClient, ServerUnavailable
from octcluster.clients import async_clusterer as async_clusterer_client
from octcluster.clients import clusterer as clusterer_client
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import ClustererServiceServicer
from servicers import serving_clusterer

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
    clusterer = SilentClusterer()  # type: ignore[abstract]  # no more is asked
    with serving_clusterer(clusterer, tmp_path) as address:
        yield address


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
