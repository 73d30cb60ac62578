"""The forward pass of batches that may hold an offender, on a runtime that may die.

batch ──▶ runtime.infer ──▶ vectors
             │ fails
             ├─ a blank image passes: an image is to blame. Halve the batch until it fails alone
             └─ that fails as well, or the thread was ended: the runtime is dead. Replace it, then halve

``one_by_one`` calls the runtime in threads of its own accord, and comes here with what failed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from octcluster_embedder.errors import InferenceFailed
from octcluster_embedder.images.decoding import DecodedImage
from octcluster_embedder.images.measures import MEASURES
from octcluster_embedder.queueing.passes import compute_vectors
from octcluster_embedder.runtimes.runtime import Runtime, Vectors
from octcluster_embedder.spaces import EmbeddingSpace

_logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, eq=False)
class Loaded:
    """A runtime, and the threads that call it."""

    runtime: Runtime
    threads: ThreadPoolExecutor

    @classmethod
    def with_threads(cls, runtime: Runtime) -> "Loaded":
        """Gives a runtime as many threads as it is called by at a time."""
        return cls(runtime, ThreadPoolExecutor(runtime.concurrent_batches, "inference"))


@dataclass(frozen=True, eq=False)
class _Failed:
    """A forward pass that raised, on the runtime of that moment."""

    images: Sequence[DecodedImage]
    space: EmbeddingSpace
    loaded: Loaded
    error: BaseException


class Inference:
    """Computes batches with one model, whatever happens to its runtime.

    Args:
        runtime: The model.
        reload: Loads the model again, in place of a dead one; called in a thread.
        tell_serving: Called with False when the runtime is found dead, and with True when
            another one has taken its place.
    """

    def __init__(
        self, runtime: Runtime, reload: Callable[[], Runtime], tell_serving: Callable[[bool], Awaitable[None]]
    ) -> None:
        self._loaded = Loaded.with_threads(runtime)
        self._reload = reload
        self._tell_serving = tell_serving
        self._replacing = asyncio.Lock()
        self._suspects = asyncio.Lock()
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def runtime(self) -> Runtime:
        """The model as it is loaded now."""
        return self._loaded.runtime

    def is_current(self, loaded: Loaded) -> bool:
        """Whether a runtime is neither replaced nor about to be; any thread may ask."""
        return loaded is self._loaded and not self._replacing.locked()

    def start(self, work: Callable[[Loaded], None]) -> None:
        """Has a thread do work that raises nothing, once no runtime is being replaced; after ``close`` never.

        Args:
            work: Calls the runtime that it is given as often as it likes. A failure goes to ``recover``.
        """
        if self._closed:
            return
        if not self._replacing.locked():
            self._loaded.threads.submit(work, self._loaded)
            return
        task = asyncio.create_task(self._start_later(work))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start_later(self, work: Callable[[Loaded], None]) -> None:
        async with self._replacing:
            pass
        self.start(work)

    async def compute(
        self, images: Sequence[DecodedImage], space: EmbeddingSpace
    ) -> list[Vectors | InferenceFailed]:
        """Computes the vector of each image, or says that it has none.

        Args:
            images: Decoded for the runtime's input; at least one.
            space: A variant of one of the runtime's spaces.

        Returns:
            For each image, in order: values of the space's type, shape (dimension of the space,), or
            the error.
        """
        return await self._compute(images, space, suspect=False)

    async def recover(
        self, images: Sequence[DecodedImage], space: EmbeddingSpace, loaded: Loaded, error: BaseException
    ) -> list[Vectors | InferenceFailed]:
        """Does what ``compute`` would, for images whose forward pass failed with this error elsewhere."""
        return await self._recover(_Failed(images, space, loaded, error), suspect=False)

    def close(self) -> None:
        """Lets the threads end; nothing is started or loaded any more."""
        self._closed = True
        for task in self._starting:
            task.cancel()
        self._loaded.threads.shutdown(wait=False, cancel_futures=True)

    async def _compute(
        self, images: Sequence[DecodedImage], space: EmbeddingSpace, *, suspect: bool
    ) -> list[Vectors | InferenceFailed]:
        async with self._replacing:
            loaded = self._loaded
        try:
            return list(await _in_thread(loaded, images, space))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # whatever ends a thread must not end the server
            failed = _Failed(images, space, loaded, error)
        return await self._recover(failed, suspect=suspect)

    async def _recover(self, failed: _Failed, *, suspect: bool) -> list[Vectors | InferenceFailed]:
        """Finds out who is to blame, the runtime or an image, and computes all that can be."""
        images, space, cause = failed.images, failed.space, type(failed.error).__name__
        if not isinstance(failed.error, Exception) or not await _is_alive(failed):
            await self._replace(failed.loaded)
            if not suspect:
                # Another batch beside this one may have been the runtime's death: each is tried again alone.
                async with self._suspects:
                    return await self._compute(images, space, suspect=True)
        if len(images) == 1:
            _logger.error("the forward pass of one image failed with %s", cause)
            return [InferenceFailed("the server could not compute this image's vector: send it again later")]
        _logger.warning("a batch of %d images failed with %s: halved", len(images), cause)
        middle = len(images) // 2
        return [
            *await self._compute(images[:middle], space, suspect=suspect),
            *await self._compute(images[middle:], space, suspect=suspect),
        ]

    async def _replace(self, dead: Loaded) -> None:
        """Loads the model again, until that succeeds; several batches may find the same runtime dead."""
        async with self._replacing:
            if dead is not self._loaded or self._closed:
                return
            _logger.error("the runtime of %s is dead: loading the model again", dead.runtime.model)
            await self._tell_serving(False)
            dead.threads.shutdown(wait=False)
            pause_seconds = _FIRST_PAUSE_SECONDS
            while True:
                try:
                    self._loaded = Loaded.with_threads(await asyncio.to_thread(self._reload))
                    break
                except Exception as error:
                    _logger.error(
                        "loading failed with %s: again in %g s", type(error).__name__, pause_seconds
                    )
                    await asyncio.sleep(pause_seconds)
                    pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
            await self._tell_serving(True)
            _logger.info("serving %s again", self.runtime.model)


async def _in_thread(loaded: Loaded, images: Sequence[DecodedImage], space: EmbeddingSpace) -> Vectors:
    """Does what the loop's ``run_in_executor`` does, for less: that ties two futures to each other."""
    loop = asyncio.get_running_loop()
    vectors: asyncio.Future[Vectors] = loop.create_future()
    loaded.threads.submit(_run, loop, vectors, loaded.runtime, images, space)
    return await vectors


def _run(
    loop: asyncio.AbstractEventLoop,
    vectors: asyncio.Future[Vectors],
    runtime: Runtime,
    images: Sequence[DecodedImage],
    space: EmbeddingSpace,
) -> None:
    """Runs in a thread, unless nobody waits for it any more."""
    if vectors.cancelled():
        return
    try:
        settle = partial(_settle, vectors, compute_vectors(runtime, images, space))
    except BaseException as error:
        settle = partial(_settle, vectors, error)
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(settle)
    # An error has this frame in its traceback, and would keep itself and the images.
    del vectors, images, settle


def _settle(vectors: asyncio.Future[Vectors], found: Vectors | BaseException) -> None:
    if vectors.done():
        return
    if isinstance(found, BaseException):
        vectors.set_exception(found)
    else:
        vectors.set_result(found)


async def _is_alive(failed: _Failed) -> bool:
    """Whether the runtime still computes a blank image."""
    runtime = failed.loaded.runtime
    pixels = np.zeros((1, runtime.input_height, runtime.input_width, 3), np.uint8)
    blank = DecodedImage(pixels, np.zeros(len(MEASURES), np.float32))
    try:
        await _in_thread(failed.loaded, [blank], failed.space)
    except asyncio.CancelledError:
        raise
    except BaseException:  # the answer is no, whatever it died of
        return False
    return True
