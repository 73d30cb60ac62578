"""How the C library keeps freed memory."""

import ctypes

# Names and numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_LARGE_BLOCK_BYTES = 2**20


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
