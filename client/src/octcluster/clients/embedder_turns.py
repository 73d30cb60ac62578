"""Which of several embedders gets the next request. Knows no clock but the one it is given, and calls nobody.

Each embedder has a window of requests at work, so that a slow one gets fewer. One that is away gives its work
back to the others and is asked again later, with a single request.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from octcluster.model.errors import ServerOverloaded, ServerUnavailable

RETRY_SECONDS_OF_SEVERAL = 2.0
"""How long a call to one of several embedders is repeated before another one gets it."""
POLL_SECONDS = 0.05
_AWAY_SECONDS = 15.0


@dataclass
class _Embedder:
    """How an embedder stands."""

    address: str
    at_work: int = 0
    taken: int = 0
    away_until: float | None = None
    is_told: bool = False


class EmbedderTurns:
    """Deals requests out to embedders; safe to use from several threads.

    Attributes:
        window: Number of requests that each embedder has at a time.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        window: int,
        retry_seconds: float,
        tell: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Deals out to these addresses.

        Args:
            addresses: Where the embedders are.
            window: Number of requests that each one has at a time.
            retry_seconds: How long all of them may be away.
            tell: Told in a sentence, once for each, that an embedder is away.
            clock: Tells the time in seconds.
        """
        self.window = window
        self._embedders = [_Embedder(address) for address in addresses]
        self._retry_seconds = retry_seconds
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._none_since: float | None = None

    def take(self) -> int | None:
        """Takes a turn at the embedder with the fewest requests at work, and of equal ones the fewest so far.

        Returns:
            Its position among the addresses; None: all are busy or away, ask again after a moment.
        """
        with self._lock:
            now = self._clock()
            free = [
                (one.at_work, one.taken, position)
                for position, one in enumerate(self._embedders)
                if one.at_work < (self.window if one.away_until is None else 1)
                and (one.away_until is None or now >= one.away_until)
            ]
            if not free:
                return None
            position = min(free)[-1]
            self._embedders[position].at_work += 1
            self._embedders[position].taken += 1
            return position

    def succeeded(self, position: int) -> None:
        """Gives a turn back; the embedder has answered."""
        with self._lock:
            self._embedders[position].at_work -= 1
            self._embedders[position].away_until = None
            self._none_since = None

    def failed(self, position: int, error: BaseException) -> None:
        """Gives a turn back; the request is to go to another embedder.

        Raises:
            BaseException: The error itself, if another embedder would not help: it is no outage, or all have
                been away for too long.
        """
        with self._lock:
            one, now = self._embedders[position], self._clock()
            one.at_work -= 1
            if not isinstance(error, ServerUnavailable | ServerOverloaded):
                raise error
            are_all_away = all(other.away_until is not None for other in self._embedders if other is not one)
            one.away_until = now + (RETRY_SECONDS_OF_SEVERAL if are_all_away else _AWAY_SECONDS)
            if are_all_away:
                self._none_since = now if self._none_since is None else self._none_since
                if now - self._none_since >= self._retry_seconds:
                    raise error
            says_so, one.is_told = not one.is_told, True
        if says_so and self._tell is not None:
            self._tell(f"going on without the embedder at {one.address}, which is away for now: {error}")
