"""How much of long requests is read at a time: it takes memory before its run counts against the limit."""

from collections.abc import Iterator
from contextlib import contextmanager

from octcluster_clusterer.errors import QueueFull

MAX_MEMBER_BYTES_IN_READING = 16 * 2**20
"""Of all calls together, 500,000 image keys; one call alone may read as many members as a run may have."""
MAX_FILE_BYTES_IN_READING = 12 * 2**20
"""Of all calls together; one call alone may read the largest file, until another one wants to read."""


class ReadingAllowance:
    """Bounds what all calls together have read and not yet handed on. For one event loop."""

    def __init__(self, most: int, what: str, *, gives_way: bool = False) -> None:
        """Allows so many bytes of these things, whose name is for people.

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
    def reading(self) -> Iterator["Reading"]:
        """Around the reading of one request."""
        reading = Reading(self)
        try:
            yield reading
        finally:
            self._held -= reading.held
            self._is_wanted = self._is_wanted and self._held > 0

    def take(self, n_bytes: int, held: int) -> None:
        """Counts more bytes for a call that holds so many; see ``Reading``."""
        self.check_room(n_bytes, held)
        self._held += n_bytes

    def check_room(self, n_bytes: int, held: int) -> None:
        """The same, and counts nothing."""
        others = self._held - held
        if (others or (self._gives_way and self._is_wanted)) and self._held + n_bytes > self._most:
            self._is_wanted = True
            raise QueueFull(f"too many {self._what} arrive at once: try again when others have arrived")


class Reading:
    """What one call has read.

    Attributes:
        held: Bytes.
    """

    def __init__(self, allowance: ReadingAllowance) -> None:
        """Begins with nothing."""
        self._allowance = allowance
        self.held = 0

    def check_room(self, n_bytes: int) -> None:
        """Asks before a message is waited for: what is never read takes next to no memory.

        Raises:
            QueueFull: A message of so many bytes would be refused.
        """
        self._allowance.check_room(n_bytes, self.held)

    def take(self, n_bytes: int) -> None:
        """Counts what is about to be kept.

        Raises:
            QueueFull: It is too much beside what other calls hold.
        """
        self._allowance.take(n_bytes, self.held)
        self.held += n_bytes
