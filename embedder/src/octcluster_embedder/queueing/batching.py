"""Gathers the images of all requests and clients into batches, for a runtime that takes batches.

model_queue.py ──▶ decoding_threads.py ──▶ decoded images ──▶ inference.py
                                           (FairQueue)        (batches, halved when they fail)
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from octcluster_embedder.errors import InferenceFailed, ItemError, TooLate
from octcluster_embedder.images.decoding import DecodedImage
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.decoding_threads import DecodingThreads
from octcluster_embedder.queueing.inference import Inference
from octcluster_embedder.queueing.model_queue import Embedding, ModelQueue
from octcluster_embedder.queueing.scheduling import Caller, FairQueue, FairSlots, refuse_expired
from octcluster_embedder.runtimes.runtime import Vectors
from octcluster_embedder.spaces import EmbeddingSpace, View


@dataclass(frozen=True, eq=False)
class _WaitingImage:
    decoded: DecodedImage
    space: EmbeddingSpace
    caller: Caller
    since: float
    vector: asyncio.Future[Vectors]


class Batcher(ModelQueue):
    """Turns single images into vectors of one model, in batches.

    Args:
        inference: The model.
        decoding: Threads that decode; the caller closes them.
        metrics: Takes note of durations and sizes.
        batch_wait_seconds: How long a batch that is not full waits for images that are being decoded.
    """

    _slots: FairSlots

    def __init__(
        self,
        inference: Inference,
        decoding: DecodingThreads,
        metrics: Metrics,
        batch_wait_seconds: float = 0.002,
    ) -> None:
        runtime = inference.runtime
        # What the model computes, the batch after it, and what is decoded: no thread ever waits for work.
        n_ahead = runtime.batch_size * (runtime.concurrent_batches + 1) + decoding.n_threads
        self._slots = FairSlots(n_ahead, n_interactive_slots=n_ahead)
        super().__init__(inference, decoding, metrics)
        self._batch_wait_seconds = batch_wait_seconds
        self._decoding = 0
        self._waiting: FairQueue[_WaitingImage] = FairQueue()
        self._something_waits = asyncio.Event()
        self._workers = [asyncio.create_task(self._work()) for _ in range(runtime.concurrent_batches)]

    @property
    def n_waiting(self) -> int:
        """Number of images that wait for a forward pass."""
        return super().n_waiting + self._decoding + len(self._waiting)

    async def close(self) -> None:
        """Stops the workers as well."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await super().close()

    async def embed_all(
        self, images: Sequence[bytes], space: EmbeddingSpace, caller: Caller
    ) -> list[Embedding | ItemError]:
        """Embeds the images of a call side by side; see ``ModelQueue``."""
        if len(images) == 1:  # somebody waits for it, and a task of its own takes a tenth of a millisecond
            return [await self._embed_one(images[0], space, caller)]
        try:
            async with asyncio.TaskGroup() as tasks:
                found = [tasks.create_task(self._embed_one(image, space, caller)) for image in images]
        except BaseExceptionGroup as group:
            raise _first_error(group) from None
        return [task.result() for task in found]

    async def _embed_one(self, image: bytes, space: EmbeddingSpace, caller: Caller) -> Embedding | ItemError:
        try:
            arrived = time.monotonic()
            await self._slots.take(caller)
            try:
                refuse_expired(caller)
                return await self._embed_now(image, space, caller, arrived)
            finally:
                self._slots.give_back()
        except ItemError as error:
            return error.bare()
        except asyncio.CancelledError:
            self._metrics.count_cancelled_images(1)
            raise

    async def _embed_now(
        self, image: bytes, space: EmbeddingSpace, caller: Caller, arrived: float
    ) -> Embedding:
        got_slot = time.monotonic()
        decoded = await self._decode(image, space, caller)
        decoding_seconds = time.monotonic() - got_slot
        vector = await self._compute(decoded, space, caller, arrived + decoding_seconds)
        return Embedding(vector, decoded.measures)

    async def _decode(self, image: bytes, space: EmbeddingSpace, caller: Caller) -> DecodedImage:
        size = (self.inference.runtime.input_height, self.inference.runtime.input_width)
        self._decoding += 1
        try:
            return await self._decoding_threads.decode(image, size, View.RETINA in space.views, caller)
        finally:
            self._decoding -= 1

    async def _compute(
        self, decoded: DecodedImage, space: EmbeddingSpace, caller: Caller, since: float
    ) -> Vectors:
        waiting = _WaitingImage(decoded, space, caller, since, asyncio.get_running_loop().create_future())
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
            try:
                refuse_expired(image.caller)
            except TooLate as error:
                image.vector.set_exception(error)
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
        results = await self.inference.compute([image.decoded for image in batch], batch[0].space)
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


def _first_error(error: BaseException) -> BaseException:
    """The error at the bottom of a task group's nested groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
