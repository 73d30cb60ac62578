"""A Dask cluster whose workers call functions of this package: the one file that knows ``distributed``.

Workers are those of ``octcluster-dask-worker``, on machines that have this package as well. What is sent to
them goes through the scheduler: no secret may be in it. A function that raises would have the worker log its
arguments: the functions return what went wrong.
"""

import importlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Any, Self, TypeVar

from octcluster.clients.security import is_local_address
from octcluster.model.errors import DaskUnavailable, InvalidArguments

T = TypeVar("T")
R = TypeVar("R")

_CONNECT_SECONDS = 10
_POLL_SECONDS = 2.0
_WORKERS_SECONDS = 60.0
_TASKS_A_THREAD = 2
_AWAY = "check that octcluster-dask-scheduler runs there, and the certificates"
_LOST = "the Dask scheduler at {} was lost: start it again, then the same command; what is stored is kept"
_NO_WORKER = (
    f"the Dask scheduler at {{}} has had no worker for {_WORKERS_SECONDS:.0f} s: start octcluster-dask-worker"
)
_KILLED = (
    "several Dask workers ended at the same part of the images: see their logs; the usual reason is too "
    "little memory (--memory-limit of octcluster-dask-worker)"
)
_NOT_OURS = "a Dask worker lacks this package, or has another version: install the same on all machines"


@dataclass(frozen=True)
class DaskPlace:
    """Where a Dask scheduler is.

    Attributes:
        address: ``tls://HOST:PORT``, or ``tcp://HOST:PORT`` on this machine.
        ca: Authority of the certificates of all parts of the cluster, PEM; None without TLS, as are:
        cert: Own certificate, PEM.
        key: Its private key, PEM.
    """

    address: str
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def check(self) -> None:
        """Raises InvalidArguments if others could read what is sent, or certificates are missing."""
        protocol, _, host = self.address.partition("://")
        files = (self.ca, self.cert, self.key)
        if protocol not in ("tls", "tcp") or ":" not in host:
            raise InvalidArguments(
                f"--dask-scheduler {self.address}: write tls://HOST:PORT, or tcp://HOST:PORT on this machine"
            )
        if any(files) != all(files) or (protocol == "tls") != any(files):
            raise InvalidArguments("tls:// and --dask-ca, --dask-cert, --dask-key need each other: give all")
        if protocol == "tcp" and not is_local_address(host):
            raise InvalidArguments(
                f"--dask-scheduler {self.address}: names of files would cross the network in plain text, and "
                "anybody there could run code on the workers; use tls:// and certificates"
            )
        for file in files:
            if file is not None and not file.is_file():
                raise InvalidArguments(f"{file}: there is no such file")


class DaskTasks:
    """A connection to a scheduler, for one job."""

    def __init__(self, place: DaskPlace) -> None:
        """Connects.

        Args:
            place: Where the scheduler is.

        Raises:
            DaskUnavailable: The scheduler cannot be reached.
        """
        distributed = _import_distributed()
        self._place = place
        security = distributed.Security(
            require_encryption=place.ca is not None,
            tls_ca_file=place.ca and str(place.ca),
            tls_client_cert=place.cert and str(place.cert),
            tls_client_key=place.key and str(place.key),
        )
        try:
            self._client = distributed.Client(
                place.address, security=security, timeout=_CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise DaskUnavailable(
                f"the Dask scheduler at {place.address} cannot be reached: {_AWAY}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close(timeout=_CONNECT_SECONDS)

    def map(
        self, function: Callable[[T], R], items: Iterable[T], on_wait: Callable[[str], None]
    ) -> Iterator[tuple[T, R]]:
        """Has workers call a function with each item; reads items as there is room for them.

        Args:
            function: A function of this package that raises nothing.
            items: What to call it with.
            on_wait: Told in a sentence that there is no worker.

        Yields:
            Items with their results, as they are ready.

        Raises:
            DaskUnavailable: The scheduler was lost, or has no worker for long.
        """
        items, pending, is_more = iter(items), dict[Any, T](), True
        done = Queue[Any]()
        while is_more or pending:
            room = _TASKS_A_THREAD * self._await_threads(on_wait) - len(pending)
            while is_more and room > 0:
                try:
                    item = next(items)
                except StopIteration:
                    is_more = False
                    break
                future = self._client.submit(function, item, pure=False)
                pending[future] = item
                future.add_done_callback(done.put)
                room -= 1
            if pending:
                with suppress(Empty):
                    future = done.get(timeout=_POLL_SECONDS)
                    yield pending.pop(future), self._result(future)

    def _result(self, future: Any) -> Any:
        distributed = _import_distributed()
        try:
            return future.result(timeout=_CONNECT_SECONDS)
        except (distributed.KilledWorker, MemoryError) as error:
            raise DaskUnavailable(_KILLED) from error
        except (CancelledError, OSError, TimeoutError) as error:
            raise DaskUnavailable(_LOST.format(self._place.address)) from error
        except (ImportError, AttributeError, TypeError) as error:
            raise DaskUnavailable(_NOT_OURS) from error

    def _await_threads(self, on_wait: Callable[[str], None]) -> int:
        """The number of threads of all workers, once there is one."""
        threads = 0
        deadline = time.monotonic() + _WORKERS_SECONDS
        while True:
            try:
                threads = sum(self._client.nthreads().values())
            except (OSError, TimeoutError, RuntimeError) as error:
                raise DaskUnavailable(_LOST.format(self._place.address)) from error
            if threads or self._client.status != "running":
                break
            if time.monotonic() > deadline:
                raise DaskUnavailable(_NO_WORKER.format(self._place.address))
            on_wait("waiting for a Dask worker")
            time.sleep(_POLL_SECONDS)
        if not threads:
            raise DaskUnavailable(_LOST.format(self._place.address))
        return threads


def _import_distributed() -> Any:
    """The library, which comes with an extra and takes a second."""
    return importlib.import_module("distributed")
