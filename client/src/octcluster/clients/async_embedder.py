"""The embedder's client for asyncio: the twin of clients.embedder."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Self

from octcluster_protos.embedder.v1 import embedder_pb2 as messages
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub

from octcluster.clients.connection import AsyncConnection
from octcluster.clients.embedder_calls import (
    SERVICE,
    EmbedPlan,
    EmbedResult,
    Id,
    KnownEmbedders,
    common_space,
    space_of,
)
from octcluster.clients.embedder_conversions import read_embedder_info
from octcluster.clients.embedder_turns import POLL_SECONDS, RETRY_SECONDS_OF_SEVERAL, EmbedderTurns
from octcluster.clients.endpoint import Endpoint, OnWait, split_addresses
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
        self._concurrent_requests = concurrent_requests * len(split_addresses(address))
        self._addresses = split_addresses(address)
        told = on_wait
        if len(self._addresses) > 1:  # another embedder takes over, and EmbedderTurns says so
            told, retry_after = None, min(retry_seconds, RETRY_SECONDS_OF_SEVERAL)
        else:
            retry_after = retry_seconds
        self._connections = [
            AsyncConnection(
                Endpoint(SERVICE, one, timeout_seconds, retry_after, told, tls, token, traceparent)
            )
            for one in self._addresses
        ]
        self._stubs = [EmbedderServiceStub(connection.channel) for connection in self._connections]
        self._turns = EmbedderTurns(self._addresses, concurrent_requests, retry_seconds, on_wait)
        self._infos: dict[str, EmbedderInfo] = {}

    async def info(self) -> EmbedderInfo:
        """See EmbedderClient.info."""
        return next(iter((await self._all_infos()).values()))

    async def _all_infos(self) -> dict[str, EmbedderInfo]:
        """What each embedder serves, by its address; of several, those that are away are left out."""
        if not self._infos:
            request = messages.GetServerInfoRequest()
            found = KnownEmbedders()
            for address, connection, stub in zip(
                self._addresses, self._connections, self._stubs, strict=True
            ):
                with found.unless_away():
                    found.infos[address] = read_embedder_info(
                        await connection.call(stub.GetServerInfo, request)
                    )
            self._infos = found.require_one()
        return self._infos

    async def wait_until_serving(self, seconds: float, on_wait: OnWait | None = None) -> EmbedderInfo:
        """See EmbedderClient.wait_until_serving."""
        deadline = time.monotonic() + seconds
        found = KnownEmbedders()
        for address, connection, stub in zip(self._addresses, self._connections, self._stubs, strict=True):
            ask = partial(stub.GetServerInfo, messages.GetServerInfoRequest())
            with found.unless_away():
                found.infos[address] = read_embedder_info(
                    await connection.wait_until_serving(ask, max(0, deadline - time.monotonic()), on_wait)
                )
        self._infos = found.require_one()
        return next(iter(self._infos.values()))

    async def space(
        self,
        features: str = "pooled",
        model: str = "",
        *,
        flip: bool = False,
        views: Sequence[str] = PLAIN_VIEW,
    ) -> EmbeddingSpace:
        """See EmbedderClient.space."""
        spaces = [
            space_of(info, features, model, flip=flip, views=views, address=address)
            for address, info in (await self._all_infos()).items()
        ]
        return common_space(spaces, list(self._infos))

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
        plan = EmbedPlan.make_common(list((await self._all_infos()).values()), space, self.address)
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
        return plan.results(batch, await self._call(request))

    async def _call(self, request: messages.EmbedRequest) -> messages.EmbedResponse:
        """See EmbedderClient."""
        if len(self._connections) == 1:
            return await self._connections[0].call(self._stubs[0].Embed, request)
        while True:
            while (position := self._turns.take()) is None:
                await asyncio.sleep(POLL_SECONDS)
            try:
                response = await self._connections[position].call(self._stubs[position].Embed, request)
            except BaseException as error:
                self._turns.failed(position, error)
            else:
                self._turns.succeeded(position)
                return response

    async def close(self) -> None:
        """See EmbedderClient.close."""
        for connection in self._connections:
            await connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
