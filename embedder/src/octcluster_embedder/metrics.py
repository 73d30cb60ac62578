"""What the server counts and times, as Prometheus reads it.

Every name begins with ``octcluster_embedder_``. Labels take few values, all of them the program's own words:
nothing that a client sends becomes a label. The dashboard in docs/grafana draws these metrics.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_PREFIX = "octcluster_embedder"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The metrics of one server. Its methods may be called from any thread.

    Attributes:
        registry: Holds the metrics, and those of the process itself, for whoever serves them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._requests = self._counter("requests", "Calls that ended", "method", "code")
        self._request_seconds = self._histogram("request_seconds", "From a call's begin to its end", "method")
        self._items = self._counter("items", "Images that were answered, with a vector or an error")
        self._item_errors = self._counter("item_errors", "Images that were answered with an error", "reason")
        self._received_bytes = self._counter("received_image_bytes", "Encoded bytes of images that came in")
        self._cancelled = self._counter("cancelled_images", "Images dropped because nobody waits for them")
        self._queued_images = self._gauge("queued_images", "Images that wait for a forward pass")
        self._queue_seconds = self._histogram("queue_seconds", "Wait of an image for its forward pass")
        self._batch_images = self._histogram("batch_images", "Images in one forward pass", buckets=_IMAGES)
        self._decode_seconds = self._histogram("decode_seconds", "Decoding and measuring of one image")
        self._inference_seconds = self._histogram("inference_seconds", "One forward pass of a batch")
        self._serving = self._gauge("serving", "1 while the server takes work, else 0")

    def count_request(self, method: str, code: str, seconds: float) -> None:
        """Counts a call that ended: its method, the name of its gRPC status and its duration."""
        self._requests.labels(method, code).inc()
        self._request_seconds.labels(method).observe(seconds)

    def count_items(self, n_items: int, errors: Mapping[str, int]) -> None:
        """Counts images that were answered, and those of them that failed by reason."""
        self._items.inc(n_items)
        for reason, number in errors.items():
            self._item_errors.labels(reason).inc(number)

    def count_received(self, n_bytes: int) -> None:
        """Counts encoded bytes of images that came in."""
        self._received_bytes.inc(n_bytes)

    def count_cancelled_image(self) -> None:
        """Counts an image that was dropped because nobody waits for it any more."""
        self._cancelled.inc()

    def watch_queue(self, n_images: Callable[[], int]) -> None:
        """Asks this function for the number of images that wait, whenever the metrics are read."""
        self._queued_images.set_function(n_images)

    def time_queue(self, seconds: float) -> None:
        """Notes how long an image waited, from its arrival to its forward pass, without its decoding."""
        self._queue_seconds.observe(seconds)

    def time_decoding(self, seconds: float) -> None:
        """Notes how long the decoding of one image took."""
        self._decode_seconds.observe(seconds)

    def time_inference(self, n_images: int, seconds: float) -> None:
        """Notes the size of a batch and how long its forward pass took."""
        self._batch_images.observe(n_images)
        self._inference_seconds.observe(seconds)

    def tell_serving(self, *, serving: bool) -> None:
        """Notes whether the server takes work."""
        self._serving.set(serving)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", text, registry=self.registry)

    def _histogram(
        self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS
    ) -> Histogram:
        return Histogram(f"{_PREFIX}_{name}", text, labels, buckets=buckets, registry=self.registry)


@contextmanager
def serving_metrics(
    metrics: Metrics, host: str, port: int, cert: Path | None, key: Path | None, client_ca: Path | None
) -> Iterator[None]:
    """Serves metrics over HTTP, or with a certificate over HTTPS, while the block runs.

    Args:
        metrics: What to serve.
        host: Interface to listen on.
        port: Port to listen on.
        cert: Certificate, PEM.
        key: Its private key, PEM.
        client_ca: Authorities of the clients' certificates, PEM; None: clients need none.

    Raises:
        OSError: The address is in use or not this machine's.
    """
    server, thread = start_http_server(
        port,
        host,
        metrics.registry,
        certfile=None if cert is None else str(cert),
        keyfile=None if key is None else str(key),
        client_cafile=None if client_ca is None else str(client_ca),
        client_auth_required=client_ca is not None,
    )
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
