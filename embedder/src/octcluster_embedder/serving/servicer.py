"""The methods of EmbedderService: convert, call, convert. The shell turns errors into statuses."""

import math
import time
from collections.abc import Callable
from typing import Any

from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1 import embedder_pb2_grpc
from octcluster_serving.calls import count

from octcluster_embedder.errors import ItemError
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.embedding import Embedder
from octcluster_embedder.queueing.requests import Answer, ImageBatch
from octcluster_embedder.queueing.scheduling import Caller
from octcluster_embedder.serving.conversions import to_batch, to_response, to_server_info


class EmbedderServicer(embedder_pb2_grpc.EmbedderServiceServicer):
    """Serves one Embedder over gRPC.

    Args:
        embedder: What it serves.
        version: The server's version.
        metrics: Counts the images.
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
        runtimes, limits = self._embedder.runtimes, self._embedder.limits
        return to_server_info(self._version, runtimes, limits, self._explain_runtime())

    async def Embed(self, request: pb.EmbedRequest, context: Any) -> pb.EmbedResponse:  # noqa: N802
        """Embeds one batch."""
        batch = self._receive(request)
        del request  # its images are in the batch: they need no second place while they wait
        answer = await self._embedder.embed(batch, _caller(context))
        self._count_outcomes(answer)
        return to_response(answer)

    def _receive(self, request: pb.EmbedRequest) -> ImageBatch:
        batch = to_batch(request)
        n_bytes = sum(len(item.image) for item in batch.items)
        self._metrics.count_received(n_bytes)
        count(bytes=n_bytes)
        return batch

    def _count_outcomes(self, answer: Answer) -> None:
        codes = [one.outcome.code.value for one in answer.outcomes if isinstance(one.outcome, ItemError)]
        errors = {code: codes.count(code) for code in set(codes)}
        self._metrics.count_items(len(answer.outcomes), errors)
        count(items=len(answer.outcomes), errors=len(codes), **errors)


def _caller(context: Any) -> Caller:
    """A client is a connection: one that makes many calls on it gets no more turns."""
    seconds = context.time_remaining()
    return Caller(context.peer(), deadline=math.inf if seconds is None else time.monotonic() + seconds)
