"""A run in the memory of the server: what is known of it, how far it is, and whether it shall stop."""

import logging
import threading
from dataclasses import dataclass, field, replace

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


@dataclass(eq=False)
class LiveRun:
    """A run in memory. Each attribute is replaced as a whole, so that it can be read at any time."""

    spec: RunSpec
    members: Members
    fingerprint: str
    status: RunStatus
    result: RunResult | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    deleted: bool = False
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
            try:
                not_kept = store.save(self.record(status))
                if self.deleted:
                    store.delete(status.run_id)
            except StoreUnavailable as error:
                logger.warning("run %s: kept in memory only: %s", status.run_id, error)
                return f"{_ONLY_HERE}: {error}"
            except Exception as error:
                # The worker goes on whatever happens here.
                logger.error("run %s: kept in memory only: %s", status.run_id, describe_fault(error))
                return f"{_ONLY_HERE}: it could not be saved, see the log of the clusterer"
        if not_kept:
            logger.warning("run %s: Redis may lose it: %s", status.run_id, not_kept)
        return not_kept
