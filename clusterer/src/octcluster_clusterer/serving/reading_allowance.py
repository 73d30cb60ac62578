"""How many members of runs are read at a time: they take memory before their run counts against the limit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from octcluster_clusterer.errors import QueueFull

MAX_MEMBERS_IN_READING = 1_000_000
"""Of all calls together, some 50 MB; one call alone may read as many as a run may have."""


class ReadingAllowance:
    """Bounds the members that all calls together have read and not yet queued. For one event loop."""

    def __init__(self, max_members: int = MAX_MEMBERS_IN_READING) -> None:
        self._max_members = max_members
        self._held = 0

    @contextmanager
    def reading(self) -> Iterator[Callable[[int], None]]:
        """Around the reading of one run.

        Yields:
            A function to be called with the number of members of each chunk before it is kept. It raises
            QueueFull if that is too many beside those of other calls.
        """
        own = 0

        def take(n_members: int) -> None:
            nonlocal own
            others = self._held - own
            if others and self._held + n_members > self._max_members:
                raise QueueFull(
                    "the members of too many runs arrive at once: try again when others are queued"
                )
            own += n_members
            self._held += n_members

        try:
            yield take
        finally:
            self._held -= own
