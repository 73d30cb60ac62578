"""The methods of EmbedderService: convert, call, convert."""

import math
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1 import embedder_pb2_grpc

from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.embedding import Embedder
from octcluster_embedder.queueing.requests import Answer, ImageBatch
from octcluster_embedder.queueing.scheduling import Caller
from octcluster_embedder.serving.conversions import to_batch, to_response, to_server_info, to_stream_response
from octcluster_embedder.serving.rpc_errors import Tally, answering


class EmbedderServicer(embedder_pb2_grpc.EmbedderServiceServicer):
    """Serves one Embedder over gRPC.

    Args:
        embedder: What it serves.
        version: The server's version.
        metrics: Takes note of each call.
        explain_runtime: Says why the runtime is the one that it is; called once the models are loaded.
    """

    def __init__(
        self,
        embedder: Embedder,
        version: str,
        metrics: Metrics,
        explain_runtime: Callable[[], str] = lambda: "",
    ) -> None:
        self._embedder = embedder
        self._version = version
        self._metrics = metrics
        self._explain_runtime = explain_runtime

    async def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: Any
    ) -> pb.GetServerInfoResponse:
        """Describes the server."""
        async with answering("GetServerInfo", context, self._metrics):
            runtimes, limits = self._embedder.runtimes, self._embedder.limits
            return to_server_info(self._version, runtimes, limits, self._explain_runtime())

    async def Embed(self, request: pb.EmbedRequest, context: Any) -> pb.EmbedResponse:  # noqa: N802
        """Embeds one batch."""
        async with answering("Embed", context, self._metrics) as tally:
            answer = await self._embedder.embed(_receive(request, tally), _caller(context))
            tally.count(answer.outcomes)
            return to_response(answer)

    async def EmbedStream(  # type: ignore[override]  # noqa: N802 - it writes its answers, which the types do not know
        self, requests: AsyncIterator[pb.EmbedStreamRequest], context: Any
    ) -> None:
        """Embeds a stream of batches."""
        async with answering("EmbedStream", context, self._metrics) as tally:

            async def write(answer: Answer) -> None:
                tally.count(answer.outcomes)
                await context.write(to_stream_response(answer))

            batches = (_receive(request, tally) async for request in requests)
            await self._embedder.embed_stream(batches, write, _caller(context))


def _caller(context: Any) -> Caller:
    """A client is a connection: one that makes many calls on it gets no more turns."""
    seconds = context.time_remaining()
    return Caller(context.peer(), deadline=math.inf if seconds is None else time.monotonic() + seconds)


def _receive(request: pb.EmbedRequest | pb.EmbedStreamRequest, tally: Tally) -> ImageBatch:
    batch = to_batch(request)
    tally.receive(batch.items)
    return batch
