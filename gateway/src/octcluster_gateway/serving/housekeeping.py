"""What is done every few seconds: the state of the spool as metrics, and files that need not stay."""

import threading
import time
from collections.abc import Sequence

from octcluster_gateway.audit.events import Patient
from octcluster_gateway.metrics import GatewayMetrics
from octcluster_gateway.processing.accounting import account_removals
from octcluster_gateway.processing.worker import Names
from octcluster_gateway.spool.entries import Entry
from octcluster_gateway.spool.outbox import COPIES, REPORTS, count_waiting
from octcluster_gateway.spool.retention import remove_processed
from octcluster_gateway.spool.spool import Spool

_INTERVAL_SECONDS = 2.0


class Housekeeping:
    """Keeps one spool in order, until it is stopped.

    Args:
        spool: The spool.
        keep_days: How long the files of processed objects stay.
        names: Who is behind pseudonyms, and the audit log, which is told what is removed.
        ae_title: AE title of the gateway.
        metrics: Is told what the spool holds.
    """

    def __init__(
        self, spool: Spool, keep_days: float, names: Names, ae_title: str, metrics: GatewayMetrics
    ) -> None:
        self._spool = spool
        self._keep_days = keep_days
        self._names = names
        self._ae_title = ae_title
        self._metrics = metrics
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Asks ``run`` to return."""
        self._stopping.set()

    def run(self) -> None:
        """Works until ``stop`` is called."""
        while True:
            remove_processed(self._spool, self._keep_days, self._account)
            self._tell()
            if self._stopping.wait(_INTERVAL_SECONDS):
                return

    def _account(self, removed: Sequence[Entry]) -> None:
        objects = [(entry.instance, self._find_patient(entry)) for entry in removed]
        for event in account_removals(objects, self._ae_title):
            self._names.audit.record(event)

    def _find_patient(self, entry: Entry) -> Patient | None:
        pseudonym = self._spool.index.find_patient(entry.instance.spool_id)
        known = self._names.identities.find(pseudonym) if pseudonym else None
        if known is None:
            return Patient(pseudonym) if pseudonym else None
        return Patient(known.values.get("PatientID", pseudonym), known.values.get("PatientName", ""))

    def _tell(self) -> None:
        index = self._spool.index
        oldest = index.oldest_pending()
        age = 0.0 if oldest is None else max(0.0, time.time() - oldest)
        self._metrics.tell_spool(index.count_states(), age, self._spool.room.free_bytes)
        for kind in (REPORTS, COPIES):
            self._metrics.tell_outgoing(kind.table, count_waiting(index, kind))
