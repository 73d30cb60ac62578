"""Whose upload is read: a few at a time, in the order in which they came, and none that pauses for long."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any

from octcluster_clusterer.errors import QueueFull

RUNS_AT_ONCE = 8
"""gRPC holds a message of each upload that is read, and its window of each that waits."""
FILES_AT_ONCE = 4
"""Their messages are larger."""
LONGEST_WAIT_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 5.0
"""Between two messages of an upload for which others wait."""


class UploadTurns:
    """Bounds how many streams of one kind are read at a time. For one event loop."""

    def __init__(
        self,
        what: str,
        at_once: int,
        *,
        wait_seconds: float = LONGEST_WAIT_SECONDS,
        pause_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        """Lets so many be read.

        Args:
            what: What is uploaded, for people.
            at_once: How many are read at a time.
            wait_seconds: How long one waits at most.
            pause_seconds: How long one may pause at most while others wait.
        """
        self._what = what
        self._turns = asyncio.Semaphore(at_once)
        self._wait_seconds = wait_seconds
        self._pause_seconds = pause_seconds
        self._n_waiting = 0
        self._pauses: dict[asyncio.Timeout, float] = {}

    @asynccontextmanager
    async def turn(self, requests: AsyncIterator[Any]) -> AsyncIterator[AsyncIterator[Any]]:
        """Waits until a stream may be read.

        Yields:
            Its messages.

        Raises:
            QueueFull: Its turn does not come, or it pauses while others wait.
        """
        try:
            with self._waiting():
                async with asyncio.timeout(self._wait_seconds):
                    await self._turns.acquire()
        except TimeoutError:
            raise QueueFull(
                f"too many {self._what} arrive at once: try again when others have arrived"
            ) from None
        try:
            async with aclosing(self._read(requests)) as messages:
                yield messages
        finally:
            self._turns.release()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        is_counted = self._turns.locked()
        self._n_waiting += is_counted
        self._limit_pauses()
        try:
            yield
        finally:
            self._n_waiting -= is_counted
            self._limit_pauses()

    def _limit_pauses(self) -> None:
        for pause, began in self._pauses.items():
            if not pause.expired():
                pause.reschedule(began + self._pause_seconds if self._n_waiting else None)

    @asynccontextmanager
    async def _pausing(self) -> AsyncIterator[None]:
        async with asyncio.timeout(None) as pause:
            self._pauses[pause] = asyncio.get_running_loop().time()
            self._limit_pauses()
            try:
                yield
            finally:
                del self._pauses[pause]

    async def _read(self, requests: AsyncIterator[Any]) -> AsyncGenerator[Any]:
        while True:
            try:
                async with self._pausing():
                    arrived = [await anext(requests)]
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise QueueFull(
                    f"other {self._what} wait, and this stream paused for {self._pause_seconds:g} s: send it "
                    "again, without pauses"
                ) from None
            yield arrived.pop()
