"""What the processes that read files may have, and what they have had."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
from octcluster.images.readers import processes, worker
from octcluster.images.readers.processes import kept_workers

MOST_MEGABYTES = 500
MOST_SECONDS = 10


@contextlib.contextmanager
def bounded_workers() -> Iterator[None]:
    """The same processes read all files of a block, and none of them has had more memory than it may have.

    Who takes longer for a file is ended, which its answer tells: whoever uses this looks for such answers.
    """
    assert (processes.SECONDS_A_STEP, worker.MAX_MEGABYTES) == (MOST_SECONDS, MOST_MEGABYTES)
    with kept_workers():
        yield
        highest = [read_highest_megabytes(child) for child in psutil.Process().children() if is_worker(child)]
        assert highest, "no process has read a file"
        assert max(highest) < MOST_MEGABYTES


def is_worker(process: psutil.Process) -> bool:
    return worker.__name__ in process.cmdline()


def read_highest_megabytes(process: psutil.Process) -> float:
    """The highest resident memory that a process has had."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (kibibytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kibibytes) * 1024 / 1e6
