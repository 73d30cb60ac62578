"""What is done to the programs, drawn by a seed, and done when its time has come."""

import os
import random
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from disk import Disk
from jobs import LocalRun
from programs import Stack, marked_processes

SERVERS = ("redis", "clusterer", "embedder")
LOCAL = ("local supervisor", "local valkey", "local clusterer", "local embedder", "local command")
_SIGNS = {
    "local supervisor": "local/supervisor.py",
    "local valkey": "valkey-server",
    "local clusterer": "octcluster_clusterer",
    "local embedder": "octcluster_embedder",
}
# Kind, targets, shortest and longest seconds, weight.
_KINDS = (
    ("kill", SERVERS, 0.0, 5.0, 6),
    ("stop", SERVERS, 0.5, 10.0, 4),
    ("cut", SERVERS, 0.2, 8.0, 4),
    ("stall", SERVERS, 1.0, 12.0, 4),
    ("kill", LOCAL, 0.0, 4.0, 5),
    ("stop", LOCAL[:4], 0.5, 6.0, 2),
    ("fill", ("redis", "outputs"), 2.0, 8.0, 3),
)
_LONG_STALL_SECONDS = 45.0
_LONGEST_WAIT_SECONDS = 30.0
_FIRST_SECONDS = 2.0
_KILLS_UNTIL = 0.65


@dataclass(frozen=True)
class Planned:
    """A fault to come, in seconds from the beginning."""

    at: float
    kind: str
    target: str
    seconds: float


def draw_faults(seed: int, seconds: float) -> list[Planned]:
    """Draws faults that are spread over some time.

    Services are killed in its first two thirds alone: those that live on show whether they grow.
    """
    chance = random.Random(f"faults {seed}")
    weights = [kind[-1] for kind in _KINDS]
    drawn: list[Planned] = []
    at = _FIRST_SECONDS
    while at < seconds:
        kind, targets, shortest, longest, _ = chance.choices(_KINDS, weights)[0]
        target, lasts = chance.choice(targets), chance.uniform(shortest, longest)
        if kind == "stall" and chance.random() < 0.1:
            lasts = _LONG_STALL_SECONDS
        late = at > _KILLS_UNTIL * seconds
        if not (late and kind == "kill" and target in ("clusterer", "embedder")):
            drawn.append(Planned(at, kind, target, min(lasts, seconds - at)))
        at += chance.uniform(1.0, 7.0)
    return drawn


class FaultMaker:
    """Makes the faults come true, several at a time, but one at a time of each target."""

    def __init__(self, stack: Stack, disks: Mapping[str, Disk], local: LocalRun) -> None:
        self._stack = stack
        self._disks = disks
        self._local = local
        self._targets: dict[str, threading.Lock] = {}
        self._threads: list[threading.Thread] = []
        self.errors: list[str] = []

    def run(self, plan: list[Planned]) -> None:
        """Makes all of them, and waits until all is well again."""
        origin = time.monotonic()
        for planned in plan:
            time.sleep(max(0.0, origin + planned.at - time.monotonic()))
            self._stack.measure()
            thread = threading.Thread(target=self._make, args=(planned,), name=f"fault {planned.kind}")
            self._threads.append(thread)
            thread.start()
        for thread in self._threads:
            thread.join()

    def _make(self, planned: Planned) -> None:
        lock = self._targets.setdefault(planned.target, threading.Lock())
        if not lock.acquire(blocking=False):
            return
        try:
            if planned.kind == "fill":
                self._fill(planned)
            elif planned.target in LOCAL:
                self._hit_local(planned)
            elif planned.kind in ("cut", "stall"):
                self._break_link(planned)
            else:
                self._hit_server(planned)
        except Exception as error:
            self.errors.append(f"{planned.kind} {planned.target} went wrong: {type(error).__name__}: {error}")
        finally:
            lock.release()

    def _fill(self, planned: Planned) -> None:
        if (disk := self._disks.get(planned.target)) is None:
            return
        fault = self._stack.log.begin(planned.kind, planned.target)
        deadline = time.monotonic() + planned.seconds
        while time.monotonic() < deadline:  # what is removed meanwhile makes no room
            disk.fill()
            time.sleep(0.1)
        disk.clear()
        if planned.target == "redis":
            time.sleep(1.5)  # Redis tries again once a second
        self._stack.log.end(fault)

    def _break_link(self, planned: Planned) -> None:
        link = self._stack.links[planned.target]
        fault = self._stack.log.begin(planned.kind, planned.target)
        (link.cut if planned.kind == "cut" else link.stall)()
        time.sleep(planned.seconds)
        link.mend()
        self._stack.log.end(fault)

    def _hit_server(self, planned: Planned) -> None:
        program = self._stack.programs[planned.target]
        fault = self._stack.log.begin(planned.kind, planned.target)
        if planned.kind == "kill":
            program.kill()
            time.sleep(planned.seconds)
            program.start()
        else:
            program.send(signal.SIGSTOP)
            time.sleep(planned.seconds)
            program.send(signal.SIGCONT)
        program.wait_until_ready()
        self._stack.log.end(fault)

    def _hit_local(self, planned: Planned) -> None:
        """Hits a server that a command has started, or the command itself, once there is one."""
        found = self._find_local(planned.target)
        if found is None:
            deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
            while self._find_local(planned.target) is None:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.5)
            time.sleep(planned.seconds)  # else it would always be hit at its start
            found = self._find_local(planned.target)
        if found is None:
            return
        fault = self._stack.log.begin(planned.kind, planned.target)
        try:
            if planned.kind == "kill":
                os.kill(found, signal.SIGKILL)
            else:
                os.kill(found, signal.SIGSTOP)
                time.sleep(planned.seconds)
                os.kill(found, signal.SIGCONT)
        except ProcessLookupError:
            pass
        self._stack.log.end(fault)

    def _find_local(self, target: str) -> int | None:
        if target == "local command":
            process = self._local.process
            return process.pid if process is not None and process.poll() is None else None
        servers = {program.process.pid for program in self._stack.programs.values() if program.process}
        found = marked_processes(self._stack.folder)
        sign = _SIGNS[target]
        own = [pid for pid, command in found.items() if pid not in servers and sign in command]
        return own[0] if own else None
