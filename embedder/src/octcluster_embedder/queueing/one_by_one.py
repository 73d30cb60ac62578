"""Decodes and infers an image in one thread, for a runtime that takes one image a call.

    embed_all() ──▶ shared_line.py ──▶ threads: decode, infer ──▶ the last image of a call wakes embed_all()
                                                  │ fails
                                                  ▼
                                        event loop: inference.py finds out who is to blame

The threads take what is next from the line themselves. The event loop is woken once for a call, not for each
of its images.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from octcluster_embedder.errors import InferenceFailed, ItemError
from octcluster_embedder.images.decoding import DecodedImage
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.decoding_threads import DecodingThreads
from octcluster_embedder.queueing.images_in_work import CallInWork, ImageInWork
from octcluster_embedder.queueing.inference import Inference, Loaded
from octcluster_embedder.queueing.model_queue import Embedding, ModelQueue
from octcluster_embedder.queueing.passes import compute_vectors
from octcluster_embedder.queueing.scheduling import Caller
from octcluster_embedder.queueing.shared_line import SharedLine
from octcluster_embedder.runtimes.runtime import Runtime, Vectors
from octcluster_embedder.spaces import EmbeddingSpace, View


@dataclass(frozen=True, eq=False)
class _Decoded:
    """A decoded image, when its decoding began, as ``time.monotonic`` tells time, and the seconds it took."""

    image: DecodedImage
    began: float
    seconds: float


class OneByOne(ModelQueue):
    """Turns images into vectors of one model, each in one thread. Lives in one event loop.

    Args:
        inference: The model, of a runtime with a batch size of 1.
        decoding: Says how many images are decoded at a time.
        metrics: Takes note of durations.
    """

    _slots: SharedLine[ImageInWork]

    def __init__(self, inference: Inference, decoding: DecodingThreads, metrics: Metrics) -> None:
        self._slots = SharedLine(inference.runtime.concurrent_batches)
        super().__init__(inference, decoding, metrics)
        self._loop = asyncio.get_running_loop()
        self._noting = threading.Lock()
        self._decoding: set[ImageInWork] = set()
        self._recovering: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def n_waiting(self) -> int:
        """Number of images that wait for a forward pass."""
        decoding = tuple(self._decoding)  # at once, as threads change it
        return super().n_waiting + sum(not image.call.dropped for image in decoding)

    async def embed_all(
        self, images: Sequence[bytes], space: EmbeddingSpace, caller: Caller
    ) -> list[Embedding | ItemError]:
        """Decodes, measures and embeds the images of a call; see ``ModelQueue``."""
        if not images:
            return []
        call = CallInWork(len(images), space, caller)
        in_work = [ImageInWork(call, place, image) for place, image in enumerate(images)]
        n_threads = self._slots.push(in_work, caller)
        try:
            self._start_threads(n_threads)
            return await call.wait()
        except BaseException as error:
            call.dropped = True
            self._slots.remove(in_work, caller)
            if isinstance(error, asyncio.CancelledError):
                self._metrics.count_cancelled_images(call.n_left)
            raise

    async def close(self) -> None:
        """Stops the recovery of images as well."""
        self._closed = True
        for task in self._recovering:
            task.cancel()
        await super().close()

    def _start_threads(self, n_threads: int) -> None:
        for n_left in range(n_threads, 0, -1):
            try:
                self.inference.start(self._work)
            except BaseException:  # the system has no more threads
                self._slots.give_up(n_left)
                raise

    # --- in the threads

    def _work(self, loaded: Loaded) -> None:
        """Embeds whatever waits, until nothing does, a forward pass fails or the runtime is replaced."""
        go_on: Callable[[], None] = partial(self.inference.start, self._work)
        while self.inference.is_current(loaded):
            image = self._slots.take()
            if image is None:
                return
            if (decoded := self._decode(image, loaded.runtime)) is None:
                continue
            try:
                vector = self._infer(image, decoded, loaded)
            except BaseException as error:  # whatever ends a thread must not end the server
                go_on = partial(self._start_recovery, image, decoded, loaded, error)
                break
            self._settle(image, Embedding(vector, decoded.image.measures))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(go_on)
        # An error has this frame in its traceback, and would keep itself and the image.
        image = decoded = None
        del go_on

    def _decode(self, image: ImageInWork, runtime: Runtime) -> _Decoded | None:
        """Decodes an image; None: there is nothing to infer."""
        call = image.call
        self._decoding.add(image)
        try:
            if call.is_wanted():
                began = time.monotonic()
                decoded, seconds = self._decoding_threads.decode_here(
                    image.encoded, runtime.input_height, runtime.input_width, View.RETINA in call.space.views
                )
                if call.is_wanted():
                    return _Decoded(decoded, began, seconds)
            self._slots.end()
        except ItemError as error:
            self._settle(image, error.bare())
        except BaseException as error:
            self._slots.end()
            call.fail(error)
        finally:
            self._decoding.discard(image)
        return None

    def _infer(self, image: ImageInWork, decoded: _Decoded, loaded: Loaded) -> Vectors:
        """Computes an image's vector."""
        began = time.monotonic()
        self._metrics.time_queue(began - decoded.seconds - image.call.arrived)
        vector: Vectors = compute_vectors(loaded.runtime, [decoded.image], image.call.space)[0]
        with self._noting:
            ended = time.monotonic()
            self.pace.note(1, decoded.began, ended)
        self._metrics.time_inference(1, ended - began)
        return vector

    def _settle(self, image: ImageInWork, found: Embedding | ItemError) -> None:
        self._slots.end()  # first, as whoever has the answer may ask how many are before the next
        image.call.settle(image.place, found)

    # --- in the event loop

    def _start_recovery(
        self, image: ImageInWork, decoded: _Decoded, loaded: Loaded, error: BaseException
    ) -> None:
        if self._closed:
            return
        task = self._loop.create_task(self._recover(image, decoded.image, loaded, error))
        self._recovering.add(task)
        task.add_done_callback(self._recovering.discard)

    async def _recover(
        self, image: ImageInWork, decoded: DecodedImage, loaded: Loaded, error: BaseException
    ) -> None:
        """Finds out who is to blame for a failed forward pass; the place of its thread is taken meanwhile."""
        began = time.monotonic()
        try:
            (vector,) = await self.inference.recover([decoded], image.call.space, loaded, error)
        except Exception as fault:
            self._slots.end()
            image.call.fail(fault)
        else:
            self._metrics.time_inference(1, time.monotonic() - began)
            found = vector if isinstance(vector, InferenceFailed) else Embedding(vector, decoded.measures)
            self._settle(image, found)
        self.inference.start(self._work)
