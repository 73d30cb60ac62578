"""Keeps some programs running for one client, and ends them when the client goes away, however it goes.

On Linux they also end when this program is killed itself.

Started as a program of its own, with the standard library alone so that it is up in no time. The client
writes a plan as one line of JSON to its standard input and keeps that open; the end of the file, which the
system causes even when the client is killed, is the sign to stop. Events go to standard output as lines of
JSON:

    {"event": "lock-busy", "holder": ...}                another run has the lock; waiting
    {"event": "lock-timeout", "holder": ...}             waited too long; the end
    {"event": "started"}                                 all programs have been started
    {"event": "ended", "program": ..., "log": ...}       one has ended by itself, with its last lines; the end
    {"event": "refused", "reason": ...}                  the system refused a file or a program; the end
    {"event": "unsaved", "program": ..., "log": ...}     one was ended and did not write the file it keeps
"""

import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

_POLL_SECONDS = 0.1
_LOG_TAIL_BYTES = 4000
_LOG_TAIL_LINES = 12
_PR_SET_PDEATHSIG = 1
_UMASK_OF = {"valkey": 0o077}
"""What it saves, only its user may read."""


_Running = tuple[dict[str, Any], subprocess.Popen[bytes]]


class _Asked(Exception):
    """The client has gone or wants an end."""


def _tell(event: str, **values: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps({"event": event, **values}), flush=True)


def _pause() -> None:
    """Waits a moment; raises _Asked if standard input ends."""
    readable, _, _ = select.select([sys.stdin], [], [], _POLL_SECONDS)
    if readable and not os.read(sys.stdin.fileno(), 4096):
        raise _Asked


def _take_lock(path: str, seconds: float) -> int | None:
    """Returns the descriptor that holds the lock, or None if it was not to be had in time.

    Who has it writes into the file who it is, for those who wait.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + seconds
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                _tell("lock-timeout", holder=_read_holder(descriptor))
                return None
            if not told:
                _tell("lock-busy", holder=_read_holder(descriptor))
                told = True
            _pause()
        else:
            os.ftruncate(descriptor, 0)
            since = time.strftime("%Y-%m-%d %H:%M")
            os.pwrite(descriptor, f"process {os.getppid()}, since {since}".encode(), 0)
            return descriptor


def _read_holder(lock: int) -> str:
    return os.pread(lock, 100, 0).decode(errors="replace") or "which does not say what process it is"


def _end_with(parent: int) -> None:
    """Lets the system end this process when its parent is gone; runs in a program before it begins."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def _start(program: dict[str, Any], folder: Path, lock: int | None) -> subprocess.Popen[bytes]:
    """Starts a program with its log in the folder.

    The programs inherit the lock: should this supervisor be killed, it stays taken until they are gone, too.
    """
    with (folder / f"{program['name']}.log").open("wb") as log:
        return subprocess.Popen(
            program["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=() if lock is None else (lock,),
            umask=_UMASK_OF.get(program["name"], -1),
            preexec_fn=partial(_end_with, os.getpid()) if sys.platform == "linux" else None,  # noqa: PLW1509 - one thread
        )


def _log_tail(name: str, folder: Path) -> str:
    text = (folder / f"{name}.log").read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
    return "\n".join(text.strip().splitlines()[-_LOG_TAIL_LINES:])


def _stop_keeper(keeper: _Running, folder: Path) -> None:
    """Ends the program that keeps a file, and tells if it does not write that file at its end."""
    program, process = keeper
    before = _identify(program["keeps"])
    ended_before = process.poll() is not None
    _stop([keeper])
    if not ended_before and program["keeps"] and _identify(program["keeps"]) == before:
        _tell("unsaved", program=program["name"], log=_log_tail(program["name"], folder))


def _identify(path: str | None) -> tuple[int, int] | None:
    """What tells a file from the one that takes its place; None if there is none."""
    try:
        found = os.stat(path or "")
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _stop(running: Sequence[_Running]) -> None:
    """Asks programs to end, all at once, and makes those end that do not in time."""
    for _, process in running:
        process.terminate()
    for program, process in running:
        try:
            process.wait(program["stop_seconds"])
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _supervise(plan: dict[str, Any], running: list[_Running]) -> None:
    folder = Path(plan["folder"])
    lock = None
    if plan["lock"] is not None:
        lock = _take_lock(plan["lock"], plan["lock_wait_seconds"])
        if lock is None:
            return
    for program in plan["programs"]:
        running.append((program, _start(program, folder, lock)))
    _tell("started")
    while True:
        _pause()
        for program, process in running:
            if process.poll() is not None:
                _tell("ended", program=program["name"], log=_log_tail(program["name"], folder))
                return


def main() -> None:
    """Reads the plan, supervises until asked to stop, then ends the programs, the first one last."""

    def ask(*_: object) -> None:
        raise _Asked

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ask)
    line = sys.stdin.readline()
    if not line:
        return
    plan = json.loads(line)
    running: list[_Running] = []
    try:
        with contextlib.suppress(_Asked):
            _supervise(plan, running)
    except OSError as error:
        _tell("refused", reason=f"{error.strerror} ({error.filename or plan['folder']})")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        _stop(running[1:])
        for keeper in running[:1]:
            _stop_keeper(keeper, Path(plan["folder"]))
        shutil.rmtree(plan["folder"], ignore_errors=True)


if __name__ == "__main__":
    main()
