"""The embedder's client for asyncio: the twin of clients.embedder."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Self

from octcluster_protos.embedder.v1 import embedder_pb2 as messages
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub

from octcluster.clients.connection import AsyncConnection
from octcluster.clients.embedder_calls import SERVICE, EmbedPlan, EmbedResult, Id, space_of
from octcluster.clients.embedder_conversions import read_embedder_info
from octcluster.clients.endpoint import Endpoint, OnWait
from octcluster.clients.security import Tls
from octcluster.concurrency import as_async, map_concurrently_async
from octcluster.model.runs import PLAIN_VIEW, EmbeddingSpace
from octcluster.model.server_info import EmbedderInfo


class AsyncEmbedderClient:
    """EmbedderClient for asyncio: the same methods as coroutines.

    Make it inside the event loop that uses it.
    """

    def __init__(  # noqa: PLR0913 - all but the address are named, and have a default
        self,
        address: str,
        *,
        timeout_seconds: float = 600,
        retry_seconds: float = 30,
        concurrent_requests: int = 8,
        on_wait: OnWait | None = None,
        tls: Tls | None = None,
        token: str | None = None,
        traceparent: str | None = None,
    ) -> None:
        """See EmbedderClient."""
        self.address = address
        self._concurrent_requests = concurrent_requests
        self._connection = AsyncConnection(
            Endpoint(SERVICE, address, timeout_seconds, retry_seconds, on_wait, tls, token, traceparent)
        )
        self._stub = EmbedderServiceStub(self._connection.channel)
        self._info: EmbedderInfo | None = None

    async def info(self) -> EmbedderInfo:
        """See EmbedderClient.info."""
        if self._info is None:
            request = messages.GetServerInfoRequest()
            response = await self._connection.call(self._stub.GetServerInfo, request)
            self._info = read_embedder_info(response)
        return self._info

    async def wait_until_serving(self, seconds: float, on_wait: OnWait | None = None) -> EmbedderInfo:
        """See EmbedderClient.wait_until_serving."""
        ask = partial(self._stub.GetServerInfo, messages.GetServerInfoRequest())
        self._info = read_embedder_info(await self._connection.wait_until_serving(ask, seconds, on_wait))
        return self._info

    async def space(
        self,
        features: str = "pooled",
        model: str = "",
        *,
        flip: bool = False,
        views: Sequence[str] = PLAIN_VIEW,
    ) -> EmbeddingSpace:
        """See EmbedderClient.space."""
        info = await self.info()
        return space_of(info, features, model, flip=flip, views=views, address=self.address)

    async def embed(
        self,
        images: Sequence[bytes],
        features: str = "pooled",
        model: str = "",
        *,
        flip: bool = False,
        views: Sequence[str] = PLAIN_VIEW,
    ) -> list[EmbedResult]:
        """See EmbedderClient.embed."""
        stream = self.embed_stream(enumerate(images), features, model, flip=flip, views=views)
        results = {place: result async for place, result in stream}
        return [results[place] for place in range(len(images))]

    async def embed_stream(
        self,
        images: Iterable[tuple[Id, bytes]] | AsyncIterable[tuple[Id, bytes]],
        features: str = "pooled",
        model: str = "",
        *,
        flip: bool = False,
        views: Sequence[str] = PLAIN_VIEW,
    ) -> AsyncIterator[tuple[Id, EmbedResult]]:
        """See EmbedderClient.embed_stream; the images may come from an asynchronous iterable, too."""
        space = await self.space(features, model, flip=flip, views=views)
        plan = EmbedPlan.make(await self.info(), space, self.address)
        embed = partial(self._embed_batch, plan)
        async for results in map_concurrently_async(
            embed, plan.cut_async(as_async(images)), self._concurrent_requests
        ):
            for result in results:
                yield result

    async def _embed_batch(
        self, plan: EmbedPlan, batch: Sequence[tuple[Id, bytes]]
    ) -> list[tuple[Id, EmbedResult]]:
        request = plan.request(batch)
        if not request.items:
            return plan.results(batch, messages.EmbedResponse())
        response = await self._connection.call(self._stub.Embed, request)
        return plan.results(batch, response)

    async def close(self) -> None:
        """See EmbedderClient.close."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
