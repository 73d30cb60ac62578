"""Manners under load, seen from outside: a real gRPC server around a tiny model that can be held back."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from octcluster import AsyncEmbedderClient
from octcluster.clients.status_errors import service_error
from octcluster.model.errors import RequestRefused
from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.embedding import Embedder
from octcluster_embedder.queueing.requests import ServiceLimits
from octcluster_embedder.serving.service import EMBEDDER
from octcluster_embedder.serving.servicer import EmbedderServicer
from octcluster_embedder.spaces import EmbeddingSpace, Features, VectorPart
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import (
    EmbedderServiceStub,
    add_EmbedderServiceServicer_to_server,
)
from octcluster_serving.calls import CallInterceptor
from tiny_runtime import TinyRuntime, image

if TYPE_CHECKING:
    from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceAsyncStub

LIMITS = ServiceLimits(ImageLimits(), 16, 2**20, max_queued_images=64, max_queued_bytes=2**22)
SEND_THREE_REQUESTS = """
import sys, grpc
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub

stub = EmbedderServiceStub(grpc.insecure_channel(sys.argv[1]))
request = pb.EmbedRequest.FromString(sys.stdin.buffer.read())
for call in [stub.Embed.future(request) for _ in range(3)]:
    call.result()
"""


class TinyServer:
    """The server's address, and what it holds."""

    def __init__(self, runtime: TinyRuntime, embedder: Embedder, address: str) -> None:
        self.runtime = runtime
        self.embedder = embedder
        self.address = address

    @property
    def n_images(self) -> int:
        return self.embedder._admission.n_images


@pytest.fixture
async def server() -> AsyncIterator[TinyServer]:
    runtime = TinyRuntime()
    # Vectors of 32 KiB: some of them fill the windows of HTTP/2.
    wide = (VectorPart("red", 2**13),)
    space = EmbeddingSpace("tiny", "0" * 64, "tiny-1", Features.POOLED, wide)
    runtime.spaces = {**runtime.spaces, Features.POOLED: space}
    embedder = Embedder(LIMITS, decoding_threads=1)
    embedder.open([runtime])
    metrics = Metrics()
    grpc_server = grpc.aio.server(
        interceptors=[CallInterceptor(EMBEDDER, metrics)],
        options=[("grpc.max_receive_message_length", LIMITS.max_message_bytes)],
    )
    add_EmbedderServiceServicer_to_server(EmbedderServicer(embedder, "1", metrics), grpc_server)
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    await grpc_server.start()
    yield TinyServer(runtime, embedder, f"127.0.0.1:{port}")
    runtime.may_infer.set()
    await grpc_server.stop(0)
    await embedder.close()


@contextlib.asynccontextmanager
async def client_of(server: TinyServer) -> AsyncIterator["EmbedderServiceAsyncStub"]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        yield EmbedderServiceStub(channel)


def request(*values: int) -> pb.EmbedRequest:
    items = [pb.EmbedItem(id=number, image=image(value)) for number, value in enumerate(values)]
    return pb.EmbedRequest(features=pb.FEATURES_POOLED, items=items)


async def settle(value: Callable[[], int], wanted: int) -> None:
    """Waits until the value is the wanted one and changes no more."""
    before, deadline = None, time.monotonic() + 30
    while (found := value()) != wanted or found != before:
        assert time.monotonic() < deadline, f"{found}, and not {wanted} for good"
        before = found
        await asyncio.sleep(0.2)


async def test_past_the_limit_a_request_is_told_when_to_come_again(server: TinyServer) -> None:
    server.runtime.may_infer.clear()
    async with client_of(server) as one, client_of(server) as two, client_of(server) as three:
        accepted = [stub.Embed(request(*range(16))) for stub in (one, one, two)]
        await settle(lambda: server.n_images, 48)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await three.Embed(request(*range(5)))
        small = three.Embed(request(1))  # requests of few images have a quarter of the queue to themselves
        await settle(lambda: server.n_images, 49)
        server.runtime.may_infer.set()
        assert [len((await call).results) for call in accepted] == [16, 16, 16]
        assert len((await small).results) == 1
    assert server.n_images == 0
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    details = dict(refused.value.trailing_metadata())
    retry_info = RetryInfo()
    assert Status.FromString(details["grpc-status-details-bin"]).details[0].Unpack(retry_info)
    assert 0.1 <= retry_info.retry_delay.ToTimedelta().total_seconds() <= 30
    assert int(details["grpc-retry-pushback-ms"]) == retry_info.retry_delay.ToMilliseconds()


async def test_a_message_that_is_too_large_is_not_told_to_come_again(server: TinyServer) -> None:
    async with client_of(server) as stub:
        with pytest.raises(grpc.aio.AioRpcError, match="larger than max") as refused:
            await stub.Embed(pb.EmbedRequest(items=[pb.EmbedItem(image=b"\0" * 2**21)]))
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(refused.value.trailing_metadata())


async def test_a_client_that_is_refused_finishes_its_job(server: TinyServer) -> None:
    admission = server.embedder._admission
    admission.enter(LIMITS.max_queued_images, 0)
    waits: list[str] = []

    def on_wait(sentence: str) -> None:
        waits.append(sentence)
        if len(waits) == 9:  # each of the eight calls, and one of them again
            admission.leave(LIMITS.max_queued_images, 0)

    pairs = [(number, image(number % 60)) for number in range(400)]
    # The first pause is longer than the patience with a server that is away.
    client = AsyncEmbedderClient(server.address, retry_seconds=1, on_wait=on_wait)
    async with client, asyncio.timeout(30):
        found = dict([pair async for pair in client.embed_stream(pairs)])
    assert sorted(found) == list(range(400))
    assert len(waits) >= 9, "the client should have been refused until the queue had space"
    assert all("is overloaded" in sentence for sentence in waits)


async def test_a_client_does_not_send_again_what_is_too_large(server: TinyServer) -> None:
    async with client_of(server) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Embed(pb.EmbedRequest(items=[pb.EmbedItem(image=b"\0" * 2**21)]))
    assert isinstance(service_error(refused.value, "the embedder", server.address), RequestRefused)


async def test_a_client_that_does_not_read_holds_no_room_and_holds_up_nobody(server: TinyServer) -> None:
    server.runtime.may_infer.clear()
    command = [sys.executable, "-c", SEND_THREE_REQUESTS, server.address]
    request_file = request(*range(16)).SerializeToString()
    with subprocess.Popen(command, stdin=subprocess.PIPE) as silent:
        try:
            assert silent.stdin is not None
            silent.stdin.write(request_file)
            silent.stdin.close()
            await settle(lambda: server.n_images, 48)
            silent.send_signal(signal.SIGSTOP)  # its answers are half a mebibyte each: it takes none of them
            server.runtime.may_infer.set()
            await settle(lambda: server.n_images, 0)
            async with client_of(server) as busy:
                assert len((await busy.Embed(request(*range(16)), timeout=30)).results) == 16
        finally:
            silent.kill()


async def test_what_expires_or_is_cancelled_is_dropped(server: TinyServer) -> None:
    server.runtime.may_infer.clear()
    async with client_of(server) as stub:
        kept = stub.Embed(request(1, 2, 3, 4))
        await settle(lambda: server.n_images, 4)
        cancelled = stub.Embed(request(7, 8))
        await settle(lambda: server.n_images, 6)
        expiring = stub.Embed(request(5, 6), timeout=0.3)
        cancelled.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await expiring
        assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        await settle(lambda: server.n_images, 4)
        server.runtime.may_infer.set()
        assert len((await kept).results) == 4
    assert sorted(server.runtime.inferred) == [1, 2, 3, 4]


async def test_a_request_that_cannot_be_in_time_is_refused_at_once(server: TinyServer) -> None:
    async with client_of(server) as stub:
        await stub.Embed(request(1))
        queue = server.embedder._queues["tiny"]
        for n in range(50):
            queue.pace.note(1, began=1e9 + n, ended=1e9 + n + 1)  # one image a second
        server.runtime.may_infer.clear()
        busy = stub.Embed(request(*range(16)))
        await settle(lambda: server.n_images, 16)
        with pytest.raises(grpc.aio.AioRpcError, match="images are in the queue before these") as error:
            await stub.Embed(request(*range(10, 26)), timeout=5)
        assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        patient = stub.Embed(request(*range(16)), timeout=500)
        server.runtime.may_infer.set()
        assert len((await busy).results) == len((await patient).results) == 16
