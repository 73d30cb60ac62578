"""What takes long to make and is kept in the cache: made by a job where it is not there."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from octcluster.explorer.jobs import Job, Jobs
from octcluster.model.progress import Progress

T = TypeVar("T")


class Kept(Generic[T]):
    """Something that is opened where it is kept, and made if it is not.

    Args:
        jobs: Does the making.
        open_kept: Opens it; None: it is not there, or damaged.
        make: Makes it and keeps it.
    """

    def __init__(
        self, jobs: Jobs, open_kept: Callable[[], T | None], make: Callable[[Progress], None]
    ) -> None:
        self._jobs = jobs
        self._open = open_kept
        self._make = make
        self._lock = threading.Lock()
        self._kept: T | None = None
        self._job: Job | None = None

    def find(self) -> T | Job:
        """What is kept; or the job that makes it, which this call may have started.

        A job that has failed is told once; the next call tries again.
        """
        with self._lock:
            if self._kept is None:
                self._kept = self._open()
            if self._kept is not None:
                return self._kept
            job = self._job or self._jobs.start(self._make)[1]
            self._job = None if job.done else job
            return job
