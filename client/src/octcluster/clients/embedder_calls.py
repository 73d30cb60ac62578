"""What the embedder's two clients share: which space is meant, how requests are cut, what answers mean."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from octcluster_protos.embedder.v1 import embedder_pb2 as messages

from octcluster.clients.batches import RequestCutter
from octcluster.clients.embedder_conversions import features_message, read_embed_result, view_messages
from octcluster.clients.status_errors import broken_contract
from octcluster.model.errors import ModelNotServed, ServerUnavailable, SpaceMismatch
from octcluster.model.runs import EmbeddingSpace, vector_bytes
from octcluster.model.server_info import EmbedderInfo, Embedding, EmbedFailure, MeasureSpace, too_many_bytes

Id = TypeVar("Id")
EmbedResult = Embedding | EmbedFailure

SERVICE = "the embedder"
# So many images of the common input size go in a request, and fewer larger ones: a request of the slowest
# model must be done long before its deadline, also behind others.
_IMAGES_PER_REQUEST = 16
_PIXELS_PER_REQUEST = _IMAGES_PER_REQUEST * 224 * 224
_BYTES_PER_REQUEST = 8 << 20
_MESSAGE_OVERHEAD_BYTES = 1024
_ITEM_OVERHEAD_BYTES = 64


def space_of(
    info: EmbedderInfo, features: str, model: str, *, flip: bool, views: Sequence[str], address: str
) -> EmbeddingSpace:
    """Finds the space of a model and features among those that an embedder serves.

    Args:
        info: What the embedder serves.
        features: One of FEATURES.
        model: Name of the model; empty: the embedder's default.
        flip: Whether vectors are averaged with those of the mirror images.
        views: What the network is shown, one of VIEWS.
        address: The embedder's address, for the error.

    Returns:
        The space.

    Raises:
        ModelNotServed: It has no such model, features or views.
    """
    served = {served.name: served for served in info.models}
    found = served.get(model or next(iter(served), ""))
    if found is None:
        raise ModelNotServed(
            f'the embedder at {address} does not serve the model "{model}": choose {", ".join(served)},'
            f" or start it with --models {model}"
        )
    if (features, flip, tuple(views)) not in found.spaces:
        offered = {
            "features": (features, {space.features: None for space in found.spaces.values()}),
            "views": (",".join(views), {",".join(space.views): None for space in found.spaces.values()}),
        }
        name, (asked, choices) = next(
            (name, pair) for name, pair in offered.items() if pair[0] not in pair[1]
        )
        raise ModelNotServed(
            f'the model {found.name} at {address} has no {name} "{asked}": choose {" or ".join(choices)}'
        )
    return found.spaces[features, flip, tuple(views)]


@dataclass
class KnownEmbedders:
    """What those of several embedders serve that could be asked; the others may join later.

    Whoever joins with other weights is found out by its first reply, see ``EmbedPlan.results``.
    """

    infos: dict[str, EmbedderInfo] = field(default_factory=dict)
    _failure: ServerUnavailable | None = None

    @contextmanager
    def unless_away(self) -> Iterator[None]:
        """Within it one embedder is asked; nothing is heard of one that is away."""
        try:
            yield
        except ServerUnavailable as error:
            self._failure = self._failure or error

    def require_one(self) -> dict[str, EmbedderInfo]:
        """What was found, by address; the first failure is raised if all are away."""
        if not self.infos and self._failure is not None:
            raise self._failure
        return self.infos


def common_space(spaces: Sequence[EmbeddingSpace], addresses: Sequence[str]) -> EmbeddingSpace:
    """The space that several embedders share.

    Args:
        spaces: The space of each.
        addresses: Where each one is, for the error.

    Raises:
        SpaceMismatch: Two of them make vectors that cannot be compared.
    """
    for space, address in zip(spaces, addresses, strict=True):
        if space.digest != spaces[0].digest:
            raise SpaceMismatch(
                f"the embedders at {addresses[0]} and {address} make vectors of {spaces[0].model} that cannot"
                " be compared: their weights, release or precision differ. Let both serve the same"
            )
    return spaces[0]


@dataclass(frozen=True)
class EmbedPlan:
    """What both clients agree on for one series of images: its space and the size of its requests."""

    space: EmbeddingSpace
    measures: MeasureSpace
    address: str
    max_image_bytes: int
    max_images: int

    @classmethod
    def make(cls, info: EmbedderInfo, space: EmbeddingSpace, address: str) -> Self:
        """Fits requests and their answers into the embedder's limits."""
        payload_bytes = info.limits.max_message_bytes - _MESSAGE_OVERHEAD_BYTES
        vectors_in_answer = payload_bytes // (vector_bytes(space) + _ITEM_OVERHEAD_BYTES)
        (pixels,) = (one.input_height * one.input_width for one in info.models if one.name == space.model)
        wanted = min(_IMAGES_PER_REQUEST, _PIXELS_PER_REQUEST // pixels)
        max_images = max(1, min(wanted, info.limits.max_images_per_request, vectors_in_answer))
        max_image_bytes = min(info.limits.max_image_bytes, payload_bytes - _ITEM_OVERHEAD_BYTES * max_images)
        return cls(space, info.measures, address, max_image_bytes, max_images)

    @classmethod
    def make_common(cls, infos: Sequence[EmbedderInfo], space: EmbeddingSpace, address: str) -> Self:
        """Fits requests into the limits of several embedders, so that each can take any."""
        plans = [cls.make(info, space, address) for info in infos]
        return replace(
            plans[0],
            max_image_bytes=min(plan.max_image_bytes for plan in plans),
            max_images=min(plan.max_images for plan in plans),
        )

    def cut(self, images: Iterable[tuple[Id, bytes]]) -> Iterator[list[tuple[Id, bytes]]]:
        """Cuts images with their ids into what goes in one request."""
        cutter = self._cutter()
        for image_id, image in images:
            if batch := cutter.add((image_id, image), self._size(image)):
                yield batch
        if batch := cutter.flush():
            yield batch

    async def cut_async(
        self, images: AsyncIterable[tuple[Id, bytes]]
    ) -> AsyncIterator[list[tuple[Id, bytes]]]:
        """See cut."""
        cutter = self._cutter()
        async for image_id, image in images:
            if batch := cutter.add((image_id, image), self._size(image)):
                yield batch
        if batch := cutter.flush():
            yield batch

    def request(self, batch: Sequence[tuple[Id, bytes]]) -> messages.EmbedRequest:
        """The request of a batch; images that are too large are left out."""
        items = [
            messages.EmbedItem(id=place, image=image)
            for place, (_, image) in enumerate(batch)
            if self._is_sent(image)
        ]
        return messages.EmbedRequest(
            model=self.space.model,
            features=features_message(self.space.features),
            flip=self.space.flip,
            views=view_messages(self.space.views),
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
            if not self._is_sent(image):
                results.append((image_id, too_many_bytes(len(image), self.max_image_bytes)))
            elif place in answers:
                results.append((image_id, self._read(answers[place])))
            else:
                raise broken_contract(SERVICE, self.address, "it left out an image of a request")
        return results

    def _cutter(self) -> RequestCutter[tuple[Any, bytes]]:
        return RequestCutter(self.max_images, min(_BYTES_PER_REQUEST, self.max_image_bytes))

    def _is_sent(self, image: bytes) -> bool:
        return len(image) <= self.max_image_bytes

    def _size(self, image: bytes) -> int:
        return len(image) if self._is_sent(image) else 0

    def _read(self, answer: messages.EmbedResult) -> EmbedResult:
        try:
            result = read_embed_result(answer, self.measures)
        except ValueError as error:
            raise broken_contract(SERVICE, self.address, str(error)) from error
        if isinstance(result, Embedding) and len(result.vector) != vector_bytes(self.space):
            raise broken_contract(SERVICE, self.address, f"a vector has {len(result.vector)} bytes")
        return result
