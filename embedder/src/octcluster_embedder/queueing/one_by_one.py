"""Decodes and infers an image in one thread, for a runtime that takes one image a call.

A change of threads between the two would gain nothing there. Whoever cancels an image that is in a thread
gives its slot to the next one at once, although the thread ends its decoding or its forward pass first.
"""

import asyncio
import time
from dataclasses import dataclass
from functools import partial

from octcluster_embedder.errors import InferenceFailed, TooLate
from octcluster_embedder.images.decoding import DecodedImage
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.decoding_threads import DecodingThreads
from octcluster_embedder.queueing.inference import Inference
from octcluster_embedder.queueing.model_queue import Embedding, ModelQueue
from octcluster_embedder.queueing.scheduling import Caller, FairSlots, refuse_expired
from octcluster_embedder.spaces import EmbeddingSpace, View

# So many interactive images stand before the threads, so that one takes the next as soon as it is free.
_INTERACTIVE_AHEAD = 1


@dataclass(eq=False)
class _ImageInWork:
    """An image that has a slot; times as ``time.monotonic`` tells them."""

    encoded: bytes
    caller: Caller
    arrived: float
    began: float = 0.0
    was_decoded: float = 0.0
    dropped: bool = False

    def refuse_unwanted(self) -> None:
        """Spares a thread the work that nobody waits for any more."""
        refuse_expired(self.caller)
        if self.dropped:
            raise TooLate("nobody waits for this image any more")


class OneByOne(ModelQueue):
    """Turns single images into vectors of one model, each in one thread of its own.

    Args:
        inference: The model, of a runtime with a batch size of 1.
        decoding: Says how many images are decoded at a time.
        metrics: Takes note of durations.
    """

    def __init__(self, inference: Inference, decoding: DecodingThreads, metrics: Metrics) -> None:
        slots = FairSlots(inference.runtime.concurrent_batches, n_interactive_slots=_INTERACTIVE_AHEAD)
        super().__init__(inference, decoding, metrics, slots)
        self._in_work: set[_ImageInWork] = set()

    @property
    def n_waiting(self) -> int:
        """Number of images that wait for a forward pass."""
        in_work = tuple(self._in_work)  # at once, as it is asked for in another thread
        return super().n_waiting + sum(not work.was_decoded for work in in_work)

    async def _embed_now(
        self, image: bytes, space: EmbeddingSpace, caller: Caller, arrived: float
    ) -> Embedding:
        work = _ImageInWork(image, caller, arrived)
        runtime = self.inference.runtime
        self._in_work.add(work)
        try:
            decoded, vector = await self.inference.compute_one(partial(self._decode, work, space), space)
        except asyncio.CancelledError:
            work.dropped = True
            raise
        finally:
            self._in_work.discard(work)
        ended = time.monotonic()
        if runtime is self.inference.runtime:  # the replacement of a dead one says nothing of the pace
            self.pace.note(1, work.began, ended)
        self._metrics.time_inference(1, ended - work.was_decoded)
        if isinstance(vector, InferenceFailed):
            raise vector
        return Embedding(vector, decoded.measures)

    def _decode(self, work: _ImageInWork, space: EmbeddingSpace) -> DecodedImage:
        """Runs in the thread that infers afterwards."""
        work.refuse_unwanted()
        work.began = time.monotonic()
        runtime = self.inference.runtime
        decoded, seconds = self._decoding_threads.decode_here(
            work.encoded, runtime.input_height, runtime.input_width, View.RETINA in space.views
        )
        work.was_decoded = time.monotonic()
        self._metrics.time_queue(work.was_decoded - seconds - work.arrived)
        work.refuse_unwanted()
        return decoded
