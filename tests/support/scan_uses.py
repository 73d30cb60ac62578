"""What tests have made of a scan in the process that reads it: mishaps that a reader may have, too."""

import os
import signal
import time
from pathlib import Path


def measure(encoded: bytes) -> int:
    """The length of the encoding."""
    return len(encoded)


def crash_at_dark_scans(encoded: bytes) -> int:
    """Ends the process as a fault in a C library would, if the last pixel is black."""
    if encoded[-1] == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
    return len(encoded)


def hang_at_dark_scans(encoded: bytes) -> int:
    """Never comes to an end, if the last pixel is black."""
    if encoded[-1] == 0:
        time.sleep(600)
    return len(encoded)


def fail_at_dark_scans(encoded: bytes) -> int:
    """Raises what no reader promises to raise, if the last pixel is black."""
    if encoded[-1] == 0:
        raise ZeroDivisionError("secret-name")
    return len(encoded)


def take_memory_at_dark_scans(encoded: bytes) -> int:
    """Takes a gigabyte, if the last pixel is black."""
    return len(bytes(1 << 30)) if encoded[-1] == 0 else len(encoded)


def take_note_and_hang(encoded: bytes) -> int:
    """Writes down the process, where the environment says, and never comes to an end."""
    Path(os.environ["OCTCLUSTER_TEST_NOTE"]).write_text(str(os.getpid()))
    return hang_at_dark_scans(b"\0")


def need_a_library_at_dark_scans(encoded: bytes) -> int:
    """Imports what is not installed, if the last pixel is black."""
    if encoded[-1] == 0:
        import no_such_library  # type: ignore[import-not-found]  # noqa: F401
    return len(encoded)
