"""The embedder's clients: EmbedderClient for calls that block, AsyncEmbedderClient for asyncio.

Many images travel as unary Embed calls, several at a time, and not in one EmbedStream: a stream would stick
to one of the embedders behind an address, while calls are spread over all of them in turn, and gRPC repeats
a call that broke on another embedder. Nothing is lost or done twice when an embedder goes away in the
middle.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeVar

from octcluster_protos.embedder.v1 import embedder_pb2 as messages
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub

from octcluster.batches import Batcher
from octcluster.concurrency import as_async, map_concurrently, map_concurrently_async
from octcluster.connection import AsyncConnection, Connection, Endpoint, OnWait
from octcluster.conversions import features_message, read_embed_result, read_embedder_info
from octcluster.errors import ModelNotServed, SpaceMismatch, broken_contract
from octcluster.runs import EmbeddingSpace, vector_bytes
from octcluster.security import Tls
from octcluster.services import EmbedderInfo, Embedding, EmbedFailure, MeasureSpace, too_many_bytes

Id = TypeVar("Id")
EmbedResult = Embedding | EmbedFailure

_SERVICE = "the embedder"
# So many images of the common input size go in a request, and fewer larger ones: a request of the slowest
# model must be done long before its deadline, also behind others.
_IMAGES_PER_REQUEST = 16
_PIXELS_PER_REQUEST = _IMAGES_PER_REQUEST * 224 * 224
_BYTES_PER_REQUEST = 8 << 20
_MESSAGE_OVERHEAD_BYTES = 1024
_ITEM_OVERHEAD_BYTES = 64


def space_of(info: EmbedderInfo, features: str, model: str, flip: bool, address: str) -> EmbeddingSpace:
    """Finds the space of a model and features among those that an embedder serves.

    Args:
        info: What the embedder serves.
        features: One of FEATURES.
        model: Name of the model; empty: the embedder's default.
        flip: Whether vectors are averaged with those of the mirror images.
        address: The embedder's address, for the error.

    Returns:
        The space.

    Raises:
        ModelNotServed: It serves no such thing.
    """
    served = {served.name: served for served in info.models}
    found = served.get(model or next(iter(served), ""))
    if found is None:
        raise ModelNotServed(
            f'the embedder at {address} does not serve the model "{model}": choose {", ".join(served)},'
            f" or start it with --models {model}"
        )
    if (features, flip) not in found.spaces:
        choices = ", ".join(offered for offered, flipped in found.spaces if flipped == flip)
        raise ModelNotServed(
            f'the model {found.name} at {address} has no features "{features}": choose {choices}'
        )
    return found.spaces[features, flip]


@dataclass(frozen=True)
class _Plan:
    """What both clients agree on for one series of images: its space and the size of its requests."""

    space: EmbeddingSpace
    measures: MeasureSpace
    address: str
    max_image_bytes: int
    max_images: int

    @classmethod
    def make(cls, info: EmbedderInfo, space: EmbeddingSpace, address: str) -> Self:
        room = info.limits.max_message_bytes - _MESSAGE_OVERHEAD_BYTES
        vectors_in_answer = room // (vector_bytes(space) + _ITEM_OVERHEAD_BYTES)
        (pixels,) = (one.input_height * one.input_width for one in info.models if one.name == space.model)
        wanted = min(_IMAGES_PER_REQUEST, _PIXELS_PER_REQUEST // pixels)
        max_images = max(1, min(wanted, info.limits.max_images_per_request, vectors_in_answer))
        max_image_bytes = min(info.limits.max_image_bytes, room - _ITEM_OVERHEAD_BYTES * max_images)
        return cls(space, info.measures, address, max_image_bytes, max_images)

    def batcher(self) -> Batcher[tuple[Any, bytes]]:
        return Batcher(self.max_images, min(_BYTES_PER_REQUEST, self.max_image_bytes))

    def is_sent(self, image: bytes) -> bool:
        return len(image) <= self.max_image_bytes

    def size(self, image: bytes) -> int:
        return len(image) if self.is_sent(image) else 0

    def request(self, batch: Sequence[tuple[Id, bytes]]) -> messages.EmbedRequest:
        items = [
            messages.EmbedItem(id=place, image=image)
            for place, (_, image) in enumerate(batch)
            if self.is_sent(image)
        ]
        return messages.EmbedRequest(
            model=self.space.model,
            features=features_message(self.space.features),
            flip=self.space.flip,
            items=items,
        )

    def results(
        self, batch: Sequence[tuple[Id, bytes]], response: messages.EmbedResponse
    ) -> list[tuple[Id, EmbedResult]]:
        """Joins the embedder's answers with the refusals of images that were not sent."""
        answers = {result.id: result for result in response.results}
        if answers and response.space_digest != self.space.digest:
            raise SpaceMismatch(
                f"the embedders at {self.address} disagree about {self.space.model}, or one was restarted"
                " with other weights: let all of them serve the same release and weights, then start again"
            )
        results: list[tuple[Id, EmbedResult]] = []
        for place, (image_id, image) in enumerate(batch):
            if not self.is_sent(image):
                results.append((image_id, too_many_bytes(len(image), self.max_image_bytes)))
            elif place in answers:
                results.append((image_id, self._read(answers[place])))
            else:
                raise broken_contract(_SERVICE, self.address, "it left out an image of a request")
        return results

    def _read(self, answer: messages.EmbedResult) -> EmbedResult:
        try:
            result = read_embed_result(answer, self.measures)
        except ValueError as error:
            raise broken_contract(_SERVICE, self.address, str(error)) from error
        if isinstance(result, Embedding) and len(result.vector) != vector_bytes(self.space):
            raise broken_contract(_SERVICE, self.address, f"a vector has {len(result.vector)} bytes")
        return result


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
        patience_seconds: float = 30,
        concurrent_requests: int = 8,
        on_wait: OnWait | None = None,
        tls: Tls | None = None,
        token: str | None = None,
    ) -> None:
        """Prepares the connection; the first call makes it.

        Args:
            address: See connection.target_of.
            timeout_seconds: Deadline of each call.
            patience_seconds: How long a call is repeated while the embedder is away.
            concurrent_requests: Number of requests at a time of one series of images.
            on_wait: Told in a sentence before a call is repeated; an error that it raises ends the wait.
            tls: How to secure the connection; None: plain text, for the own machine and closed networks.
            token: The token that the embedder wants to see.

        Raises:
            AddressInvalid: The address cannot be one.
            InvalidArguments: A file of tls cannot be read, or the token would travel unencrypted.
        """
        self.address = address
        self._concurrent_requests = concurrent_requests
        self._connection = Connection(
            Endpoint(_SERVICE, address, timeout_seconds, patience_seconds, on_wait, tls, token)
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

    def space(self, features: str = "pooled", model: str = "", *, flip: bool = False) -> EmbeddingSpace:
        """The embedding space of a model (empty: the default one) and features.

        Raises:
            ModelNotServed: The embedder serves no such thing.
        """
        return space_of(self.info(), features, model, flip, self.address)

    def embed(
        self, images: Sequence[bytes], features: str = "pooled", model: str = "", *, flip: bool = False
    ) -> list[EmbedResult]:
        """Embeds some images.

        Args:
            images: Encoded images, any number.
            features: One of FEATURES.
            model: Name of the model; empty: the embedder's default.
            flip: Average each vector with that of the mirror image.

        Returns:
            For each image, in order, its vector and measures, or why it has none.

        Raises:
            OctclusterError: The images could not be embedded at all.
        """
        results = dict(self.embed_stream(enumerate(images), features, model, flip=flip))
        return [results[place] for place in range(len(images))]

    def embed_stream(
        self,
        images: Iterable[tuple[Id, bytes]],
        features: str = "pooled",
        model: str = "",
        *,
        flip: bool = False,
    ) -> Iterator[tuple[Id, EmbedResult]]:
        """Embeds any number of images with bounded memory.

        Images are read from the iterable only as fast as they are embedded.

        Args:
            images: Pairs of an id, which stays on this machine, and an encoded image.
            features: One of FEATURES.
            model: Name of the model; empty: the embedder's default.
            flip: Average each vector with that of the mirror image.

        Yields:
            Each id once with its embedding or failure, as they are ready, in any order.

        Raises:
            OctclusterError: The images could not be embedded at all.
        """
        plan = _Plan.make(self.info(), self.space(features, model, flip=flip), self.address)
        embed = partial(self._embed_batch, plan)
        for results in map_concurrently(embed, _batches(plan, images), self._concurrent_requests):
            yield from results

    def _embed_batch(self, plan: _Plan, batch: Sequence[tuple[Id, bytes]]) -> list[tuple[Id, EmbedResult]]:
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


class AsyncEmbedderClient:
    """EmbedderClient for asyncio: the same methods as coroutines.

    Make it inside the event loop that uses it.
    """

    def __init__(  # noqa: PLR0913 - all but the address are named, and have a default
        self,
        address: str,
        *,
        timeout_seconds: float = 600,
        patience_seconds: float = 30,
        concurrent_requests: int = 8,
        on_wait: OnWait | None = None,
        tls: Tls | None = None,
        token: str | None = None,
    ) -> None:
        """See EmbedderClient."""
        self.address = address
        self._concurrent_requests = concurrent_requests
        self._connection = AsyncConnection(
            Endpoint(_SERVICE, address, timeout_seconds, patience_seconds, on_wait, tls, token)
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

    async def space(self, features: str = "pooled", model: str = "", *, flip: bool = False) -> EmbeddingSpace:
        """See EmbedderClient.space."""
        return space_of(await self.info(), features, model, flip, self.address)

    async def embed(
        self, images: Sequence[bytes], features: str = "pooled", model: str = "", *, flip: bool = False
    ) -> list[EmbedResult]:
        """See EmbedderClient.embed."""
        stream = self.embed_stream(enumerate(images), features, model, flip=flip)
        results = {place: result async for place, result in stream}
        return [results[place] for place in range(len(images))]

    async def embed_stream(
        self,
        images: Iterable[tuple[Id, bytes]] | AsyncIterable[tuple[Id, bytes]],
        features: str = "pooled",
        model: str = "",
        *,
        flip: bool = False,
    ) -> AsyncIterator[tuple[Id, EmbedResult]]:
        """See EmbedderClient.embed_stream; the images may come from an asynchronous iterable, too."""
        space = await self.space(features, model, flip=flip)
        plan = _Plan.make(await self.info(), space, self.address)
        embed = partial(self._embed_batch, plan)
        async for results in map_concurrently_async(
            embed, _batches_async(plan, as_async(images)), self._concurrent_requests
        ):
            for result in results:
                yield result

    async def _embed_batch(
        self, plan: _Plan, batch: Sequence[tuple[Id, bytes]]
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


def _batches(plan: _Plan, images: Iterable[tuple[Id, bytes]]) -> Iterator[list[tuple[Id, bytes]]]:
    batcher = plan.batcher()
    for image_id, image in images:
        if batch := batcher.add((image_id, image), plan.size(image)):
            yield batch
    if batch := batcher.flush():
        yield batch


async def _batches_async(
    plan: _Plan, images: AsyncIterable[tuple[Id, bytes]]
) -> AsyncIterator[list[tuple[Id, bytes]]]:
    batcher = plan.batcher()
    async for image_id, image in images:
        if batch := batcher.add((image_id, image), plan.size(image)):
            yield batch
    if batch := batcher.flush():
        yield batch
