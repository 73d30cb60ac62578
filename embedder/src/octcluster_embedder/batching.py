"""Gathers the images of all requests and clients into batches for one model.

    embed() ──▶ slots of the model ──▶ decoding threads ──▶ decoded images ──▶ inference ──▶ embed() returns
                (FairSlots)            (FairSlots, shared   (FairQueue)        (batches, halved
                                        by the models)                          when they fail)

Few images have a slot at any time, as what has begun cannot be interrupted: an interactive image overtakes
all that still wait for one. All state lives in the event loop; threads only decode and infer. When whoever
awaits ``embed`` is cancelled, or its deadline has passed, the image is dropped at the next stage.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.admission import Pace
from octcluster_embedder.errors import InferenceFailed, TooLate
from octcluster_embedder.image_decoding import DecodedImage, ImageLimits, decode_image
from octcluster_embedder.inference import Inference
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.runtimes.runtime import Vectors
from octcluster_embedder.scheduling import Caller, FairQueue, FairSlots
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


class DecodingThreads:
    """Threads that decode images of all models, each in its turn.

    Args:
        n_threads: How many.
        limits: What an image may be.
        metrics: Takes note of durations.
    """

    def __init__(self, n_threads: int, limits: ImageLimits, metrics: Metrics) -> None:
        self.n_threads = n_threads
        self._limits = limits
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(n_threads, "decoding")
        self._slots = FairSlots(n_threads)

    async def decode(self, image: bytes, height: int, width: int, caller: Caller) -> DecodedImage:
        """Decodes an image for a network's input; see ``image_decoding.decode_image``."""
        await self._slots.take(caller)
        try:
            _refuse_expired(caller)
            began = time.monotonic()
            loop = asyncio.get_running_loop()
            decoded = await loop.run_in_executor(
                self._threads, decode_image, image, height, width, self._limits
            )
            self._metrics.time_decoding(time.monotonic() - began)
            return decoded
        finally:
            self._slots.give_back()

    def close(self) -> None:
        """Lets the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, eq=False)
class _WaitingImage:
    pixels: NDArray[np.uint8]
    space: EmbeddingSpace
    caller: Caller
    since: float
    vector: asyncio.Future[Vectors]


class Batcher:
    """Turns single images into vectors of one model, in batches.

    Args:
        inference: The model.
        decoding: Threads that decode; the caller closes them.
        metrics: Takes note of durations and sizes.
        batch_wait_seconds: How long a batch that is not full waits for images that are being decoded.

    Attributes:
        inference: The model.
        pace: How fast images become vectors.
    """

    def __init__(
        self,
        inference: Inference,
        decoding: DecodingThreads,
        metrics: Metrics,
        batch_wait_seconds: float = 0.002,
    ) -> None:
        runtime = inference.runtime
        self.inference = inference
        self.pace = Pace()
        self._decoding_threads = decoding
        self._metrics = metrics
        self._batch_wait_seconds = batch_wait_seconds
        # What the model computes, the batch after it, and what is decoded: no thread ever waits for work.
        n_ahead = runtime.batch_size * (runtime.concurrent_batches + 1) + decoding.n_threads
        self._slots = FairSlots(n_ahead, n_interactive_slots=n_ahead)
        self._decoding = 0
        self._waiting: FairQueue[_WaitingImage] = FairQueue()
        self._something_waits = asyncio.Event()
        self._workers = [asyncio.create_task(self._work()) for _ in range(runtime.concurrent_batches)]

    @property
    def n_waiting(self) -> int:
        """Number of images that wait for a forward pass."""
        return self._slots.n_waiting + self._decoding + len(self._waiting)

    def refuse_late(self, n_images: int, caller: Caller) -> None:
        """Refuses images that would come too late; with nothing before them, they are always tried.

        Raises:
            TooLate: The deadline has passed, or cannot be met at the pace that there is.
        """
        _refuse_expired(caller)
        before = self._slots.count_before(caller, n_images)
        seconds = self.pace.seconds_for(before + n_images)
        if before and seconds is not None and seconds > _DOUBT * (caller.deadline - time.monotonic()):
            raise TooLate(
                f"{before} images come before these and the server would need about {seconds:.1f} s, more "
                "than the call's deadline leaves: allow more time, or send them when there is less to do"
            )

    async def embed(self, image: bytes, space: EmbeddingSpace, caller: Caller) -> Embedding:
        """Decodes, measures and embeds one encoded image, when it is its turn.

        Args:
            image: The encoded image.
            space: One of the runtime's spaces, with or without flip.
            caller: Who wants it.

        Raises:
            ImageError: The image is to blame.
            InferenceFailed: The server is.
            TooLate: Its deadline passed first.
        """
        try:
            arrived = time.monotonic()
            await self._slots.take(caller)
            try:
                _refuse_expired(caller)
                got_slot = time.monotonic()
                decoded = await self._decode(image, caller)
                decoding_seconds = time.monotonic() - got_slot
                vector = await self._compute(decoded.pixels, space, caller, arrived + decoding_seconds)
            finally:
                self._slots.give_back()
        except asyncio.CancelledError:
            self._metrics.count_cancelled_image()
            raise
        return Embedding(vector, decoded.measures)

    async def close(self) -> None:
        """Stops the workers. Call it when no ``embed`` is under way any more."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self.inference.close()

    async def _decode(self, image: bytes, caller: Caller) -> DecodedImage:
        runtime = self.inference.runtime
        self._decoding += 1
        try:
            return await self._decoding_threads.decode(
                image, runtime.input_height, runtime.input_width, caller
            )
        finally:
            self._decoding -= 1

    async def _compute(
        self, pixels: NDArray[np.uint8], space: EmbeddingSpace, caller: Caller, since: float
    ) -> Vectors:
        waiting = _WaitingImage(pixels, space, caller, since, asyncio.get_running_loop().create_future())
        self._waiting.push(waiting, caller)
        self._something_waits.set()
        try:
            return await waiting.vector
        finally:
            self._waiting.remove(waiting, caller)

    async def _work(self) -> None:
        while True:
            await self._something_waits.wait()
            if self._decoding and len(self._waiting) < self.inference.runtime.batch_size:
                await asyncio.sleep(self._batch_wait_seconds)
            if batch := self._take_batch():
                await self._answer(batch)

    def _take_batch(self) -> list[_WaitingImage]:
        """Takes the images whose turn it is and that want the same space, at most a batch."""
        batch: list[_WaitingImage] = []
        now = time.monotonic()
        while len(batch) < self.inference.runtime.batch_size:
            image = self._waiting.pop(lambda one: not batch or one.space == batch[0].space)
            if image is None:
                break
            if image.vector.done():
                continue
            if image.caller.deadline <= now:
                image.vector.set_exception(_expired())
            else:
                self._metrics.time_queue(now - image.since)
                batch.append(image)
        if not len(self._waiting):
            self._something_waits.clear()
        return batch

    async def _answer(self, batch: list[_WaitingImage]) -> None:
        """Gives each image its vector, or the error."""
        began = time.monotonic()
        runtime = self.inference.runtime
        results = await self.inference.compute([image.pixels for image in batch], batch[0].space)
        ended = time.monotonic()
        if runtime is self.inference.runtime:  # the replacement of a dead one says nothing of the pace
            self.pace.note(len(batch), began, ended)
        self._metrics.time_inference(len(batch), ended - began)
        for image, result in zip(batch, results, strict=True):
            if image.vector.done():
                continue
            if isinstance(result, InferenceFailed):
                image.vector.set_exception(result)
            else:
                image.vector.set_result(result)


def _refuse_expired(caller: Caller) -> None:
    if caller.deadline <= time.monotonic():
        raise _expired()


def _expired() -> TooLate:
    return TooLate("the call's deadline passed before it was this image's turn: allow more time")
