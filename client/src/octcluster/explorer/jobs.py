"""Work that takes longer than a request: done in a thread, asked for again and again until it is done."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

from octcluster.explorer.told_errors import ErrorTeller
from octcluster.model.errors import NotThere
from octcluster.model.progress import Progress

_SECONDS_TO_END = 15.0


class _Ended(BaseException):
    """The explorer ends, and so does this job."""


class Job:
    """A piece of work, and how far it is.

    Attributes:
        done: Whether it has ended.
        text: What it is at, for people.
        fraction: How much of that is done, 0 to 1.
        error: Why it failed, for people; empty if it did not.
        result: What it found.
    """

    def __init__(self) -> None:
        self.done = False
        self.text = "Starting"
        self.fraction = 0.0
        self.error = ""
        self.result: Any = None


class Jobs:
    """The work of an explorer, each in a thread of its own.

    Args:
        teller: Makes sentences of what goes wrong.
    """

    def __init__(self, teller: ErrorTeller) -> None:
        self._teller = teller
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self._threads: list[threading.Thread] = []
        self._ending = threading.Event()

    def start(self, work: Callable[[Progress], Any]) -> tuple[int, Job]:
        """Starts a piece of work; returns its number, and how far it is."""
        job, number = Job(), next(self._numbers)
        self._jobs[number] = job
        thread = threading.Thread(target=self._do, args=(job, work), name=f"job-{number}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return number, job

    def find(self, number: int) -> Job:
        """A job by its number.

        Raises:
            NotThere: There is none.
        """
        if number not in self._jobs:
            raise NotThere(f"there is no job {number}: it was of an explorer that has ended; begin again")
        return self._jobs[number]

    def close(self) -> None:
        """Ends all work at its next step, and waits for that."""
        self._ending.set()
        for thread in self._threads:
            thread.join(_SECONDS_TO_END)

    def _do(self, job: Job, work: Callable[[Progress], Any]) -> None:
        try:
            job.result = work(_JobProgress(job, self._ending))
        except _Ended:
            job.error = "the explorer has ended"
        except Exception as error:
            job.error = self._teller.tell(error)
        finally:
            job.done = True


class _JobProgress:
    """Progress of a job; raises _Ended where the explorer ends."""

    def __init__(self, job: Job, ending: threading.Event) -> None:
        self._job = job
        self._ending = ending
        self._stage = ""

    def stage(self, name: str, total: int, unit: str) -> None:
        """See Progress.stage."""
        self._stage = name
        self._job.fraction = 0.0
        self._tell(f"{name}, {total:,} {unit}" if total else f"{name} {unit}".rstrip())

    def update(self, done: int, total: int) -> None:
        """See Progress.update."""
        self._job.fraction = done / total if total else 0.0
        self._tell(f"{self._stage}: {done:,} of {total:,}")

    def message(self, text: str) -> None:
        """See Progress.message."""
        self._tell(text)

    def _tell(self, text: str) -> None:
        if self._ending.is_set():
            raise _Ended
        self._job.text = text
