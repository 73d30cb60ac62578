"""What the server counts and times, as Prometheus reads it.

Every name begins with ``octcluster_embedder_``. Labels take few values, all of them the program's own words:
nothing that a client sends becomes a label. The dashboard in docs/grafana draws these metrics.
"""

from collections.abc import Callable, Mapping

from octcluster_serving.metrics import ServerMetrics

_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics(ServerMetrics):
    """The metrics of one server. Its methods may be called from any thread."""

    def __init__(self) -> None:
        super().__init__("octcluster_embedder")
        self._items = self._counter("items", "Images that were answered, with a vector or an error")
        self._item_errors = self._counter("item_errors", "Images that were answered with an error", "reason")
        self._received_bytes = self._counter("received_image_bytes", "Encoded bytes of images that came in")
        self._cancelled = self._counter(
            "cancelled_images", "Images dropped because their client cancelled, went away or timed out"
        )
        self._queued_images = self._gauge("queued_images", "Images that wait for a forward pass")
        self._queue_seconds = self._histogram("queue_seconds", "Wait of an image for its forward pass")
        self._batch_images = self._histogram("batch_images", "Images in one forward pass", buckets=_IMAGES)
        self._decode_seconds = self._histogram("decode_seconds", "Decoding and measuring of one image")
        self._inference_seconds = self._histogram("inference_seconds", "One forward pass of a batch")
        # There from the start, at zero: else Prometheus would not see the first one as an increase.
        self._item_errors.labels("internal")

    def count_items(self, n_items: int, errors: Mapping[str, int]) -> None:
        """Counts images that were answered, and those of them that failed by reason."""
        self._items.inc(n_items)
        for reason, number in errors.items():
            self._item_errors.labels(reason).inc(number)

    def count_received(self, n_bytes: int) -> None:
        """Counts encoded bytes of images that came in."""
        self._received_bytes.inc(n_bytes)

    def count_cancelled_images(self, n_images: int) -> None:
        """Counts images that were dropped because nobody waits for them any more."""
        self._cancelled.inc(n_images)

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
