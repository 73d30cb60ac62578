"""Calls and their images on the way through the threads of ``one_by_one``."""

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass

from octcluster_embedder.errors import ItemError, TooLate
from octcluster_embedder.queueing.model_queue import Embedding
from octcluster_embedder.queueing.scheduling import Caller, refuse_expired
from octcluster_embedder.spaces import EmbeddingSpace


class CallInWork:
    """The images of one call, which any thread may settle; the last one wakes the event loop.

    Args:
        n_images: How many there are; at least one.
        space: What is wanted of them.
        caller: Who wants it.

    Attributes:
        arrived: When the call came, as ``time.monotonic`` tells time.
        n_left: How many images are not settled.
        dropped: Whether nobody waits for them any more.
    """

    def __init__(self, n_images: int, space: EmbeddingSpace, caller: Caller) -> None:
        self.space = space
        self.arrived = time.monotonic()
        self.n_left = n_images
        self._caller = caller
        self._found: list[Embedding | ItemError | None] = [None] * n_images
        self.dropped = False
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()

    async def wait(self) -> list[Embedding | ItemError]:
        """Waits until each image is settled, or an error ends the call, which is raised."""
        await self._ended
        return [one for one in self._found if one is not None]

    def settle(self, place: int, found: Embedding | ItemError) -> None:
        """Notes what became of an image."""
        with self._lock:
            self._found[place] = found
            self.n_left -= 1
            is_last = not self.n_left
        if is_last:
            self._wake(None)

    def fail(self, error: BaseException) -> None:
        """Ends the call, whatever becomes of its other images."""
        self.dropped = True
        self._wake(error)

    def is_wanted(self) -> bool:
        """Spares a thread the work that nobody waits for any more; a call that is late ends."""
        if self.dropped:
            return False
        try:
            refuse_expired(self._caller)
        except TooLate as error:
            self.fail(error)
            return False
        return True

    def _wake(self, error: BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._end, error)

    def _end(self, error: BaseException | None) -> None:
        if self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)


@dataclass(frozen=True, eq=False)
class ImageInWork:
    """An encoded image, and its place in its call."""

    call: CallInWork
    place: int
    encoded: bytes
