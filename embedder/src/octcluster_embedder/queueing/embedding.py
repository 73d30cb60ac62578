"""What the service does, without gRPC: checks requests, embeds their images, ends in order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from octcluster_embedder.errors import InvalidRequest, NotServing, Overloaded, UnknownModel
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.admission import Admission, Pace
from octcluster_embedder.queueing.batching import Batcher
from octcluster_embedder.queueing.decoding_threads import DecodingThreads
from octcluster_embedder.queueing.inference import Inference
from octcluster_embedder.queueing.model_queue import ModelQueue
from octcluster_embedder.queueing.one_by_one import OneByOne
from octcluster_embedder.queueing.requests import Answer, ImageBatch, Outcome, ServiceLimits
from octcluster_embedder.queueing.scheduling import ANYBODY, Caller
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.spaces import VIEWS_OFFERED, EmbeddingSpace

# A request of so many images is one that somebody waits for.
_MAX_INTERACTIVE_IMAGES = 4
_SHORTEST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 30.0


class Embedder:
    """Embeds images with one or more models. Lives in one event loop.

    Args:
        limits: How much the service takes at once.
        decoding_threads: Number of threads that decode.
        metrics: Takes note of what happens inside; None: of its own.
    """

    def __init__(self, limits: ServiceLimits, decoding_threads: int, metrics: Metrics | None = None) -> None:
        self.limits = limits
        self._metrics = metrics or Metrics()
        self._decoding = DecodingThreads(decoding_threads, limits.image, self._metrics)
        self._admission = Admission(limits.max_queued_images, limits.max_queued_bytes)
        self._queues: dict[str, ModelQueue] = {}
        self._stopping = False
        self._calls: set[asyncio.Task[object]] = set()

    def open(
        self,
        runtimes: Sequence[Runtime],
        reload: Callable[[str], Runtime] | None = None,
        tell_serving: Callable[[bool], Awaitable[None]] | None = None,
    ) -> None:
        """Begins to serve models; the first is the default.

        Args:
            runtimes: The models.
            reload: Loads the model of this name again, in place of a runtime that died; None: it is kept.
            tell_serving: Called with False when a runtime is found dead, and with True when it is replaced.
        """
        by_model = {runtime.model: runtime for runtime in runtimes}
        load = reload or by_model.__getitem__
        for model, runtime in by_model.items():
            inference = Inference(runtime, partial(load, model), tell_serving or _tell_nobody)
            queue_kind = OneByOne if runtime.batch_size == 1 else Batcher
            self._queues[model] = queue_kind(inference, self._decoding, self._metrics)
        self._metrics.watch_queue(lambda: sum(queue.n_waiting for queue in self._queues.values()))

    @property
    def runtimes(self) -> Sequence[Runtime]:
        """The models served, the default first.

        Raises:
            NotServing: They are still being loaded.
        """
        if not self._queues:
            raise NotServing("the server is loading its model: try again in some seconds")
        return [queue.inference.runtime for queue in self._queues.values()]

    async def embed(self, batch: ImageBatch, caller: Caller = ANYBODY) -> Answer:
        """Embeds a batch; its outcomes come in the order of its items.

        Raises:
            InvalidRequest: The batch breaks a rule.
            NotServing: The server is loading or stopping.
            Overloaded: The queue is full.
            TooLate: Its deadline has passed or cannot be met.
        """
        self._begin_call()
        queue, space = self._check(batch)
        most = self.limits.max_results(space)
        if len(batch.items) > most:
            raise InvalidRequest(
                f"the vectors of {len(batch.items)} images do not fit into the largest message of "
                f"{self.limits.max_message_bytes:,} bytes: send at most {most} images of these features at a "
                "time"
            )
        caller = Caller(caller.client, len(batch.items) <= _MAX_INTERACTIVE_IMAGES, caller.deadline)
        queue.refuse_late(len(batch.items), caller)
        n_bytes = sum(len(item.image) for item in batch.items)
        self._refuse_overload(len(batch.items), n_bytes, caller, queue.pace)
        self._admission.enter(len(batch.items), n_bytes)
        try:
            found = await queue.embed_all([item.image for item in batch.items], space, caller)
            outcomes = [Outcome(item.id, one) for item, one in zip(batch.items, found, strict=True)]
            return Answer(space, outcomes)
        finally:
            self._admission.leave(len(batch.items), n_bytes)

    async def stop(self, grace_seconds: float) -> int:
        """Refuses new work and waits until what was accepted is answered, at most so long.

        Returns:
            How many accepted images have no answer.
        """
        self._stopping = True
        if self._calls:
            await asyncio.wait(self._calls, timeout=grace_seconds)
        return self._admission.n_images

    async def close(self) -> None:
        """Stops the workers of all models and the threads."""
        for queue in self._queues.values():
            await queue.close()
        self._decoding.close()

    def _begin_call(self) -> None:
        if self._stopping:
            raise NotServing(
                "the server is stopping: send the request to another one, or again in some seconds"
            )
        if (task := asyncio.current_task()) is not None:
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    def _check(self, batch: ImageBatch) -> tuple[ModelQueue, EmbeddingSpace]:
        """Finds the model and the space of a batch that keeps the rules."""
        default = self.runtimes[0].model  # also refuses whatever comes while the models are loaded
        queue = self._queues.get(batch.model or default)
        if queue is None:
            raise UnknownModel(f"this server does not serve that model; it serves: {', '.join(self._queues)}")
        if len(batch.items) > self.limits.max_images_per_request:
            raise InvalidRequest(
                f"{len(batch.items)} images in one request are more than this server's limit of "
                f"{self.limits.max_images_per_request}: send fewer at a time"
            )
        if len({item.id for item in batch.items}) < len(batch.items):
            raise InvalidRequest("two images of the request have the same id: give each its own")
        space = _space_of(queue.inference.runtime, batch)
        if self.limits.max_results(space) < 1:
            raise InvalidRequest(
                f"a vector of {space.dimension:,} values does not fit into the largest message of "
                f"{self.limits.max_message_bytes:,} bytes: choose others, or raise --max-message-bytes"
            )
        return queue, space

    def _refuse_overload(self, n_images: int, n_bytes: int, caller: Caller, pace: Pace) -> None:
        too_many = self._admission.images_too_many(n_images, n_bytes, interactive=caller.interactive)
        if too_many:
            seconds = pace.seconds_for(too_many) or 1.0
            raise Overloaded(
                "the queue is full: retry later",
                min(max(seconds, _SHORTEST_RETRY_SECONDS), _LONGEST_RETRY_SECONDS),
            )


async def _tell_nobody(serving: bool) -> None:
    """For servers that have no health to report."""


def _space_of(runtime: Runtime, batch: ImageBatch) -> EmbeddingSpace:
    if batch.features not in runtime.spaces:
        raise InvalidRequest(
            f"the model {runtime.model} has no features {batch.features.value!r}; it offers: "
            f"{', '.join(runtime.spaces)}"
        )
    if batch.views not in VIEWS_OFFERED:
        raise InvalidRequest("views must be plain, retina, or both in this order, each once")
    return runtime.spaces[batch.features].variant(batch.flip, batch.views)
