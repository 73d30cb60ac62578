"""What the server counts and times, as Prometheus reads it.

Every name begins with ``octcluster_clusterer_``. Labels take few values, all of them the program's own words:
nothing that a client sends becomes a label. The dashboard in docs/grafana draws these metrics.
"""

from collections.abc import Callable, Mapping

from octcluster_serving.metrics import ServerMetrics

from octcluster_clusterer.model import Stage

_LONG_SECONDS = (0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 1800, 3600)


class Metrics(ServerMetrics):
    """The metrics of one server. Its methods may be called from any thread."""

    def __init__(self) -> None:
        super().__init__("octcluster_clusterer")
        self._runs = self._counter("runs", "Runs that ended, by how they ended", "state")
        self._queued_runs = self._gauge("queued_runs", "Runs that wait")
        self._queue_seconds = self._histogram("queue_seconds", "Wait of a run", buckets=_LONG_SECONDS)
        self._stage_seconds = self._histogram(
            "stage_seconds", "One stage of a run", "stage", buckets=_LONG_SECONDS
        )
        self._cache_hits = self._counter("cache_hits", "Images asked for that had a vector")
        self._cache_misses = self._counter("cache_misses", "Images asked for that had none")
        self._stored_vectors = self._counter("stored_vectors", "Vectors that were stored")
        self._rejected_vectors = self._counter("rejected_vectors", "Vectors that were refused")
        self._served_vectors = self._counter("served_vectors", "Vectors that were sent to clients")
        self._store_seconds = self._histogram(
            "store_seconds", "One request to Redis, or to the place of the vectors"
        )
        self._store_errors = self._counter("store_errors", "Such requests that were not answered", "reason")
        self._memory_limit = self._gauge("memory_limit_bytes", "Most memory of the process")
        # There from the start, at zero: else Prometheus would not see the first one as an increase.
        for state in ("succeeded", "failed", "cancelled"):
            self._runs.labels(state)
        for reason in ("away", "refused"):
            self._store_errors.labels(reason)

    def tell_memory_limit(self, n_bytes: int) -> None:
        """Notes the most memory that the process may hold."""
        self._memory_limit.set(n_bytes)

    def watch_queue(self, n_runs: Callable[[], int]) -> None:
        """Asks this function for the number of runs that wait, whenever the metrics are read."""
        self._queued_runs.set_function(n_runs)

    def time_queue(self, seconds: float) -> None:
        """Notes how long a run waited."""
        self._queue_seconds.observe(seconds)

    def count_run(self, state: str, stage_seconds: Mapping[Stage, float]) -> None:
        """Counts a run that ended so, and notes how long each of its stages took."""
        self._runs.labels(state).inc()
        for stage, seconds in stage_seconds.items():
            self._stage_seconds.labels(stage).observe(seconds)

    def count_lookup(self, n_found: int, n_missing: int) -> None:
        """Counts images that had a vector in the cache, and those that had none."""
        self._cache_hits.inc(n_found)
        self._cache_misses.inc(n_missing)

    def count_stored(self, n_stored: int, n_rejected: int) -> None:
        """Counts vectors that were stored, and those that were refused."""
        self._stored_vectors.inc(n_stored)
        self._rejected_vectors.inc(n_rejected)

    def count_served(self, n_vectors: int) -> None:
        """Counts vectors that were sent to a client."""
        self._served_vectors.inc(n_vectors)

    def time_store(self, seconds: float, fault: str) -> None:
        """Notes how long a request to a store took, and why it failed; an empty reason if it did not."""
        self._store_seconds.observe(seconds)
        if fault:
            self._store_errors.labels(fault).inc()
