"""How many processors a server may use, which a container's limit can make fewer than the machine has."""

import os


def count_processors() -> int:
    """Counts the processors that this process may run on; all of the machine's where no system tells."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
