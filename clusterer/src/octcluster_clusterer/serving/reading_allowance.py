"""How much of long requests is read at a time: it takes memory before its run counts against the limit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from octcluster_clusterer.errors import QueueFull

MAX_MEMBERS_IN_READING = 500_000
"""Of all calls together, some 25 MB; one call alone may read as many as a run may have."""
MAX_FILE_BYTES_IN_READING = 32 * 2**20
"""Of all calls together; one call alone may read the largest file, until another one wants to read."""


class ReadingAllowance:
    """Bounds what all calls together have read and not yet handed on. For one event loop."""

    def __init__(
        self, most: int = MAX_MEMBERS_IN_READING, what: str = "members of runs", *, gives_way: bool = False
    ) -> None:
        """Allows so many of these things, whose name is for people.

        Args:
            most: Of all calls together.
            what: What is read.
            gives_way: Whether a call that has read more than that, alone, is refused more of it once another
                call wants some; else the other ones wait for its end.
        """
        self._most = most
        self._what = what
        self._gives_way = gives_way
        self._held = 0
        self._is_wanted = False

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
            if (others or (self._gives_way and self._is_wanted)) and self._held + size > self._most:
                self._is_wanted = True
                raise QueueFull(f"too many {self._what} arrive at once: try again when others have arrived")
            own += size
            self._held += size

        try:
            yield take
        finally:
            self._held -= own
            self._is_wanted = self._is_wanted and self._held > 0
