"""Ctrl-C that gets through wherever it arrives."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS_UNTIL_AGAIN = 0.05


@contextmanager
def no_interrupt_lost() -> Iterator[None]:
    """Interrupts again where Python has swallowed an interrupt.

    One that arrives while Python tidies up, in a weak reference's callback say, cannot be raised there:
    Python reports it as ignored and goes on.
    """
    before = sys.unraisablehook

    def note(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.exc_type is KeyboardInterrupt:
            threading.Timer(_SECONDS_UNTIL_AGAIN, _interrupt).start()
        else:
            before(unraisable)

    sys.unraisablehook = note
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt() -> None:
    """As Ctrl-C does, and unlike ``_thread.interrupt_main``, it ends what the main thread waits for."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
