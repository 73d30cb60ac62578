"""Things that wait in a fair order, and the threads that take them: no event loop between the two."""

import threading
from collections.abc import Sequence
from typing import Generic, TypeVar

from octcluster_embedder.queueing.scheduling import Caller, FairQueue

T = TypeVar("T")


class SharedLine(Generic[T]):
    """A FairQueue whose items go to a bounded number of threads. Its methods may be called from any thread.

    Args:
        n_threads: How many threads work at a time.
    """

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._n_working = 0
        self._taken = 0
        self._lock = threading.Lock()
        self._waiting: FairQueue[T] = FairQueue()

    @property
    def n_waiting(self) -> int:
        """Number of items that no thread has taken."""
        with self._lock:
            return len(self._waiting)

    def count_before(self, caller: Caller, n_images: int) -> int:
        """See FairQueue.count_before; counts what threads have taken and not ended as well."""
        with self._lock:
            return self._taken + self._waiting.count_before(caller, n_images)

    def push(self, items: Sequence[T], caller: Caller) -> int:
        """Puts items behind all others of their client; returns how many more threads are to work."""
        with self._lock:
            for item in items:
                self._waiting.push(item, caller)
            n_more = min(self._n_threads - self._n_working, len(items))
            self._n_working += n_more
            return n_more

    def give_up(self, n_threads: int) -> None:
        """Notes that so many threads of those that ``push`` wanted could not be started."""
        with self._lock:
            self._n_working -= n_threads

    def remove(self, items: Sequence[T], caller: Caller) -> None:
        """Takes out of turn whichever of these items no thread has taken."""
        with self._lock:
            for item in items:
                self._waiting.remove(item, caller)

    def take(self) -> T | None:
        """Takes the item whose turn it is, for a thread at work; None: the thread's work has ended."""
        with self._lock:
            item = self._waiting.pop()
            if item is None:
                self._n_working -= 1
            else:
                self._taken += 1
            return item

    def end(self) -> None:
        """Notes that an item that was taken is done with."""
        with self._lock:
            self._taken -= 1
