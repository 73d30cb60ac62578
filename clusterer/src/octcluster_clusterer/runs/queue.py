"""The queue of runs: one at a time, bounded, cancellable, and remembered when it is over."""

import logging
import threading
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime

from octcluster_clusterer.engine.engine import Engine
from octcluster_clusterer.errors import (
    InvalidRequest,
    QueueFull,
    RunNotFinished,
    RunNotFound,
    ServerStopping,
)
from octcluster_clusterer.memory import MemoryAllowance
from octcluster_clusterer.metrics import Metrics
from octcluster_clusterer.model import Members, RunSpec
from octcluster_clusterer.preparation.units import count_units
from octcluster_clusterer.runs.execution import STOPPED, Pipeline, execute, find_fingerprint
from octcluster_clusterer.runs.live_run import LiveRun, find_unsaved, forget_ended, log_end, save_again
from octcluster_clusterer.runs.memory_estimate import check_memory
from octcluster_clusterer.runs.records import RunRecord, RunState, RunStatus, end_interrupted, end_status
from octcluster_clusterer.runs.run_store import RunStore
from octcluster_clusterer.runs.spec_rules import check_spec

logger = logging.getLogger(__name__)

# Ended runs that stay in memory, beside those that Redis has not taken yet.
_REMEMBERED_RUNS = 8
_SAVE_AGAIN_SECONDS = 5.0
# How long a run that was asked to stop at the server's end may take to notice.
_STOP_SECONDS = 5.0
_NOT_FOUND = "no run has this id: it was never started here, was deleted, has expired, or Redis lost it"


class RunQueue:
    """Runs that wait, the one that runs, and those that have ended."""

    def __init__(
        self,
        engine: Engine,
        runs: RunStore,
        pipeline: Pipeline,
        max_queued_runs: int,
        memory: MemoryAllowance,
        metrics: Metrics,
    ) -> None:
        """Starts the worker thread.

        Args:
            engine: Opens the members' vectors.
            runs: Where runs are kept once they have ended.
            pipeline: What a run does with its vectors: ``pipeline.run_pipeline``.
            max_queued_runs: Most runs that wait; one more may be at work.
            memory: What a run may take: one that needs more is refused.
            metrics: Counts and times the runs.
        """
        self._engine = engine
        self._store = runs
        self._pipeline = pipeline
        self._max_queued_runs = max_queued_runs
        self._memory = memory
        self._metrics = metrics
        self._runs: dict[str, LiveRun] = {}
        self._waiting: deque[LiveRun] = deque()
        self._running: LiveRun | None = None
        self._stopping = False
        self._changed = threading.Condition()
        self._worker = threading.Thread(target=self._work, name="run-queue", daemon=True)
        self._worker.start()
        metrics.watch_queue(lambda: len(self._waiting))

    def check(self, spec: RunSpec, n_members: int, n_units: int) -> None:
        """Checks that a run can be done, as far as that is known without its members.

        Raises:
            InvalidRequest: The spec makes no sense, or does not fit the number of members or the memory.
        """
        check_spec(spec, n_members, n_units)
        check_memory(spec, n_members, self._memory, n_units=n_units)

    def start(self, spec: RunSpec, members: Members) -> RunStatus:
        """Queues a run. The same run again changes nothing.

        Returns:
            The run's status.

        Raises:
            InvalidRequest: The spec makes no sense or does not fit the members, or another run has this id.
            QueueFull: As many runs wait as may.
            ServerStopping: The queue takes no more runs.
            StoreUnavailable: The run is not in memory and Redis does not say whether it knows it.
        """
        self.check(spec, len(members), count_units(members))
        fingerprint = find_fingerprint(spec, members)
        stored = None if spec.run_id in self._runs else self._store.read(spec.run_id)
        with self._changed:
            known = self._runs.get(spec.run_id) or stored
            if known is not None and known.fingerprint != fingerprint:
                raise InvalidRequest("another run has this run_id: draw a new one for each run")
            if known is not None and (known is not stored or known.status.state.ended):
                return self._placed(known.status)
            # New, or interrupted: the one who asks for it again wants it done.
            self._check_queue()
            status = RunStatus(spec.run_id, RunState.QUEUED, len(members), created=datetime.now(UTC))
            run = LiveRun(spec, members, fingerprint, status)
            self._runs[spec.run_id] = run
            self._waiting.append(run)
            self._changed.notify_all()
            logger.info("run %s: queued, %d members, %d wait", spec.run_id, len(members), len(self._waiting))
            placed = self._placed(status)
        # Before the answer: a run that the caller knows to be started is known after a crash, too.
        run.save(self._store, status)
        return placed

    def check_queue(self, run_id: str) -> None:
        """Checks, before its members are read, that a run could be queued; one in memory needs no room.

        Raises:
            QueueFull: As many runs wait as may.
            ServerStopping: The queue takes no more runs.
        """
        with self._changed:
            if run_id not in self._runs:
                self._check_queue()

    def status(self, run_id: str) -> RunStatus:
        """Tells where a run stands.

        Raises:
            RunNotFound: No such run.
            StoreUnavailable: The run is not in memory and Redis does not say whether it knows it.
        """
        with self._changed:
            run = self._runs.get(run_id)
            if run is not None:
                return self._placed(run.status)
        return self._stored(run_id).status

    def record(self, run_id: str) -> RunRecord:
        """Returns what is known of a run, with its result if it has succeeded; raises as :meth:`status`."""
        with self._changed:
            run = self._runs.get(run_id)
            if run is not None:
                return run.record(self._placed(run.status))
        return self._stored(run_id)

    def finished_record(self, run_id: str) -> RunRecord:
        """As :meth:`record`, for a run that has succeeded.

        Raises:
            RunNotFinished: The run has no result.
            RunNotFound: No such run.
            StoreUnavailable: The run is not in memory and Redis does not say whether it knows it.
        """
        record = self.record(run_id)
        if record.result is None:
            raise RunNotFinished(
                f"the run has no result, it is {record.status.state}: watch it until it succeeds"
            )
        return record

    def list_statuses(self) -> list[RunStatus]:
        """Returns the status of all runs in memory and in Redis, the newest first.

        Raises:
            StoreUnavailable: Redis does not serve.
        """
        statuses = {one.run_id: one for one in map(end_interrupted, self._store.list_statuses())}
        with self._changed:
            statuses |= {run_id: self._placed(run.status) for run_id, run in self._runs.items()}
        return sorted(statuses.values(), key=lambda status: status.created, reverse=True)

    def cancel(self, run_id: str) -> RunStatus:
        """Ends a waiting run at once and asks a running one to stop; leaves one that has ended as it is.

        Returns:
            The run's status: still running, perhaps, for a moment.

        Raises:
            RunNotFound: No such run.
            StoreUnavailable: The run is not in memory and Redis does not say whether it knows it.
        """
        with self._changed:
            run = self._runs.get(run_id)
            waited = run is not None and self._withdraw(run)
            if run is not None and waited:
                self._end(run, end_status(run.status, RunState.CANCELLED))
        if run is not None and waited:
            run.save(self._store, run.status)
        return self.status(run_id)

    def delete(self, run_id: str) -> None:
        """Forgets a run and its result, after cancelling it if it has not ended; harmless if there is none.

        Raises:
            StoreUnavailable: Redis does not serve, and may still hold the run.
        """
        with self._changed:
            run = self._runs.pop(run_id, None)
            if run is not None:
                run.deleted = True
                self._withdraw(run)
        self._store.delete(run_id)
        logger.info("run %s: deleted", run_id)

    def stop(self, grace_seconds: float) -> None:
        """Takes no more runs, ends those that wait, and lets the one at work finish within grace_seconds."""
        with self._changed:
            self._stopping = True
            waiting = list(self._waiting)
            self._waiting.clear()
            for run in waiting:
                self._end(run, end_status(run.status, RunState.FAILED, STOPPED))
            self._changed.notify_all()
        self._worker.join(grace_seconds)
        # Read once: the worker may come to its end, and clear it, at any moment.
        late = self._running
        if late is not None and self._worker.is_alive():
            logger.warning("run %s: not done in time, asked to stop", late.spec.run_id)
            late.cancelled.set()
            self._worker.join(_STOP_SECONDS)
        ended = [(run, run.status) for run in (*waiting, *find_unsaved(self._runs))]
        if late is not None and self._worker.is_alive():
            ended.insert(0, (late, end_status(late.status, RunState.FAILED, STOPPED)))
        # Once Redis has turned out to be away, the other runs need not wait for it too.
        any(run.save(self._store, status) for run, status in ended)

    def _check_queue(self) -> None:
        """As :meth:`check_queue`; needs the lock."""
        if self._stopping:
            raise ServerStopping("the server is being stopped: start the run again in a moment")
        if len(self._waiting) >= self._max_queued_runs:
            raise QueueFull(
                f"{len(self._waiting)} runs are in the queue, which is full: try again when one has ended"
            )

    def _stored(self, run_id: str) -> RunRecord:
        record = self._store.read(run_id)
        if record is None:
            raise RunNotFound(_NOT_FOUND)
        return replace(record, status=end_interrupted(record.status))

    def _placed(self, status: RunStatus) -> RunStatus:
        """The status with the run's place in the queue; needs the lock."""
        if status.state is not RunState.QUEUED:
            return status
        before = [run.spec.run_id for run in self._waiting].index(status.run_id)
        return replace(status, queue_position=before + (self._running is not None))

    def _withdraw(self, run: LiveRun) -> bool:
        """Asks a run to stop and says whether it was still waiting; needs the lock."""
        run.cancelled.set()
        waited = run in self._waiting
        if waited:
            self._waiting.remove(run)
        return waited

    def _work(self) -> None:
        while self._wait_for_work():
            with self._changed:
                if not self._waiting:
                    continue
                run = self._running = self._waiting.popleft()
                started = datetime.now(UTC)
                run.status = replace(run.status, state=RunState.RUNNING, started=started)
            self._metrics.time_queue((started - run.status.created).total_seconds())
            status = execute(run, self._engine, self._pipeline)
            if status.state is RunState.CANCELLED and self._stopping:
                status = end_status(run.status, RunState.FAILED, STOPPED)
            self._settle(run, status)

    def _wait_for_work(self) -> bool:
        """Waits until a run waits; meanwhile has Redis take what it could not. False: there will be none."""
        with self._changed:
            self._running, unsaved = None, find_unsaved(self._runs)
            pause = _SAVE_AGAIN_SECONDS if unsaved else None
            self._changed.wait_for(lambda: self._waiting or self._stopping, pause)
            goes_on = bool(self._waiting) or not self._stopping
        save_again(unsaved, self._store)
        return goes_on

    def _settle(self, run: LiveRun, status: RunStatus) -> None:
        """Saves and ends a run."""
        if status.state is RunState.SUCCEEDED:
            # Saved before it is reported: who sees that a run has succeeded finds it after a restart, too.
            not_kept = run.save(self._store, status)
            self._end(run, replace(status, not_kept_reason=not_kept))
        else:
            self._end(run, status)
            run.save(self._store, status)

    def _end(self, run: LiveRun, status: RunStatus) -> None:
        with self._changed:
            run.end(status)
            forget_ended(self._runs, _REMEMBERED_RUNS)
        self._metrics.count_run(status.state, run.result.stage_seconds if run.result else {})
        log_end(status)
