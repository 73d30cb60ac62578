"""What every server counts and times, as Prometheus reads it.

Labels take few values, all of them the program's own words: nothing that a client sends becomes a label.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from octcluster_serving.addresses import split_address
from octcluster_serving.errors import CannotListen
from octcluster_serving.settings import TlsFiles

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class ServerMetrics:
    """The metrics of one server; a service adds its own. Its methods may be called from any thread.

    Args:
        prefix: With what every name begins.

    Attributes:
        registry: Holds the metrics, and those of the process itself, for whoever serves them.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._requests = self._counter("requests", "Calls that ended", "method", "code")
        self._request_seconds = self._histogram("request_seconds", "From a call's begin to its end", "method")
        self._serving = self._gauge("serving", "1 while the server takes work, else 0")
        # Prometheus's own way from labels to a metric takes as long as the counting.
        self._requests_of = cache(self._requests.labels)
        self._request_seconds_of = cache(self._request_seconds.labels)

    def count_request(self, method: str, code: str, seconds: float) -> None:
        """Counts a call that ended: its method, the name of its gRPC status and its duration."""
        self._requests_of(method, code).inc()
        self._request_seconds_of(method).observe(seconds)

    def tell_serving(self, *, serving: bool) -> None:
        """Notes whether the server takes work."""
        self._serving.set(serving)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{self._prefix}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{self._prefix}_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS
    ) -> Histogram:
        return Histogram(f"{self._prefix}_{name}", text, labels, buckets=buckets, registry=self.registry)


@contextmanager
def serving_metrics(metrics: ServerMetrics, listen: str, tls: TlsFiles | None) -> Iterator[None]:
    """Serves metrics over HTTP, or with a certificate over HTTPS, while the block runs.

    Args:
        metrics: What to serve.
        listen: Address, HOST:PORT.
        tls: What the server speaks TLS with.

    Raises:
        CannotListen: The address is in use or not this machine's.
    """
    host, port = split_address(listen)
    try:
        server, thread = start_http_server(
            port,
            host,
            metrics.registry,
            certfile=str(tls.cert) if tls else None,
            keyfile=str(tls.key) if tls else None,
            client_cafile=str(tls.client_ca) if tls and tls.client_ca else None,
            client_auth_required=tls is not None and tls.client_ca is not None,
        )
    except OSError as error:
        raise CannotListen("--metrics-listen", listen) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
