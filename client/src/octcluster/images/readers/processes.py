"""Reads source files in processes of their own, each with a limit on time and memory.

    program ── Task(file, numbers) ──▶ worker      one process a processor, as long as there is work
            ◀── Answer, Answer, Done ──            one scan at a time: a pipe holds few, so memory stays flat

A worker that crashes, or takes too long, is ended and costs the scan that it was at; the rest of its file
goes to another one, once. See docs/decisions/0024-read-source-files-in-processes.md.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TypeVar

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.messages import Answer, Begun, Done, Task
from octcluster.images.readers.reader import SourceFile

R = TypeVar("R")

SECONDS_A_STEP = 10.0
"""For a look into a file, and for each scan."""
_SECONDS_TO_START = 60.0
_WORKERS_A_FILE = 2
_SCANS_A_PART = 16
_CURE = "the file is damaged, copy or export it again from its source"
_CRASHED = f"its reader crashed, or needed too much memory: {_CURE}"
_TOO_SLOW = f"its reader took more than {SECONDS_A_STEP:.0f} s: {_CURE}"
_NOT_STARTED = "no process could be started to read it: free some memory and run again"


_kept: list["_Worker"] | None = None


@contextlib.contextmanager
def kept_workers() -> Iterator[None]:
    """Keeps idle workers from one call to the next within a block, and ends them after it."""
    global _kept
    before, _kept = _kept, []
    try:
        yield
    finally:
        workers, _kept = _kept, before
        for worker in workers:
            worker.end()


def look_into(paths: Sequence[Path]) -> Iterator[tuple[int, SourceFile | UnreadableImage]]:
    """Looks what source files hold, several at a time.

    Args:
        paths: The files.

    Yields:
        Position of each file and what it holds, or why it cannot be read; in any order.
    """
    tasks = [_Job(Task(path), position) for position, path in enumerate(paths)]
    for job, answer in _work(tasks):
        yield job.position, answer.value


def read_scans(
    files: Iterable[tuple[Path, Sequence[int]]], use: Callable[[bytes], R]
) -> Iterator[tuple[Path, int, R | UnreadableImage]]:
    """Reads scans of source files, several files at a time.

    Args:
        files: Each file with the numbers of its scans, from 1.
        use: What to make of the encoding of a scan, in the process that reads it: a function of a module, for
            its name is sent there.

    Yields:
        File, number, and what was made of the scan or why it cannot be read; in any order.
    """
    jobs = [_Job(Task(path, numbers, use)) for path, numbers in _split(list(files))]
    for job, answer in _work(jobs):
        yield job.task.path, answer.number, answer.value


def _split(files: Sequence[tuple[Path, Sequence[int]]]) -> Iterator[tuple[Path, Sequence[int]]]:
    """Cuts files into parts where there are less of them than processors."""
    parts = -(-_count_workers() // max(1, len(files)))
    for path, numbers in files:
        size = max(_SCANS_A_PART, -(-len(numbers) // parts))
        for start in range(0, len(numbers), size):
            yield path, numbers[start : start + size]


def _count_workers() -> int:
    return os.cpu_count() or 1


@dataclass(frozen=True)
class _Job:
    """A task, which of the caller's files it is for, and how many workers its file has cost."""

    task: Task
    position: int = 0
    crashes: int = 0


def _work(jobs: Iterable[_Job]) -> Iterator[tuple[_Job, Answer]]:
    """Gives jobs to workers and yields their answers; ends the workers when it is left."""
    waiting = deque(jobs)
    idle: list[_Worker] = [] if _kept is None else _kept
    busy: dict[Connection, _Worker] = {}
    try:
        while waiting or busy:
            busy |= _begin_jobs(waiting, idle, _count_workers() - len(busy))
            if not busy:
                yield from _refuse(waiting)
                return
            ready = wait(list(busy), _seconds_left(busy.values()))
            # Who has answered is in time, however long the caller took to come back.
            late = [worker for pipe, worker in busy.items() if pipe not in ready and worker.is_late()]
            for worker in late:
                yield from _give_up(busy.pop(worker.pipe), _TOO_SLOW, waiting)
            for worker in [busy[pipe] for pipe in ready if isinstance(pipe, Connection)]:
                match worker.receive():
                    case Answer() as answer:
                        yield worker.job, answer
                    case Done():
                        idle.append(busy.pop(worker.pipe))
                    case None:
                        reason = _CRASHED if worker.has_begun else _NOT_STARTED
                        yield from _give_up(busy.pop(worker.pipe), reason, waiting)
    finally:
        for worker in [*busy.values(), *(idle if _kept is None else ())]:
            worker.end()


def _begin_jobs(waiting: deque[_Job], idle: list["_Worker"], most: int) -> dict[Connection, "_Worker"]:
    """Gives jobs to workers by their pipes, as many as wait, are wanted and can be started."""
    begun: dict[Connection, _Worker] = {}
    while waiting and len(begun) < most:
        try:
            worker = idle.pop() if idle else _Worker()
        except OSError:
            break  # the system has no room for one more
        worker.begin(waiting.popleft())
        begun[worker.pipe] = worker
    return begun


def _seconds_left(workers: Iterable["_Worker"]) -> float:
    return max(0.0, min(worker.deadline for worker in workers) - time.monotonic())


def _give_up(worker: "_Worker", reason: str, waiting: deque[_Job]) -> Iterator[tuple[_Job, Answer]]:
    """Ends a worker; the scan that it was at is lost, and the others of its file get one more worker."""
    worker.end()
    job, lost = worker.job, list(worker.left)
    has_another = job.crashes + 1 < _WORKERS_A_FILE
    if not worker.has_begun and has_another:  # it was no fault of the file
        waiting.appendleft(replace(job, crashes=job.crashes + 1))
        return
    if has_another and len(lost) > 1:
        waiting.appendleft(replace(job, task=replace(job.task, numbers=lost[1:]), crashes=job.crashes + 1))
        lost = lost[:1]
    for number in lost or [0]:
        yield job, Answer(UnreadableImage(reason), number)


def _refuse(jobs: Iterable[_Job]) -> Iterator[tuple[_Job, Answer]]:
    """Answers for what no process could be started."""
    for job in jobs:
        for number in job.task.numbers or [0]:
            yield job, Answer(UnreadableImage(_NOT_STARTED), number)


class _Worker:
    """A process that reads files, and the job that it is at.

    Attributes:
        pipe: To the process.
        job: What it was given last.
        left: Numbers of the scans that it has not answered for.
        deadline: When its next message must have come, by the monotonic clock.
        has_begun: Whether its reader is at the file.
    """

    def __init__(self) -> None:
        self.pipe, theirs = Pipe()
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            # Files are read side by side: threads of numeric libraries would only be in each other's way.
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        with theirs:
            self._program = subprocess.Popen(
                [sys.executable, "-P", "-m", "octcluster.images.readers.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # libraries print, and what they print may name patients
                stderr=subprocess.DEVNULL,
                env=environment,
            )

    def begin(self, job: _Job) -> None:
        """Hands over a job."""
        self.job, self.left, self.has_begun = job, deque(job.task.numbers), False
        self.deadline = time.monotonic() + _SECONDS_TO_START
        with contextlib.suppress(OSError):  # if it has gone, receive tells
            self.pipe.send(job.task)

    def receive(self) -> Answer | Done | Begun | None:
        """Takes the next message; None: the process has gone."""
        try:
            message: Answer | Done | Begun = self.pipe.recv()
        except (EOFError, OSError):
            return None
        self.has_begun = self.has_begun or isinstance(message, Begun)
        if isinstance(message, Answer) and self.left:
            self.left.popleft()
        self.deadline = time.monotonic() + SECONDS_A_STEP
        return message

    def is_late(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() >= self.deadline

    def end(self) -> None:
        """Ends the process, whatever it is at."""
        self.pipe.close()
        self._program.kill()
        self._program.wait()
