"""What waits for one model, and whose turn it is.

    embed_all() ──▶ where the runtime takes one image a call: one_by_one.py ──▶ embed_all() returns
                    where it takes batches: batching.py

Few images are begun at any time, as what has begun cannot be interrupted: an interactive image overtakes all
that still wait. When whoever awaits ``embed_all`` is cancelled, or its deadline has passed, its images are
dropped at the next stage.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.errors import ItemError, TooLate
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.admission import Pace
from octcluster_embedder.queueing.decoding_threads import DecodingThreads
from octcluster_embedder.queueing.inference import Inference
from octcluster_embedder.queueing.scheduling import Caller, FairSlots, refuse_expired
from octcluster_embedder.queueing.shared_line import SharedLine
from octcluster_embedder.runtimes.runtime import Vectors
from octcluster_embedder.spaces import EmbeddingSpace

# How much longer than the time left the estimate must be before a request is refused: it is only an estimate.
_DOUBT = 1.5


@dataclass(frozen=True, eq=False)
class Embedding:
    """What an image becomes.

    Attributes:
        vector: float32 or uint8 as the space says, shape (dimension of the space,).
        measures: float32, shape (n_measures,); see ``measures``.
    """

    vector: Vectors
    measures: NDArray[np.float32]


class ModelQueue(ABC):
    """Turns single images into vectors of one model, each when it is its turn.

    Args:
        inference: The model.
        decoding: Threads that decode; the caller closes them.
        metrics: Takes note of durations and sizes.

    Attributes:
        inference: The model.
        pace: How fast images become vectors.
    """

    _slots: FairSlots | SharedLine[Any]

    def __init__(self, inference: Inference, decoding: DecodingThreads, metrics: Metrics) -> None:
        self.inference = inference
        self.pace = Pace()
        self._decoding_threads = decoding
        self._metrics = metrics

    @property
    def n_waiting(self) -> int:
        """Number of images that wait for a forward pass."""
        return self._slots.n_waiting

    def refuse_late(self, n_images: int, caller: Caller) -> None:
        """Refuses images that would come too late; with nothing before them, they are always tried.

        Raises:
            TooLate: The deadline has passed, or cannot be met at the pace that there is.
        """
        refuse_expired(caller)
        before = self._slots.count_before(caller, n_images)
        seconds = self.pace.seconds_for(before + n_images)
        if before and seconds is not None and seconds > _DOUBT * (caller.deadline - time.monotonic()):
            raise TooLate(
                f"{before} images are in the queue before these, and the server needs about {seconds:.1f} s "
                "for all of them, longer than the call's deadline: allow more time, or retry later"
            )

    async def embed(self, image: bytes, space: EmbeddingSpace, caller: Caller) -> Embedding:
        """Embeds one image; see ``embed_all``, whose errors of an image are raised here.

        Raises:
            ItemError: The image is to blame, or the server.
            TooLate: Its deadline passed first.
        """
        (found,) = await self.embed_all([image], space, caller)
        if isinstance(found, ItemError):
            raise found
        return found

    @abstractmethod
    async def embed_all(
        self, images: Sequence[bytes], space: EmbeddingSpace, caller: Caller
    ) -> list[Embedding | ItemError]:
        """Decodes, measures and embeds the images of a call, each when it is its turn.

        Args:
            images: The encoded images.
            space: One of the runtime's spaces, with or without flip.
            caller: Who wants it.

        Returns:
            For each image, in order, what it became, or why it has no vector.

        Raises:
            TooLate: The call's deadline passed first.
        """

    async def close(self) -> None:
        """Lets the threads end. Call it when no ``embed`` is under way any more."""
        self.inference.close()
