"""A queue before a tiny model, and images for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.batching import Batcher
from octcluster_embedder.queueing.decoding_threads import DecodingThreads
from octcluster_embedder.queueing.inference import Inference
from octcluster_embedder.queueing.model_queue import Embedding, ModelQueue
from octcluster_embedder.queueing.one_by_one import OneByOne
from octcluster_embedder.queueing.scheduling import Caller
from octcluster_embedder.spaces import EmbeddingSpace, Features
from tiny_runtime import TinyRuntime, image

POOLED = TinyRuntime().spaces[Features.POOLED]
FLATTEN = TinyRuntime().spaces[Features.FLATTEN]
BULK = Caller()


@contextlib.asynccontextmanager
async def queue_before(runtime: TinyRuntime, n_threads: int = 2) -> AsyncIterator[ModelQueue]:
    """The queue that the embedder would have for the runtime."""

    async def tell_serving(serving: bool) -> None:
        pass

    metrics = Metrics()
    decoding = DecodingThreads(n_threads, ImageLimits(), metrics)
    inference = Inference(runtime, lambda: runtime, tell_serving)
    queue = (OneByOne if runtime.batch_size == 1 else Batcher)(inference, decoding, metrics)
    try:
        yield queue
    finally:
        runtime.may_infer.set()
        await queue.close()
        decoding.close()


def embed(
    queue: ModelQueue, value: int, space: EmbeddingSpace = POOLED, caller: Caller = BULK
) -> asyncio.Task[Embedding]:
    """Has an image embedded beside other work."""
    return asyncio.create_task(queue.embed(image(value), space, caller))


async def until(condition: Callable[[], bool]) -> None:
    """Waits until this holds."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)
