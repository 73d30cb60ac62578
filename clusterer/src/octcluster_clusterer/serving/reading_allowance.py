"""How much of long requests is read at a time: it takes memory before its run counts against the limit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from octcluster_clusterer.errors import QueueFull

MAX_MEMBERS_IN_READING = 1_000_000
"""Of all calls together, some 50 MB; one call alone may read as many as a run may have."""


class ReadingAllowance:
    """Bounds what all calls together have read and not yet handed on. For one event loop."""

    def __init__(self, most: int = MAX_MEMBERS_IN_READING, what: str = "members of runs") -> None:
        """Allows so many of these things, whose name is for people."""
        self._most = most
        self._what = what
        self._held = 0

    @contextmanager
    def reading(self) -> Iterator[Callable[[int], None]]:
        """Around the reading of one request.

        Yields:
            A function to be called with the size of each chunk before it is kept. It raises QueueFull if that
            is too much beside those of other calls.
        """
        own = 0

        def take(size: int) -> None:
            nonlocal own
            others = self._held - own
            if others and self._held + size > self._most:
                raise QueueFull(f"too many {self._what} arrive at once: try again when others have arrived")
            own += size
            self._held += size

        try:
            yield take
        finally:
            self._held -= own
