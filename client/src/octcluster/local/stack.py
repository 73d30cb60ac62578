"""The local servers: an embedder, a clusterer and a real Valkey server that live as long as one run.

They listen on Unix sockets in a private temporary folder. One supervisor process owns them and ends them
when this process goes away, even if it is killed; see supervisor.py. What outlives the run is the cache
folder: the vectors and finished runs, which Valkey saves at its end and every two minutes, and the
embedder's converted models.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

from octcluster.images.keys import SECRET_VARIABLE
from octcluster.local.dump import FILE_NAME, explain_unsaved, find_dump_fault, set_aside
from octcluster.local.failures import explain_end
from octcluster.local.options import LocalStackOptions, default_cache_dir
from octcluster.local.private_folders import close_folder, make_private_folder
from octcluster.local.programs import check_installed, clusterer_command, embedder_command, valkey_command
from octcluster.model.errors import CacheDirectoryBusy, LocalStackError
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


class LocalStack:
    """The running services, started at the beginning of a ``with`` block and ended at its end.

    Attributes:
        embedder_address: Address of the embedder, empty if there is none.
        clusterer_address: Address of the clusterer, empty if there is none.
        unsaved: After the end, why vectors and runs were not kept, for people; empty if they were.
    """

    def __init__(self, options: LocalStackOptions, progress: Progress) -> None:
        """Prepares the start; nothing runs yet."""
        self._options = options
        self._progress = progress
        self._cache_dir = (options.cache_dir or default_cache_dir()).absolute()
        self._dump = self._cache_dir / "vectors" / FILE_NAME
        self._failure: LocalStackError | None = None
        self._notice: str | None = None
        self._started = threading.Event()
        self.embedder_address = ""
        self.clusterer_address = ""
        self.unsaved = ""

    def __enter__(self) -> Self:
        """Starts the services and returns at once; wait_until_started and check tell what became of it.

        Raises:
            ExtraNotInstalled: The services are not installed.
            LocalStackError: The cache folder cannot be used.
        """
        check_installed(self._options)
        if self._options.clusterer and self._options.renew_cache:
            self._renew()
        self._folder = _private_folder()
        plan = self._plan(self._folder)
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
            shutil.rmtree(self._folder, ignore_errors=True)  # a supervisor that was killed has left it

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
                    f"the services of this run did not come up within {START_SECONDS:.0f} s, and gave no"
                    " reason: look at the load of this machine, then try again"
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
                programs.append(self._plan_valkey(folder))
                command = clusterer_command(self.clusterer_address, folder, options.store_url)
                programs.append(_program("clusterer", command))
            if options.embedder:
                self.embedder_address = f"unix:{folder}/embedder.sock"
                models = self._cache_dir / "models"
                make_private_folder(models)
                programs.append(
                    _program("embedder", embedder_command(self.embedder_address, models, options))
                )
        except LocalStackError:
            folder.rmdir()
            raise
        except OSError as error:
            folder.rmdir()
            raise LocalStackError(
                f"the cache folder {self._cache_dir} cannot be used: name another one with --cache-dir"
                f" ({error})"
            ) from error
        return {
            "folder": str(folder),
            "lock": str(self._cache_dir / "lock") if options.clusterer and not options.store_url else None,
            "lock_wait_seconds": options.lock_wait_seconds,
            "programs": programs,
        }

    def _plan_valkey(self, folder: Path) -> dict[str, Any]:
        if self._options.store_url is not None:  # nothing in it outlives the services
            return _program("valkey", valkey_command(folder, folder / FILE_NAME))
        self._make_vectors_folder()
        return {**_program("valkey", valkey_command(folder, self._dump)), "keeps": str(self._dump)}

    def _make_vectors_folder(self) -> None:
        """The folder of the vector cache, which nobody else may look into, nor change: it is loaded whole."""
        folder = self._dump.parent
        make_private_folder(folder)
        try:
            if close_folder(folder):
                self._progress.message(
                    f"other users could look into {folder}, which holds vectors of patients' images: it is "
                    "yours alone now (mode 700)"
                )
        except OSError as error:
            raise LocalStackError(
                f"other users can look into {folder}, which holds vectors of patients' images, and that "
                f"cannot be changed ({error.strerror}): have its owner run 'chmod 700 {folder}', or name "
                "another folder with --cache-dir"
            ) from error

    def _renew(self) -> None:
        """Sets a damaged file of vectors and runs aside."""
        fault = find_dump_fault(self._dump)
        if fault is None or not fault.damaged:
            return
        try:
            aside = set_aside(self._dump)
        except OSError as error:
            raise LocalStackError(f"{self._dump} cannot be set aside: {error.strerror}") from error
        self._progress.message(
            f"{self._dump} is damaged: the cache begins anew, the file is now {aside.name}"
        )

    def _listen(self) -> None:
        """Turns the supervisor's events into state; runs in a thread until the supervisor has ended."""
        for line in self._supervisor.stdout or ():
            message = json.loads(line)
            match message["event"]:
                case "started":
                    self._started.set()
                case "lock-busy":
                    self._notice = (
                        f"another run uses the cache folder {self._cache_dir} ({message['holder']}): waiting"
                        " for it to end (another --cache-dir would avoid this)"
                    )
                case "lock-timeout":
                    self._failure = CacheDirectoryBusy(
                        f"another run ({message['holder']}) has used the cache folder {self._cache_dir} for"
                        f" {self._options.lock_wait_seconds:.0f} s: wait for it to end, or name another"
                        " folder with --cache-dir"
                    )
                case "ended":
                    told = explain_end(message["program"], message["log"], self._dump)
                    self._failure = LocalStackError(told)
                case "refused":
                    self._failure = LocalStackError(
                        f"the services of this run cannot be started: {message['reason']}; mend that, or "
                        "name another folder with --cache-dir"
                    )
                case "unsaved":
                    self.unsaved = explain_unsaved(self._dump, message["log"])
        if self._failure is None:
            self._failure = LocalStackError(
                "the services of this run have ended and gave no reason: start it again"
            )
        self._started.set()


def _private_folder() -> Path:
    """A new folder for this user alone, with a path that is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="octcluster-"))
    if len(str(folder)) + len("/clusterer.sock") > _LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="octcluster-", dir="/tmp"))
    return folder


def _program(name: str, command: list[str]) -> dict[str, Any]:
    stop_seconds = _SAVE_SECONDS if name == "valkey" else _SERVICE_STOP_SECONDS
    return {"name": name, "command": command, "stop_seconds": stop_seconds, "keeps": None}
