"""Looking up a host's name in bounded time, which the system's own lookup does not promise."""

import socket
import threading
import time
from concurrent.futures import Future


class HostLookup:
    """Asks whether hosts have addresses. A lookup that hangs is left behind in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: dict[tuple[str, int], tuple[Future[None], float]] = {}

    def check(self, host: str, port: int, timeout_seconds: float) -> None:
        """Waits until the host's address is known.

        Raises:
            TimeoutError: It was not known in time.
            OSError: There is none.
        """
        with self._lock:
            answer, began = self._latest.get((host, port), (None, 0.0))
            # Callers share a lookup that has just begun; one that hangs may not know that the host is back.
            if answer is None or answer.done() or time.monotonic() - began > timeout_seconds:
                answer = Future()
                self._latest[host, port] = answer, time.monotonic()
                threading.Thread(target=_look_up, args=(host, port, answer), daemon=True).start()
        answer.result(timeout_seconds)


def _look_up(host: str, port: int, answer: Future[None]) -> None:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        answer.set_exception(error)
    else:
        answer.set_result(None)
