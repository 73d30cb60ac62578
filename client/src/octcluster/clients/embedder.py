"""The embedder's client for calls that block.

Many images travel in many calls, several at a time. Of several embedders each has its own window of calls, so
that a slow one gets fewer, and a call that broke is repeated on another one (``embedder_turns``). Behind a
name with several IP addresses the calls go to all in turn. Nothing is lost or done twice when an embedder
goes away in the middle.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Self

from octcluster_protos.embedder.v1 import embedder_pb2 as messages
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub

from octcluster.clients.connection import Connection
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
from octcluster.concurrency import map_concurrently
from octcluster.model.runs import PLAIN_VIEW, EmbeddingSpace
from octcluster.model.server_info import EmbedderInfo


class EmbedderClient:
    """Calls an embedder, or several; safe to use from several threads.

    Close it after use, or use it in a ``with`` block.

    Attributes:
        address: Where the embedder is, or several, with commas between.
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
        """Prepares the connection; the first call makes it.

        Args:
            address: See endpoint.target_of; several with commas between.
            timeout_seconds: Deadline of each call.
            retry_seconds: How long a call is repeated while the embedder is away.
            concurrent_requests: Number of requests at a time of one series of images, for each embedder.
            on_wait: Told in a sentence before a call is repeated; an error that it raises ends the wait.
            tls: How to secure the connection; None: plain text, for the own machine and closed networks.
            token: The token that the embedder wants to see.
            traceparent: The trace that the calls belong to, as W3C Trace Context writes it; None: none.

        Raises:
            AddressInvalid: The address cannot be one.
            InvalidArguments: A file of tls cannot be read, or the token would travel unencrypted.
        """
        self.address = address
        self._concurrent_requests = concurrent_requests * len(split_addresses(address))
        self._addresses = split_addresses(address)
        told = on_wait
        if len(self._addresses) > 1:  # another embedder takes over, and EmbedderTurns says so
            told, retry_after = None, min(retry_seconds, RETRY_SECONDS_OF_SEVERAL)
        else:
            retry_after = retry_seconds
        self._connections = [
            Connection(Endpoint(SERVICE, one, timeout_seconds, retry_after, told, tls, token, traceparent))
            for one in self._addresses
        ]
        self._stubs = [EmbedderServiceStub(connection.channel) for connection in self._connections]
        self._turns = EmbedderTurns(self._addresses, concurrent_requests, retry_seconds, on_wait)
        self._infos: dict[str, EmbedderInfo] = {}

    def info(self) -> EmbedderInfo:
        """What the embedder serves, or the first of several; asked once."""
        return next(iter(self._all_infos().values()))

    def _all_infos(self) -> dict[str, EmbedderInfo]:
        """What each embedder serves, by its address; of several, those that are away are left out."""
        if not self._infos:
            request = messages.GetServerInfoRequest()
            found = KnownEmbedders()
            for address, connection, stub in zip(
                self._addresses, self._connections, self._stubs, strict=True
            ):
                with found.unless_away():
                    found.infos[address] = read_embedder_info(connection.call(stub.GetServerInfo, request))
            self._infos = found.require_one()
        return self._infos

    def wait_until_serving(self, seconds: float, on_wait: OnWait | None = None) -> EmbedderInfo:
        """Waits until the embedder serves; of several, until each does, or the time is over and one does.

        Args:
            seconds: For how long at most.
            on_wait: Told about once a second; an error that it raises ends the wait.

        Returns:
            What it serves, or the first of several.

        Raises:
            ServerUnavailable: It did not serve in time.
        """
        deadline = time.monotonic() + seconds
        found = KnownEmbedders()
        for address, connection, stub in zip(self._addresses, self._connections, self._stubs, strict=True):
            ask = partial(stub.GetServerInfo, messages.GetServerInfoRequest())
            with found.unless_away():
                found.infos[address] = read_embedder_info(
                    connection.wait_until_serving(ask, max(0, deadline - time.monotonic()), on_wait)
                )
        self._infos = found.require_one()
        return next(iter(self._infos.values()))

    def space(
        self,
        features: str = "pooled",
        model: str = "",
        *,
        flip: bool = False,
        views: Sequence[str] = PLAIN_VIEW,
    ) -> EmbeddingSpace:
        """The embedding space of a model (empty: the default one), features and views.

        Raises:
            ModelNotServed: The embedder has no such model, features or views.
            SpaceMismatch: Several embedders were named, and their vectors cannot be compared.
        """
        spaces = [
            space_of(info, features, model, flip=flip, views=views, address=address)
            for address, info in self._all_infos().items()
        ]
        return common_space(spaces, list(self._infos))

    def embed(
        self,
        images: Sequence[bytes],
        features: str = "pooled",
        model: str = "",
        *,
        flip: bool = False,
        views: Sequence[str] = PLAIN_VIEW,
    ) -> list[EmbedResult]:
        """Embeds some images.

        Args:
            images: Encoded images, any number.
            features: One of FEATURES.
            model: Name of the model; empty: the embedder's default.
            flip: Average each vector with that of the mirror image.
            views: What the network is shown of an image, one of VIEWS; a vector has the parts of each.

        Returns:
            For each image, in order, its vector and measures, or why it has none.

        Raises:
            OctclusterError: The images could not be embedded at all.
        """
        plan = self._plan(features, model, flip=flip, views=views)
        embed = partial(self._embed_batch, plan)
        batches = list(plan.cut(enumerate(images)))
        if len(batches) > 1:
            parts = map_concurrently(embed, batches, self._concurrent_requests)
        else:  # to start a thread for it takes longer than the call
            parts = map(embed, batches)
        results = dict(chain.from_iterable(parts))
        return [results[place] for place in range(len(images))]

    def embed_stream(
        self,
        images: Iterable[tuple[Id, bytes]],
        features: str = "pooled",
        model: str = "",
        *,
        flip: bool = False,
        views: Sequence[str] = PLAIN_VIEW,
    ) -> Iterator[tuple[Id, EmbedResult]]:
        """Embeds any number of images with bounded memory.

        Images are read from the iterable only as fast as they are embedded.

        Args:
            images: Pairs of an id, which stays on this machine, and an encoded image.
            features: One of FEATURES.
            model: Name of the model; empty: the embedder's default.
            flip: Average each vector with that of the mirror image.
            views: What the network is shown of an image, one of VIEWS; a vector has the parts of each.

        Yields:
            Each id once with its embedding or failure, as they are ready, in any order.

        Raises:
            OctclusterError: The images could not be embedded at all.
        """
        plan = self._plan(features, model, flip=flip, views=views)
        embed = partial(self._embed_batch, plan)
        for results in map_concurrently(embed, plan.cut(images), self._concurrent_requests):
            yield from results

    def _plan(self, features: str, model: str, *, flip: bool, views: Sequence[str]) -> EmbedPlan:
        space = self.space(features, model, flip=flip, views=views)
        return EmbedPlan.make_common(list(self._all_infos().values()), space, self.address)

    def _embed_batch(
        self, plan: EmbedPlan, batch: Sequence[tuple[Id, bytes]]
    ) -> list[tuple[Id, EmbedResult]]:
        request = plan.request(batch)
        if not request.items:
            return plan.results(batch, messages.EmbedResponse())
        return plan.results(batch, self._call(request))

    def _call(self, request: messages.EmbedRequest) -> messages.EmbedResponse:
        """Has the next embedder answer a request; of several, another one if that is away."""
        if len(self._connections) == 1:
            return self._connections[0].call(self._stubs[0].Embed, request)
        while True:
            while (position := self._turns.take()) is None:
                time.sleep(POLL_SECONDS)
            try:
                response = self._connections[position].call(self._stubs[position].Embed, request)
            except Exception as error:
                self._turns.failed(position, error)
            else:
                self._turns.succeeded(position)
                return response

    def close(self) -> None:
        """Ends the connection and all calls on it."""
        for connection in self._connections:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
