"""A fault of the server itself, seen from outside and in the log: a real gRPC server around a tiny model."""

import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import pytest
from known import known
from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.embedding import Embedder
from octcluster_embedder.queueing.requests import ServiceLimits
from octcluster_embedder.serving.service import EMBEDDER
from octcluster_embedder.serving.servicer import EmbedderServicer
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import (
    EmbedderServiceStub,
    add_EmbedderServiceServicer_to_server,
)
from octcluster_serving.calls import CallInterceptor
from tiny_runtime import POISON, TinyRuntime, image

if TYPE_CHECKING:
    from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceAsyncStub


@pytest.fixture
async def runtime() -> TinyRuntime:
    return TinyRuntime()


@pytest.fixture
async def stub(runtime: TinyRuntime) -> AsyncIterator["EmbedderServiceAsyncStub"]:
    embedder = Embedder(ServiceLimits(ImageLimits(), 8, 2**20), decoding_threads=1)
    embedder.open([runtime])
    metrics = Metrics()
    server = grpc.aio.server(interceptors=[CallInterceptor(EMBEDDER, metrics)])
    add_EmbedderServiceServicer_to_server(EmbedderServicer(embedder, "1", metrics), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield EmbedderServiceStub(channel)
    await server.stop(0)
    await embedder.close()


def items(*values: int) -> list[pb.EmbedItem]:
    return [pb.EmbedItem(id=number, image=image(value)) for number, value in enumerate(values)]


async def test_a_failing_forward_pass_is_an_internal_error_of_its_item(
    stub: "EmbedderServiceAsyncStub",
) -> None:
    request = pb.EmbedRequest(features=pb.FEATURES_POOLED, items=items(1, POISON, 2))
    results = (await stub.Embed(request)).results
    assert [one.WhichOneof("outcome") for one in results] == ["vector", "error", "vector"]
    assert results[1].error.code == pb.EMBED_ERROR_CODE_INTERNAL
    assert "poison" not in results[1].error.message


async def test_an_unexpected_error_is_internal_and_says_nothing_of_its_cause(
    stub: "EmbedderServiceAsyncStub", runtime: TinyRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    vars(runtime)["spaces"] = None  # a fault in the program
    with pytest.raises(grpc.RpcError) as error:
        await stub.Embed(pb.EmbedRequest(features=pb.FEATURES_POOLED, items=items(1)))
    assert error.value.code() == grpc.StatusCode.INTERNAL
    assert "look for request " in known(error.value.details())
    assert "pooled" not in known(error.value.details()).lower()
    assert "Embed failed with TypeError" in caplog.text
    assert "embedding.py" in caplog.text
