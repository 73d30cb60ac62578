"""How much memory there is and is held, and how the C library keeps what is freed."""

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

# Names and numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_STATUS = Path("/proc/self/status")
_LARGE_BLOCK_BYTES = 2**20
_USUAL_RESTING_BYTES = 120 * 2**20

SCIKIT_LEARN_BYTES = 144 * 2**20
"""What scikit-learn takes, with the SciPy and the pandas that it imports, once a run has used it."""


@dataclass(frozen=True)
class MemoryAllowance:
    """What a run may take, and what is taken already.

    Attributes:
        limit_bytes: Most memory of the whole process.
        resting_bytes: What the process holds with no run at work: its libraries, and what it keeps for
            later runs.
        vectors_elsewhere: Whether the vectors as they come lie in other processes, if the run allows that.
    """

    limit_bytes: int
    resting_bytes: int
    vectors_elsewhere: bool = False


def return_freed_memory() -> None:
    """Has freed arrays go back to the system at once: the process stays small between runs.

    By default glibc raises its threshold for such blocks to 32 MiB as soon as one was freed, and keeps a heap
    for each thread. Call it before threads are started. Does nothing where the C library is another one.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    set_option(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
    set_option(_M_TRIM_THRESHOLD, _LARGE_BLOCK_BYTES)
    set_option(_M_ARENA_MAX, 2)


def find_usable_memory_bytes() -> int:
    """Finds the memory that this process may use: the machine's, or its control group's."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _list_limit_files(_CONTROL_GROUPS, _MEMBERSHIP):
        try:
            limits.append(int(file.read_text()))
        except (OSError, ValueError):  # no such file, or no limit
            continue
    return min(limits)


def measure_resident_bytes() -> int:
    """Measures the resident memory of this process; what is usual at rest where the system does not tell.

    The libraries take more on one machine than on another. A server that starts has not imported
    scikit-learn.
    """
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:  # not Linux
        return _USUAL_RESTING_BYTES
    return next(
        (1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), _USUAL_RESTING_BYTES
    )


def _list_limit_files(root: Path, membership: Path) -> list[Path]:
    """The files that may hold a limit of the process's control group, or of one above it."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    files = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            folder, name = root, "memory.max"
        elif "memory" in controllers.split(","):
            folder, name = root / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = folder / path.lstrip("/")
        files += [above / name for above in (group, *group.parents) if above.is_relative_to(folder)]
    return files
