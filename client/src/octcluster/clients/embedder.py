"""The embedder's client for calls that block.

Many images travel in many calls, several at a time. The calls are spread over all embedders behind an
address in turn, and a call that broke is repeated on another embedder. Nothing is lost or done twice when an
embedder goes away in the middle.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Self

from octcluster_protos.embedder.v1 import embedder_pb2 as messages
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub

from octcluster.clients.connection import Connection
from octcluster.clients.embedder_calls import SERVICE, EmbedPlan, EmbedResult, Id, space_of
from octcluster.clients.embedder_conversions import read_embedder_info
from octcluster.clients.endpoint import Endpoint, OnWait
from octcluster.clients.security import Tls
from octcluster.concurrency import map_concurrently
from octcluster.model.runs import PLAIN_VIEW, EmbeddingSpace
from octcluster.model.server_info import EmbedderInfo


class EmbedderClient:
    """Calls an embedder, or several behind one address; safe to use from several threads.

    Close it after use, or use it in a ``with`` block.

    Attributes:
        address: Where the embedder is.
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
            address: See endpoint.target_of.
            timeout_seconds: Deadline of each call.
            retry_seconds: How long a call is repeated while the embedder is away.
            concurrent_requests: Number of requests at a time of one series of images.
            on_wait: Told in a sentence before a call is repeated; an error that it raises ends the wait.
            tls: How to secure the connection; None: plain text, for the own machine and closed networks.
            token: The token that the embedder wants to see.
            traceparent: The trace that the calls belong to, as W3C Trace Context writes it; None: none.

        Raises:
            AddressInvalid: The address cannot be one.
            InvalidArguments: A file of tls cannot be read, or the token would travel unencrypted.
        """
        self.address = address
        self._concurrent_requests = concurrent_requests
        self._connection = Connection(
            Endpoint(SERVICE, address, timeout_seconds, retry_seconds, on_wait, tls, token, traceparent)
        )
        self._stub = EmbedderServiceStub(self._connection.channel)
        self._info: EmbedderInfo | None = None

    def info(self) -> EmbedderInfo:
        """What the embedder serves; asked once."""
        if self._info is None:
            request = messages.GetServerInfoRequest()
            response = self._connection.call(self._stub.GetServerInfo, request)
            self._info = read_embedder_info(response)
        return self._info

    def wait_until_serving(self, seconds: float, on_wait: OnWait | None = None) -> EmbedderInfo:
        """Waits until the embedder serves.

        Args:
            seconds: For how long at most.
            on_wait: Told about once a second; an error that it raises ends the wait.

        Returns:
            What it serves.

        Raises:
            ServerUnavailable: It did not serve in time.
        """
        ask = partial(self._stub.GetServerInfo, messages.GetServerInfoRequest())
        self._info = read_embedder_info(self._connection.wait_until_serving(ask, seconds, on_wait))
        return self._info

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
        """
        return space_of(self.info(), features, model, flip=flip, views=views, address=self.address)

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
        results = dict(self.embed_stream(enumerate(images), features, model, flip=flip, views=views))
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
        space = self.space(features, model, flip=flip, views=views)
        plan = EmbedPlan.make(self.info(), space, self.address)
        embed = partial(self._embed_batch, plan)
        for results in map_concurrently(embed, plan.cut(images), self._concurrent_requests):
            yield from results

    def _embed_batch(
        self, plan: EmbedPlan, batch: Sequence[tuple[Id, bytes]]
    ) -> list[tuple[Id, EmbedResult]]:
        request = plan.request(batch)
        if not request.items:
            return plan.results(batch, messages.EmbedResponse())
        response = self._connection.call(self._stub.Embed, request)
        return plan.results(batch, response)

    def close(self) -> None:
        """Ends the connection and all calls on it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
