"""The connection to a Dask scheduler: the one file that turns its faults into ours, in bounded time."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

from distributed import Client, Future, KilledWorker
from distributed.comm.core import CommClosedError

from octcluster_clusterer.engine.blocks import ReportStep
from octcluster_clusterer.engine.dask_security import make_security
from octcluster_clusterer.engine.scheduler_place import SchedulerPlace
from octcluster_clusterer.errors import ClustererError, EngineUnavailable

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 10
_WORKERS_SECONDS = 30.0
"""How long a run waits for a first worker, or for one in place of all that are lost."""
_POLL_SECONDS = 0.2
_BRING_SECONDS = 10.0
_COUNT_SECONDS = 2.0
_AWAY = (
    "the Dask scheduler cannot be reached: check that octcluster-dask-scheduler runs, --dask-scheduler and "
    "the certificates, and start a new run"
)
_LOST = "the Dask scheduler was lost in the middle of the run: start it again, and then a new run"
_NO_WORKER = (
    f"the Dask scheduler has had no worker for {_WORKERS_SECONDS:.0f} s: start octcluster-dask-worker, and "
    "then a new run"
)
_KILLED = (
    "several Dask workers ended, one after the other, while they worked on one block; the usual reason is "
    "too little memory: give them more (--memory-limit of octcluster-dask-worker), or see their logs"
)
_NOT_OURS = (
    "a Dask worker or the scheduler could not do its work: see its log, and install the same packages there "
    "as in the clusterer"
)


class DaskCluster:
    """One run's connection to a scheduler. Each wait is watched, and bounded where there is no worker."""

    def __init__(self, place: SchedulerPlace, report_step: ReportStep) -> None:
        """Connects, and waits for a first worker.

        Args:
            place: Where the scheduler is.
            report_step: Called often; what it raises gets through.

        Raises:
            EngineUnavailable: The scheduler cannot be reached, or no worker comes.
        """
        try:
            self._client = Client(
                place.address,
                security=make_security(place),
                timeout=_CONNECT_SECONDS,
                set_as_default=False,
                name="octcluster-clusterer",
            )
        except (OSError, ValueError, RuntimeError) as error:
            logger.warning("the Dask scheduler cannot be reached: %s", type(error).__name__)
            raise EngineUnavailable(_AWAY) from error
        self._last_worker = time.monotonic()
        self._last_count = 0.0
        try:
            while not self._has_worker():
                report_step()
                time.sleep(_POLL_SECONDS)
        except BaseException:
            self.close()
            raise

    def submit(self, function: Callable[..., Any], *arguments: object, soon: bool = False) -> Any:
        """Has a function of the package called on a worker.

        Args:
            function: The function.
            arguments: May be what this method returned.
            soon: Whether it goes before all that waits: for what makes little of much that workers hold.
        """
        self._check_connected()
        return self._client.submit(function, *arguments, pure=False, priority=int(soon))

    def bring(self, task: Any, report_step: ReportStep) -> Any:
        """Waits for what a function gives, and brings it here.

        Raises:
            ClustererError: The function raised it.
            EngineUnavailable: The cluster cannot do it.
        """
        return self._wait_for(task, report_step, lambda future: future.result(timeout=_BRING_SECONDS))

    def await_task(self, task: Any, report_step: ReportStep) -> None:
        """Waits for what a function gives, and leaves it where it is; raises what ``bring`` raises."""
        self._wait_for(
            task,
            report_step,
            lambda future: future.result(timeout=_BRING_SECONDS) if future.status == "error" else None,
        )

    def tell_workers(self, function: Callable[..., object], *arguments: object) -> None:
        """Has a coroutine function of the package called on all workers, some time; nobody waits for it."""
        self._check_connected()
        self._client.run(function, *arguments, wait=False, on_error="ignore")

    def _wait_for(
        self, future: "Future[Any]", report_step: ReportStep, find: Callable[["Future[Any]"], Any]
    ) -> Any:
        while True:
            report_step()
            self._check_connected()
            self._has_worker()
            try:
                if future.done():
                    return find(future)
                # Several threads wait: not as_current, which changes Dask's settings for all of them.
                future.exception(timeout=_POLL_SECONDS)
            except ClustererError:
                raise
            except TimeoutError:
                # Not done yet, or its worker was lost with it, and another one does it anew.
                if future.status == "error":
                    raise
            except (KilledWorker, MemoryError) as error:
                raise EngineUnavailable(_KILLED) from error
            except (CancelledError, CommClosedError) as error:
                raise EngineUnavailable(_LOST) from error
            except (ImportError, AttributeError, TypeError) as error:
                # What cannot be unpickled there: another version of the package, or none.
                logger.error("Dask: %s", type(error).__name__)
                raise EngineUnavailable(_NOT_OURS) from error

    def close(self) -> None:
        """Gives up all that is at work, and leaves the cluster; harmless when repeated."""
        self._client.close(timeout=_CONNECT_SECONDS)

    def _check_connected(self) -> None:
        if self._client.status != "running":
            raise EngineUnavailable(_LOST)

    def _has_worker(self) -> bool:
        """Whether a worker is there, asked every two seconds; raises once none was for too long."""
        now = time.monotonic()
        if now - self._last_count >= _COUNT_SECONDS:
            self._last_count = now
            try:
                # As scheduler_info asks, but in bounded time: a scheduler may be frozen.
                scheduler: Any = self._client.scheduler
                known = self._client.sync(scheduler.identity, n_workers=0, callback_timeout=_CONNECT_SECONDS)
                n_workers = known["n_workers"]
            except (OSError, TimeoutError, CommClosedError) as error:
                raise EngineUnavailable(_LOST) from error
            if n_workers:
                self._last_worker = now
        if now - self._last_worker > _WORKERS_SECONDS:
            raise EngineUnavailable(_NO_WORKER)
        return self._last_worker == self._last_count
