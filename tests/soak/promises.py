"""What is promised whatever happens, and who breaks it."""

import fcntl
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fault_log import FaultLog
from programs import Life, Size

_BROKEN_STORE = ("kill redis", "stop redis", "cut redis", "stall redis")
_FULL_STORE = ("fill redis",)
_CLUSTERER = ("kill clusterer", "stop clusterer", "cut clusterer", "stall clusterer")
_EMBEDDER = ("kill embedder", "stop embedder", "cut embedder", "stall embedder")
_LOCAL = ("local valkey", "local clusterer", "local embedder", "local supervisor")
_LOCAL_KILLS = tuple(f"kill {name}" for name in _LOCAL)
_LOCAL_STOPS = tuple(f"stop {name}" for name in _LOCAL)

REASONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # A clusterer that was stopped for longer than it waits for Redis finds its time to be over.
    (
        "vector store does not serve: it (cannot be reached|did not|is still)",
        (*_BROKEN_STORE, "stop clusterer"),
    ),
    ("vector store does not serve: it cannot write to its disk", _FULL_STORE),
    ("the valkey that was started for this run has ended", ("kill local valkey",)),
    ("the clusterer that was started for this run has ended", ("kill local clusterer",)),
    ("the embedder that was started for this run has ended", ("kill local embedder",)),
    ("the services of this run have (been stopped|ended and gave no reason)", ("kill local supervisor",)),
    (r"(no answer from|the call to) the \w+ at unix:", (*_LOCAL_KILLS, *_LOCAL_STOPS)),
    (r"the \w+ at unix:\S* cannot be used now", (*_LOCAL_KILLS, *_LOCAL_STOPS)),
    ("no answer from the embedder|the embedder at .* cannot be used now", _EMBEDDER),
    ("the embedder at .* did not answer in time", _EMBEDDER),
    ("no answer from the clusterer|the clusterer at .* cannot be used now", _CLUSTERER),
    # A call may wait for Redis several times over.
    ("the clusterer at .* did not answer in time", (*_CLUSTERER, *_BROKEN_STORE)),
    # It was queued and acknowledged, and is known to be interrupted.
    ("the server that had it was ended", ("kill clusterer",)),
    ("No space left on device", ("fill outputs",)),
    ("killed, exit code -9", ("kill local command",)),
)
"""What a job may say of its end, and the faults of which one must have been at work then."""

MOST_GROWTH = Size(resident_bytes=100 << 20, files=20, threads=20)
# Redis with ``appendfsync everysec`` may have written nothing for two seconds, while the disk was slow.
_UNWRITTEN_SECONDS = 2.5
# How soon after a fault the clusterer has saved, and Redis written, what it could not meanwhile.
_WRITTEN_AGAIN_SECONDS = 20.0


def find_false_reason(text: str, log: FaultLog, began: float, ended: float) -> str:
    """What is wrong with a reason that a job gave; empty if it is true."""
    for pattern, causes in REASONS:
        if re.search(pattern, text):
            true = log.explains(causes, began, ended)
            return "" if true else f"gave a reason without its cause, which is one of {causes}: {text}"
    return f"ended with what is no reason: {text}"


@dataclass
class Acknowledged:
    """What the services said they hold."""

    began: float
    ended: float
    content: bytes


@dataclass
class Ledger:
    """All that was acknowledged; safe to use from several threads.

    Attributes:
        runs: Results of runs that have succeeded, by id.
        vectors: Vectors that were stored, by image key.
        deleted: When runs were deleted, by id.
    """

    runs: dict[str, Acknowledged] = field(default_factory=dict)
    vectors: dict[bytes, Acknowledged] = field(default_factory=dict)
    deleted: dict[str, float] = field(default_factory=dict)
    named_losses: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note_run(self, run_id: str, began: float, content: bytes) -> None:
        with self.lock:
            self.runs[run_id] = Acknowledged(began, time.monotonic(), content)

    def note_vectors(self, vectors: Iterable[tuple[bytes, bytes]], began: float) -> None:
        with self.lock:
            for key, vector in vectors:
                self.vectors[key] = Acknowledged(began, time.monotonic(), vector)

    def note_deleted(self, run_id: str) -> None:
        with self.lock:
            self.runs.pop(run_id, None)
            self.deleted[run_id] = time.monotonic()

    def judge_loss(self, what: str, held: Acknowledged, log: FaultLog, *, is_run: bool) -> str:
        """What to say of a loss: empty if the durability that was chosen names it."""
        name = name_loss(held, log, is_run=is_run)
        if name:
            with self.lock:
                self.named_losses.append(f"{what}: {name}")
            return ""
        return f"{what} was acknowledged and is lost"


def name_loss(held: Acknowledged, log: FaultLog, *, is_run: bool) -> str:
    """The name of a loss that is known and told in docs/operations.md; empty: there is none."""
    later = log.between(held.ended - 0.5, time.monotonic())
    kills = [fault for fault in later if fault.name == "kill redis"]
    if any(fault.began <= held.ended + _UNWRITTEN_SECONDS for fault in kills):
        return "Redis was killed within two seconds (appendfsync everysec)"
    for fault in log.between(held.began, held.ended):
        until = (fault.ended or time.monotonic()) + _WRITTEN_AGAIN_SECONDS
        if fault.name in _FULL_STORE and any(kill.began <= until for kill in kills):
            return "Redis was killed while its disk was full"
        if is_run and fault.name in (*_BROKEN_STORE, *_FULL_STORE):
            ends = [kill for kill in later if kill.name == "kill clusterer"]
            if any(kill.began <= until for kill in ends):
                return "the clusterer was killed before Redis, which was away, could take the run"
    return ""


def find_growth(lives: Sequence[Life], most: Size = MOST_GROWTH) -> list[str]:
    """Programs that grew while they lived."""
    broken = []
    for life in lives:
        grown = life.growth()
        if grown is not None and (
            grown.resident_bytes > most.resident_bytes
            or grown.files > most.files
            or grown.threads > most.threads
        ):
            broken.append(
                f"{life.program} grew by {grown.resident_bytes >> 20} MiB, {grown.files} files, "
                f"{grown.threads} threads"
            )
    return broken


def find_more(name: str, before: Size, after: Size, most: Size = MOST_GROWTH) -> list[str]:
    """What a program holds more than before, both times at rest."""
    return find_growth([Life(name, 0, 0.0, [before] * 2 + [after] * 4)], most)


def find_orphans(list_processes: Callable[[], dict[int, str]], seconds: float = 15) -> list[str]:
    """Processes that stay when all is over."""
    deadline = time.monotonic() + seconds
    while (left := list_processes()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return [f"process {process} is an orphan: {command}" for process, command in left.items()]


def find_left_files(folders: Sequence[Path]) -> list[str]:
    """What temporary files and folders are left, and unfinished files."""
    left = [path for folder in folders[:1] if folder.is_dir() for path in folder.iterdir()]
    left += [path for folder in folders[1:] for path in folder.rglob("*-part")]
    return [f"{path} was left" for path in left]


def find_held_lock(path: Path) -> list[str]:
    """Whether somebody still has the lock of a cache folder."""
    if not path.exists():
        return []
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return [f"{path} is still held"]
    finally:
        os.close(descriptor)
    return []
