"""What a job tells about its progress, and how long its parts took."""

import contextlib
import threading
import time
from collections.abc import Iterator

from octcluster.model.progress import Progress
from octcluster.model.runs import RunState, RunStatus

_REPEAT_SECONDS = 15.0
_RUN_STAGES = {
    "loading": ("Loading", "vectors"),
    "preparing": ("Preparing", "steps"),
    "clustering": ("Clustering", "clusterings"),
    "scoring": ("Scoring", "images"),
    "trusting": ("Checking reliability", "steps"),
    "mapping": ("Mapping", "rounds"),
    "saving": ("Saving", "results"),
}


class Stages:
    """A job's progress and times; its threads may tell it things at the same time.

    Attributes:
        seconds: Wall-clock time of each part, in the order they first ran.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._told: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Adds the time of the block to a part."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - began

    def begin(self, name: str, total: int, unit: str) -> None:
        """Begins a stage; see Progress.stage."""
        with self._lock:
            self._progress.stage(name, total, unit)

    def update(self, done: int, total: int) -> None:
        """See Progress.update."""
        with self._lock:
            self._progress.update(done, total)

    def message(self, text: str) -> None:
        """Tells a person something; the same text again only after a while."""
        with self._lock:
            now = time.monotonic()
            if now - self._told.get(text, -_REPEAT_SECONDS) >= _REPEAT_SECONDS:
                self._told[text] = now
                self._progress.message(text)


class RunWatcher:
    """Turns the statuses of a run on the clusterer into stages of the job."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._stage = ""
        self._total = 0

    def __call__(self, status: RunStatus) -> None:
        """Takes in one status."""
        if status.state is RunState.QUEUED and status.queue_position > 0:
            self._stages.message(
                f"the run waits in the clusterer's queue, at position {status.queue_position}"
            )
        if self._stage not in ("", status.stage) and status.state in (RunState.RUNNING, RunState.SUCCEEDED):
            # Statuses come a few times a second: the last one of a stage may have been left out.
            self._stages.update(self._total, self._total)
        if status.state is not RunState.RUNNING or status.stage not in _RUN_STAGES:
            return
        if status.stage != self._stage:
            self._stage = status.stage
            name, unit = _RUN_STAGES[status.stage]
            self._stages.begin(name, status.stage_total, unit)
        self._total = status.stage_total
        self._stages.update(status.stage_done, status.stage_total)
