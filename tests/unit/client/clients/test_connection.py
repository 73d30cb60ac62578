"""Calls at a server that stops."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from octcluster import AsyncClustererClient, ClustererClient
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import ClustererServiceServicer
from servicers import serving_clusterer

pytestmark = pytest.mark.heavy


class StoppingClusterer(ClustererServiceServicer):
    """Cancels calls as gRPC does with those that wait when a server stops."""

    def __init__(self) -> None:
        self.calls = 0
        self.repeated_by_grpc = 0

    def DeleteRun(  # noqa: N802
        self, request: pb.DeleteRunRequest, context: grpc.ServicerContext
    ) -> pb.DeleteRunResponse:
        self.calls += 1
        sent: Any = context.invocation_metadata()
        self.repeated_by_grpc += "grpc-previous-rpc-attempts" in dict(sent)
        if self.calls <= 5:
            context.abort(grpc.StatusCode.CANCELLED, "Cancelled")
        return pb.DeleteRunResponse()


@pytest.fixture
def stopping() -> StoppingClusterer:
    return StoppingClusterer()  # type: ignore[abstract]  # no more is asked


@pytest.fixture
def address(tmp_path: Path, stopping: StoppingClusterer) -> Iterator[str]:
    with serving_clusterer(stopping, tmp_path) as address:
        yield address


def test_a_call_that_a_stopping_server_cancels_is_made_again(
    address: str, stopping: StoppingClusterer
) -> None:
    with ClustererClient(address, retry_seconds=60) as client:
        client.delete("run")
    assert stopping.calls == 6
    assert not stopping.repeated_by_grpc


async def test_a_call_that_a_stopping_server_cancels_is_made_again_with_asyncio(
    address: str, stopping: StoppingClusterer
) -> None:
    async with AsyncClustererClient(address, retry_seconds=60) as client:
        await client.delete("run")
    assert stopping.calls == 6
    assert not stopping.repeated_by_grpc
