"""Gathers the images of all requests and clients into batches for one model.

    embed() ── Capacity ──▶ decoding threads ──▶ waiting images ──▶ inference threads ──▶ embed() returns
               (waits)      (shared by models)   (event loop)       (runtime.infer)

All state lives in the event loop; threads only decode and infer. When whoever awaits ``embed`` is cancelled,
the image is dropped at the next stage.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.errors import InferenceFailed
from octcluster_embedder.image_decoding import DecodedImage, ImageLimits, decode_image
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.spaces import EmbeddingSpace

_logger = logging.getLogger(__name__)


class Capacity:
    """How many images, and how many encoded bytes, may be held at once. Who wants more waits in line."""

    def __init__(self, max_images: int, max_bytes: int) -> None:
        self._max_images = max_images
        self._max_bytes = max_bytes
        self._images = 0
        self._bytes = 0
        self._line = asyncio.Lock()  # an asyncio lock is first come, first served: no large image starves
        self._released = asyncio.Event()

    async def acquire(self, n_bytes: int) -> None:
        """Waits until one more image of that many bytes fits; a single one always does."""
        async with self._line:
            while self._images and not self._fits(n_bytes):
                self._released.clear()
                await self._released.wait()
            self._images += 1
            self._bytes += n_bytes

    def release(self, n_bytes: int) -> None:
        """Gives back what ``acquire`` took."""
        self._images -= 1
        self._bytes -= n_bytes
        self._released.set()

    def _fits(self, n_bytes: int) -> bool:
        return self._images < self._max_images and self._bytes + n_bytes <= self._max_bytes


@dataclass(frozen=True, eq=False)
class Embedding:
    """What an image becomes.

    Attributes:
        vector: float32, shape (dimension of the space,).
        measures: float32, shape (n_measures,); see ``measures``.
    """

    vector: NDArray[np.float32]
    measures: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _WaitingImage:
    pixels: NDArray[np.uint8]
    space: EmbeddingSpace
    vector: asyncio.Future[NDArray[np.float32]]


class Batcher:
    """Turns single images into vectors of one model, in batches.

    Args:
        runtime: The model.
        limits: What an image may be.
        decoding_threads: Threads that decode; the caller shuts them down.
        capacity: How much may be in work at once; may be shared between batchers.
        batch_wait_seconds: How long a batch that is not full waits for images that are being decoded.
    """

    def __init__(
        self,
        runtime: Runtime,
        limits: ImageLimits,
        decoding_threads: ThreadPoolExecutor,
        capacity: Capacity,
        batch_wait_seconds: float = 0.002,
    ) -> None:
        self.runtime = runtime
        self._limits = limits
        self._decoding_threads = decoding_threads
        self._capacity = capacity
        self._batch_wait_seconds = batch_wait_seconds
        self._inference_threads = ThreadPoolExecutor(runtime.concurrent_batches, "inference")
        self._decoding = 0
        self._waiting: deque[_WaitingImage] = deque()
        self._something_waits = asyncio.Event()
        self._workers = [asyncio.create_task(self._work()) for _ in range(runtime.concurrent_batches)]

    async def embed(self, image: bytes, space: EmbeddingSpace) -> Embedding:
        """Decodes, measures and embeds one encoded image; waits while the server is at its capacity.

        Args:
            image: The encoded image.
            space: One of the runtime's spaces, with or without flip.

        Raises:
            ImageError: The image is to blame.
            InferenceFailed: The server is.
        """
        await self._capacity.acquire(len(image))
        try:
            decoded = await self._decode(image)
            waiting = _WaitingImage(decoded.pixels, space, asyncio.get_running_loop().create_future())
            self._waiting.append(waiting)
            self._something_waits.set()
            return Embedding(await waiting.vector, decoded.measures)
        finally:
            self._capacity.release(len(image))

    async def close(self) -> None:
        """Stops the workers. Call it when no ``embed`` is under way any more."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._inference_threads.shutdown(wait=False, cancel_futures=True)

    async def _decode(self, image: bytes) -> DecodedImage:
        self._decoding += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._decoding_threads,
                decode_image,
                image,
                self.runtime.input_height,
                self.runtime.input_width,
                self._limits,
            )
        finally:
            self._decoding -= 1

    async def _work(self) -> None:
        while True:
            await self._something_waits.wait()
            if self._decoding and len(self._waiting) < self.runtime.batch_size:
                await asyncio.sleep(self._batch_wait_seconds)
            if batch := self._take_batch():
                await self._answer(batch)

    def _take_batch(self) -> list[_WaitingImage]:
        """Takes the oldest images that want the same space, at most a batch; forgets those cancelled."""
        wanted = [image for image in self._waiting if not image.vector.cancelled()]
        same = [image for image in wanted if image.space == wanted[0].space]
        batch = same[: self.runtime.batch_size]
        taken = set(batch)
        self._waiting = deque(image for image in wanted if image not in taken)
        if not self._waiting:
            self._something_waits.clear()
        return batch

    async def _answer(self, batch: Sequence[_WaitingImage]) -> None:
        """Gives each image its vector. If a batch fails, each is tried alone: only the culprit fails then."""
        loop = asyncio.get_running_loop()
        try:
            vectors = await loop.run_in_executor(self._inference_threads, self._infer, batch)
        except Exception:
            if len(batch) > 1:
                _logger.warning("a batch of %d images failed; each is tried alone", len(batch))
                for image in batch:
                    await self._answer([image])
                return
            _logger.exception("the forward pass of one image failed")
            if not batch[0].vector.done():
                batch[0].vector.set_exception(
                    InferenceFailed("the server could not compute this image's vector: send it again later")
                )
            return
        for image, vector in zip(batch, vectors, strict=True):
            if not image.vector.done():
                image.vector.set_result(vector)

    def _infer(self, batch: Sequence[_WaitingImage]) -> NDArray[np.float32]:
        space = batch[0].space
        images = np.stack([image.pixels for image in batch])
        if space.flip:
            images = np.concatenate([images, images[:, :, ::-1]])
        vectors = self.runtime.infer(images, space.features)
        if len(vectors) != len(images):
            raise RuntimeError(f"the runtime answered {len(images)} images with {len(vectors)} vectors")
        return (vectors[: len(batch)] + vectors[len(batch) :]) / np.float32(2) if space.flip else vectors
