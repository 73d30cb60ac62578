import asyncio
import functools
import threading

import numpy as np
import pytest
from octcluster_embedder.errors import CorruptImage, InferenceFailed
from octcluster_embedder.images.decoding import DecodedImage, ImageLimits
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.decoding_threads import DecodingThreads
from octcluster_embedder.queueing.inference import Inference
from octcluster_embedder.queueing.model_queue import Embedding
from octcluster_embedder.queueing.one_by_one import OneByOne
from octcluster_embedder.queueing.scheduling import Caller
from octcluster_embedder.spaces import Features
from tiny_runtime import POISON, TinyRuntime, image

SPACE = TinyRuntime().spaces[Features.POOLED]


def pictures(*values: int) -> list[DecodedImage]:
    return [
        DecodedImage(np.full((1, 16, 16, 3), value, np.uint8), np.zeros(4, np.float32)) for value in values
    ]


class MortalRuntime(TinyRuntime):
    """Dies of poison: from then on every call fails."""

    def __init__(self, last_words: type[BaseException] = RuntimeError) -> None:
        super().__init__(concurrent_batches=2)
        self.last_words = last_words
        self.dead = False

    def infer(self, images: np.ndarray, features: Features) -> np.ndarray:
        self.dead = self.dead or POISON in images[:, 0, 0, 0]
        if self.dead:
            raise self.last_words
        return super().infer(images, features)


class Service:
    """An inference that notes what it says of its health, and how often it loads its model."""

    def __init__(self, runtime: TinyRuntime, faults_of_reload: int = 0) -> None:
        self.said: list[bool] = []
        self.runtimes = [runtime]
        self.may_reload = threading.Event()
        self.may_reload.set()
        self.faults_of_reload = faults_of_reload
        self.inference = Inference(runtime, self.reload, self.tell)

    def reload(self) -> TinyRuntime:
        self.may_reload.wait(10)
        if self.faults_of_reload:
            self.faults_of_reload -= 1
            raise OSError
        self.runtimes.append(MortalRuntime())
        return self.runtimes[-1]

    async def tell(self, serving: bool) -> None:
        self.said.append(serving)

    async def compute(self, *values: int) -> list[float | None]:
        results = await asyncio.wait_for(self.inference.compute(pictures(*values), SPACE), 10)
        return [None if isinstance(one, InferenceFailed) else float(one[0]) for one in results]

    @functools.cached_property
    def queue(self) -> OneByOne:
        metrics = Metrics()
        return OneByOne(self.inference, DecodingThreads(2, ImageLimits(), metrics), metrics)

    async def compute_one(self, value: int) -> float | None:
        call = self.queue.embed_all([image(value)], SPACE, Caller())
        (found,) = await asyncio.wait_for(call, 10)
        if isinstance(found, InferenceFailed):
            return None
        assert isinstance(found, Embedding)
        return float(found.vector[0])


async def test_a_batch_is_halved_until_the_offender_fails_alone() -> None:
    runtime = TinyRuntime()
    service = Service(runtime)
    values = [*range(40), POISON, *range(41, 64)]
    assert await service.compute(*values) == [None if v == POISON else v for v in values]
    sizes = [len(found) for _, found in runtime.batches if found != [0]]
    assert len(sizes) == 13, "a batch of 64 is halved 6 times, not tried one by one"
    assert service.said == []


async def test_several_offenders() -> None:
    values = [POISON, 1, 2, POISON, POISON, 5, 6]
    assert await Service(TinyRuntime()).compute(*values) == [None, 1, 2, None, None, 5, 6]


@pytest.mark.parametrize("last_words", [RuntimeError, SystemExit, KeyboardInterrupt, MemoryError])
async def test_a_dead_runtime_is_replaced_and_the_others_lose_nothing(
    last_words: type[BaseException],
) -> None:
    service = Service(MortalRuntime(last_words))
    found = await asyncio.gather(
        service.compute(1, 2, POISON, 4), *(service.compute(v) for v in range(10, 30))
    )
    assert found[0] == [1, 2, None, 4]
    assert found[1:] == [[v] for v in range(10, 30)]
    assert len(service.runtimes) > 1
    assert service.said[:2] == [False, True]
    assert service.said[-1]


@pytest.mark.parametrize("last_words", [RuntimeError, SystemExit, KeyboardInterrupt, MemoryError])
async def test_so_it_is_where_images_come_one_by_one(last_words: type[BaseException]) -> None:
    service = Service(MortalRuntime(last_words))
    values = [1, 2, POISON, 4, *range(10, 30)]
    found = await asyncio.gather(*map(service.compute_one, values))
    assert found == [None if value == POISON else value for value in values]
    assert service.said[:2] == [False, True]
    assert service.said[-1]


async def test_a_failing_image_that_is_alone_leaves_the_runtime_alone() -> None:
    service = Service(TinyRuntime())
    assert await asyncio.gather(*map(service.compute_one, [1, POISON, 3])) == [1, None, 3]
    assert service.said == []


async def test_work_that_comes_while_the_runtime_is_replaced_waits_for_the_next() -> None:
    service = Service(MortalRuntime())
    service.may_reload.clear()
    offender = asyncio.create_task(service.compute_one(POISON))
    while not service.said:
        await asyncio.sleep(0.001)
    others = [asyncio.create_task(service.compute_one(value)) for value in range(5)]
    await asyncio.sleep(0.05)
    assert not any(other.done() for other in others)
    service.may_reload.set()
    assert await asyncio.gather(*others) == [*range(5)]
    assert await offender is None
    assert await asyncio.gather(*map(service.compute_one, range(5))) == [*range(5)]


async def test_a_thread_at_work_takes_no_more_while_the_runtime_is_replaced() -> None:
    runtime = MortalRuntime()
    service = Service(runtime)
    service.may_reload.clear()
    runtime.may_infer.clear()
    first = asyncio.create_task(service.compute_one(1))  # with the model, and held back
    while not runtime.n_asked:
        await asyncio.sleep(0.001)
    offender = asyncio.create_task(service.compute_one(POISON))
    while not service.said:
        await asyncio.sleep(0.001)
    others = [asyncio.create_task(service.compute_one(value)) for value in range(10, 15)]
    await asyncio.sleep(0.01)
    n_asked = runtime.n_asked
    runtime.dead = False  # so that it would answer
    runtime.may_infer.set()
    assert await first == 1
    await asyncio.sleep(0.05)
    assert runtime.n_asked == n_asked
    service.may_reload.set()
    assert await asyncio.gather(*others) == [*range(10, 15)]
    assert await offender is None


async def test_what_fails_after_the_end_loads_nothing() -> None:
    class FailingRuntime(TinyRuntime):
        def infer(self, images: np.ndarray, features: Features) -> np.ndarray:
            super().infer(images, features)
            raise RuntimeError

    runtime = FailingRuntime()
    service = Service(runtime)
    runtime.may_infer.clear()
    call = asyncio.create_task(service.compute_one(1))
    while not runtime.n_asked:
        await asyncio.sleep(0.001)
    call.cancel()
    await asyncio.wait([call])
    await service.queue.close()
    runtime.may_infer.set()
    await asyncio.sleep(0.1)
    assert (len(service.runtimes), service.said) == (1, [])


async def test_what_decoding_raises_comes_out_and_costs_no_forward_pass() -> None:
    runtime = TinyRuntime()
    with pytest.raises(CorruptImage):
        await Service(runtime).queue.embed(image(1)[:30], SPACE, Caller())
    assert runtime.n_asked == 0


async def test_not_serving_until_another_runtime_is_there() -> None:
    service = Service(MortalRuntime())
    service.may_reload.clear()
    offender = asyncio.create_task(service.compute(POISON))
    while not service.said:
        await asyncio.sleep(0.001)
    other = asyncio.create_task(service.compute(7))
    await asyncio.sleep(0.05)
    assert service.said == [False]
    assert not other.done()
    service.may_reload.set()
    assert await other == [7]
    assert await offender == [None]
    assert service.said[-1]


async def test_loading_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("octcluster_embedder.queueing.inference._FIRST_PAUSE_SECONDS", 0.01)
    service = Service(MortalRuntime(), faults_of_reload=2)
    assert await service.compute(1, POISON) == [1, None]
