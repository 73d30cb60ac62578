"""Real Dask clusters for tests: a scheduler and workers, each a process, on 127.0.0.1."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from octcluster_clusterer.engine.dask_security import make_security
from octcluster_clusterer.engine.scheduler_place import SchedulerPlace
from processes import free_port

_PROGRAMS = "octcluster_clusterer.dask_programs"


class DaskParts:
    """A scheduler, and workers that come and go."""

    def __init__(self, folder: Path, store: str, files: Sequence[Path] = ()) -> None:
        """Starts the scheduler; ``store`` is a Redis URL or flags; ``files``: authority, certificate, key."""
        self.folder = folder
        self._store = store.split() if store.startswith("--") else [f"--redis-url={store}"]
        self.workers: list[subprocess.Popen[bytes]] = []
        self._flags = [
            f"{flag}={file}"
            for flag, file in zip(("--tls-ca", "--tls-cert", "--tls-key"), files, strict=False)
        ]
        address = f"127.0.0.1:{free_port()}"
        self.place = SchedulerPlace(f"{'tls' if files else 'tcp'}://{address}", *files)
        self.scheduler = self._start("scheduler", f"--listen={address}")

    def start_workers(self, count: int, *flags: str) -> None:
        """Starts so many more, and waits until the scheduler knows all of them."""
        where = (f"--scheduler={self.place.address}", *self._store)
        self.workers += [self._start("worker", *where, *flags) for _ in range(count)]
        from distributed import Client

        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                with Client(
                    self.place.address, security=make_security(self.place), timeout=5, set_as_default=False
                ) as client:
                    client.wait_for_workers(len(self.workers), timeout=60)
                return
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def stop_workers(self, left: int = 0) -> None:
        """Ends workers in order, all but the first ones."""
        for worker in self.workers[left:]:
            worker.terminate()
        for worker in self.workers[left:]:
            worker.wait(timeout=30)
        del self.workers[left:]

    def kill_worker(self, number: int) -> None:
        """Kills the process that computes; the one that watches it starts another."""
        for process in psutil.Process(self.workers[number].pid).children(recursive=True):
            if "spawn_main" in " ".join(process.cmdline()):
                process.send_signal(signal.SIGKILL)

    @property
    def log(self) -> str:
        return "\n".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        self.stop_workers()
        if self.scheduler.poll() is None:
            self.scheduler.terminate()
        self.scheduler.wait(timeout=30)

    def _start(self, part: str, *flags: str) -> subprocess.Popen[bytes]:
        number = len(list(self.folder.glob("*.log")))
        with (self.folder / f"{number}-{part}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"{_PROGRAMS}.{part}", *self._flags, *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )


@contextmanager
def running_parts(folder: Path, store: str, files: Sequence[Path] = ()) -> Iterator[DaskParts]:
    """Runs a scheduler, and workers as they are started, until the block ends."""
    with ExitStack() as stack:
        parts = DaskParts(folder, store, files)
        stack.callback(parts.stop)
        yield parts
