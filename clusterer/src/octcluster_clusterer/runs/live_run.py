"""A run in the memory of the server: what is known of it, how far it is, and whether it shall stop."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from octcluster_serving.logs import describe_fault

from octcluster_clusterer.errors import RunCancelled, StoreUnavailable
from octcluster_clusterer.model import Members, RunSpec, Stage
from octcluster_clusterer.preparation.units import gather_units
from octcluster_clusterer.runs.records import RunRecord, RunResult, RunState, RunStatus
from octcluster_clusterer.runs.run_store import RunStore

logger = logging.getLogger(__name__)

_NO_KEYS = np.empty((0, 32), dtype=np.uint8)
_ONLY_HERE = "only the memory of the clusterer has the run, which is lost when the clusterer ends"
_MOST_UNSAVED = 64


@dataclass(eq=False)
class LiveRun:
    """A run in memory. Each attribute is replaced as a whole, so that it can be read at any time.

    ``only_here`` says that the run has ended, and Redis was away when it was to take that.
    """

    spec: RunSpec
    members: Members
    fingerprint: str
    status: RunStatus
    result: RunResult | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    deleted: bool = False
    only_here: bool = False
    _saving: threading.Lock = field(default_factory=threading.Lock)
    _saved_end: bool = False

    def record(self, status: RunStatus) -> RunRecord:
        """What is known of the run, with this status."""
        succeeded = status.state is RunState.SUCCEEDED
        result = self.result if succeeded else None
        keys = gather_units(self.members).image_keys if succeeded else _NO_KEYS
        return RunRecord(status, self.spec, self.fingerprint, keys, result)

    def report(self, stage: Stage, done: int, total: int) -> None:
        """Notes how far the run is; raises RunCancelled if it shall stop."""
        if self.cancelled.is_set():
            raise RunCancelled("the run was asked to stop")
        if self.status.stage is not stage:
            logger.info("run %s: %s", self.spec.run_id, stage)
        self.status = replace(self.status, stage=stage, stage_done=done, stage_total=total)

    def end(self, status: RunStatus) -> None:
        """Ends the run so; of its units, a result needs the keys alone."""
        self.status = status
        keys = gather_units(self.members).image_keys if status.state is RunState.SUCCEEDED else _NO_KEYS
        self.members = Members(keys, None)

    def save(self, store: RunStore, status: RunStatus) -> str:
        """Keeps the run with this status, unless it was deleted, or its end is saved already.

        Returns:
            Why Redis may not keep it, for people; empty if all went well.
        """
        with self._saving:
            if self.deleted or (self._saved_end and not status.state.ended):
                return ""
            self._saved_end = status.state.ended
            self.only_here = False
            try:
                not_kept = store.save(self.record(status))
                if self.deleted:
                    store.delete(status.run_id)
            except StoreUnavailable as error:
                logger.warning("run %s: kept in memory only: %s", status.run_id, error)
                self.only_here = status.state.ended
                return f"{_ONLY_HERE}: {error}"
            except Exception as error:
                # The worker goes on whatever happens here.
                logger.error("run %s: kept in memory only: %s", status.run_id, describe_fault(error))
                return f"{_ONLY_HERE}: it could not be saved, see the log of the clusterer"
        if not_kept:
            logger.warning("run %s: Redis may lose it: %s", status.run_id, not_kept)
        return not_kept


def find_unsaved(runs: Mapping[str, LiveRun]) -> list[LiveRun]:
    """The runs whose end Redis has not taken yet."""
    return [run for run in runs.values() if run.only_here]


def save_again(unsaved: Sequence[LiveRun], store: RunStore) -> None:
    """Saves runs that Redis could not take when they ended, until one of them fails again."""
    for run in unsaved:
        not_kept = run.save(store, replace(run.status, not_kept_reason=""))
        run.status = replace(run.status, not_kept_reason=not_kept if run.result else "")
        if run.only_here:
            return
        logger.info("run %s: saved after all", run.spec.run_id)


def forget_ended(runs: dict[str, LiveRun], most: int) -> None:
    """Forgets all but the newest runs that have ended; of those that only memory has, it keeps more."""
    ended = [run for run in runs.values() if run.status.state.ended]
    saved = [run for run in ended if not run.only_here]
    for run in (*saved[:-most], *find_unsaved(runs)[:-_MOST_UNSAVED]):
        del runs[run.spec.run_id]


def log_end(status: RunStatus) -> None:
    """Says in the log how a run has ended."""
    seconds = (datetime.now(UTC) - status.created).total_seconds()
    code = f" ({status.error.code})" if status.error else ""
    logger.info("run %s: %s%s after %.1f s", status.run_id, status.state, code, seconds)
