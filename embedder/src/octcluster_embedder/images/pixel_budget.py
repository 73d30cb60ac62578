"""How many pixels may be decoded at a time, by the threads of a process or by several processes."""

import contextlib
import threading
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from types import SimpleNamespace
from typing import Any


class PixelBudget:
    """Bounds the pixels of all images that are decoded at a time.

    Args:
        context: Processes of it share the budget, each of which gets it when it starts; None: threads do.
    """

    def __init__(self, context: BaseContext | None = None) -> None:
        # Who wants more than there is holds the line: no large image starves.
        self._line: Any = context.Lock() if context else threading.Lock()
        self._changed: Any = context.Condition() if context else threading.Condition()
        self._held: Any = context.Value("q", 0, lock=False) if context else SimpleNamespace(value=0)

    @contextlib.contextmanager
    def hold(self, n_pixels: int, max_pixels: int) -> Iterator[None]:
        """Waits until so many more pixels fit; a single image always does."""
        with self._line, self._changed:
            self._changed.wait_for(lambda: not self._held.value or self._held.value + n_pixels <= max_pixels)
            self._held.value += n_pixels
        try:
            yield
        finally:
            with self._changed:
                self._held.value -= n_pixels
                self._changed.notify()
