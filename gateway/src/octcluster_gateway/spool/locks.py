"""Locks between processes that work on one spool; the system gives them back when a process ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from octcluster_gateway.errors import CannotStart


def take_lock(path: Path) -> int:
    """Takes a lock for this process, until the descriptor that is returned is closed.

    Raises:
        CannotStart: Another process has it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise CannotStart(
            f"--spool {path.parent}: another process serves it, or brings objects to it: give each gateway "
            "its own, and pull once at a time"
        ) from None
    return descriptor


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Holds a lock while the block runs, and waits for it before."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
