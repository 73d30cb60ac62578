"""Waiting for what comes in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

_PAUSE_SECONDS = 0.02


def wait_until(find: Callable[[], Found], seconds: float = 30) -> Found:
    """Asks until the answer is true and returns it; fails with the last one if it never is."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"{found!r} for {seconds:.0f} s"
        time.sleep(_PAUSE_SECONDS)
    return found
