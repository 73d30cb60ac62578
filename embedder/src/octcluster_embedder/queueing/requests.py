"""What goes into the service and comes out of it, and how much of it, without gRPC."""

from collections.abc import Sequence
from dataclasses import dataclass

from octcluster_embedder.errors import ItemError
from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.queueing.model_queue import Embedding
from octcluster_embedder.spaces import EmbeddingSpace, Features, View

# What a message holds besides its vectors, for each result and once: ids, lengths, errors, the digest.
_BYTES_BESIDE_A_VECTOR = 512
_BYTES_BESIDE_RESULTS = 1024


@dataclass(frozen=True)
class ServiceLimits:
    """How much the service takes at once.

    Attributes:
        image: What one image may be.
        max_images_per_request: Most images in one request.
        max_message_bytes: Largest message in either direction, in bytes.
        max_queued_images: Most images of all calls together that wait or are in work.
        max_queued_bytes: Most encoded bytes of them.
    """

    image: ImageLimits
    max_images_per_request: int
    max_message_bytes: int
    max_queued_images: int = 1024
    max_queued_bytes: int = 2**28

    def max_results(self, space: EmbeddingSpace) -> int:
        """Number of results of a space that fit into one message."""
        bytes_a_result = space.vector_bytes + _BYTES_BESIDE_A_VECTOR
        return (self.max_message_bytes - _BYTES_BESIDE_RESULTS) // bytes_a_result


@dataclass(frozen=True)
class ImageItem:
    """One encoded image with the number that the client gave it."""

    id: int
    image: bytes


@dataclass(frozen=True)
class ImageBatch:
    """Images to embed; an empty model name stands for the server's default.

    With ``flip``, each vector is the mean of the image's and of its mirror image's. A vector has the parts of
    each of ``views``.
    """

    model: str
    features: Features
    items: Sequence[ImageItem]
    flip: bool = False
    views: tuple[View, ...] = (View.PLAIN,)


@dataclass(frozen=True)
class Outcome:
    """What became of one item: its embedding or the error."""

    id: int
    outcome: Embedding | ItemError


@dataclass(frozen=True)
class Answer:
    """Outcomes of items in one space."""

    space: EmbeddingSpace
    outcomes: Sequence[Outcome]
