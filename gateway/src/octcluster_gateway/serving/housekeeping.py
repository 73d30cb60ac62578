"""What is done every few seconds: the state of the spool as metrics, and files that need not stay."""

import threading
import time

from octcluster_gateway.metrics import GatewayMetrics
from octcluster_gateway.spool.retention import remove_processed
from octcluster_gateway.spool.spool import Spool

_INTERVAL_SECONDS = 2.0


class Housekeeping:
    """Keeps one spool in order, until it is stopped."""

    def __init__(self, spool: Spool, keep_days: float, metrics: GatewayMetrics) -> None:
        self._spool = spool
        self._keep_days = keep_days
        self._metrics = metrics
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Asks ``run`` to return."""
        self._stopping.set()

    def run(self) -> None:
        """Works until ``stop`` is called."""
        while True:
            remove_processed(self._spool, self._keep_days)
            self._tell()
            if self._stopping.wait(_INTERVAL_SECONDS):
                return

    def _tell(self) -> None:
        index = self._spool.index
        oldest = index.oldest_pending()
        age = 0.0 if oldest is None else max(0.0, time.time() - oldest)
        self._metrics.tell_spool(index.count_states(), age, self._spool.room.free_bytes)
