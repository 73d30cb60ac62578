"""What the gateway counts, for Prometheus. No label takes what a peer sends."""

from octcluster_serving.metrics import ServerMetrics

from octcluster_gateway.model import State

PREFIX = "octcluster_gateway"


class GatewayMetrics(ServerMetrics):
    """The metrics of one gateway. Its methods may be called from any thread."""

    def __init__(self) -> None:
        super().__init__(PREFIX)
        self._refused = self._counter("refused_connections", "Connections that were refused", "reason")
        self._instances = self._gauge("instances", "Objects in the spool", "state")
        self._oldest = self._gauge("oldest_pending_seconds", "Age of the oldest object that waits, 0 if none")
        self._free = self._gauge("spool_free_bytes", "What is free on the disk of the spool")
        self._outgoing = self._gauge("outgoing_waiting", "Reports and copies that wait to be sent", "kind")
        self._processed = self._counter("processed", "Objects that were processed", "outcome")
        self._process_seconds = self._histogram("process_seconds", "From the begin of processing to its end")

    def count_refused(self, reason: str) -> None:
        """Counts a connection that was refused: one of the program's own reasons, up to its details."""
        self._refused.labels(reason.partition(" (")[0]).inc()

    def count_processed(self, outcome: str, seconds: float) -> None:
        """Counts an attempt to process an object: its outcome and its duration."""
        self._processed.labels(outcome).inc()
        self._process_seconds.observe(seconds)

    def tell_spool(self, counts: dict[State, int], oldest_seconds: float, free_bytes: int) -> None:
        """Notes what the spool holds, how old the oldest waiting object is, and what is free on its disk."""
        for state, count in counts.items():
            self._instances.labels(state.value).set(count)
        self._oldest.set(oldest_seconds)
        self._free.set(free_bytes)

    def tell_outgoing(self, kind: str, waiting: int) -> None:
        """Notes how many of what goes out wait: ``reports`` or ``copies``."""
        self._outgoing.labels(kind).set(waiting)
