import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from octcluster_embedder.batching import Batcher, Capacity
from octcluster_embedder.errors import CorruptImage, InferenceFailed
from octcluster_embedder.image_decoding import ImageLimits
from octcluster_embedder.spaces import Features
from tiny_runtime import POISON, TinyRuntime, image

POOLED = TinyRuntime().spaces[Features.POOLED]
FLATTEN = TinyRuntime().spaces[Features.FLATTEN]


class HeldThreads(ThreadPoolExecutor):
    """One decoding thread that counts what it was given and starts it only when allowed."""

    def __init__(self) -> None:
        super().__init__(1)
        self.may_decode = threading.Event()
        self.decoded = 0

    def submit(self, function: Callable, /, *arguments):
        def held() -> object:
            self.may_decode.wait(10)
            self.decoded += 1
            return function(*arguments)

        return super().submit(held)


@contextlib.asynccontextmanager
async def batching(
    runtime: TinyRuntime, max_images: int = 100, threads: ThreadPoolExecutor | None = None
) -> AsyncIterator[Batcher]:
    with threads or ThreadPoolExecutor(2) as decoding_threads:
        batcher = Batcher(runtime, ImageLimits(), decoding_threads, Capacity(max_images, 2**20))
        try:
            yield batcher
        finally:
            runtime.may_infer.set()
            if isinstance(threads, HeldThreads):
                threads.may_decode.set()
            await batcher.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_each_image_gets_its_own_vector() -> None:
    async with batching(TinyRuntime(concurrent_batches=2)) as batcher:
        found = await asyncio.gather(*(batcher.embed(image(v), POOLED) for v in range(50)))
    assert np.concatenate([one.vector for one in found]).tolist() == list(range(50))
    assert all(one.vector.dtype == np.float32 for one in found)
    assert [one.measures.tolist() for one in found] == [[16, 16, v, 0] for v in range(50)]


async def test_images_of_several_callers_share_batches_of_the_runtimes_size() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with batching(runtime) as batcher:
        callers = [asyncio.create_task(batcher.embed(image(v), POOLED)) for v in range(9)]
        await until(lambda: len(batcher._waiting) >= 5)
        runtime.may_infer.set()
        await asyncio.gather(*callers)
    assert sorted(runtime.inferred) == list(range(9))
    assert max(len(values) for _, values in runtime.batches) == 4


async def test_a_batch_holds_one_kind_of_features() -> None:
    runtime = TinyRuntime()
    async with batching(runtime) as batcher:
        kinds = [POOLED, FLATTEN] * 6
        found = await asyncio.gather(*(batcher.embed(image(v), kind) for v, kind in enumerate(kinds)))
    assert [one.vector.size for one in found] == [1, 2] * 6
    for features, values in runtime.batches:
        assert {kinds[value].features for value in values} == {features}


async def test_a_flipped_vector_is_the_mean_with_the_mirror_image_in_any_company() -> None:
    runtime = TinyRuntime()
    spaces = [POOLED, POOLED.with_flip(True)] * 6
    async with batching(runtime) as batcher:
        found = await asyncio.gather(
            *(batcher.embed(image(v, mirrored=v + 21), space) for v, space in enumerate(spaces))
        )
    expected = [v + 10.5 if space.flip else v for v, space in enumerate(spaces)]
    assert np.concatenate([one.vector for one in found]).tolist() == expected
    assert all(one.vector.dtype == np.float32 for one in found)


async def test_a_bad_image_fails_alone() -> None:
    async with batching(TinyRuntime()) as batcher:
        good, bad = await asyncio.gather(
            batcher.embed(image(1), POOLED),
            batcher.embed(image(2)[:30], POOLED),
            return_exceptions=True,
        )
    assert good.vector.tolist() == [1]
    assert isinstance(bad, CorruptImage)


async def test_a_failing_forward_pass_fails_only_the_offender() -> None:
    values = [1, 2, POISON, 3, 4, 5, 6, 7]
    async with batching(TinyRuntime()) as batcher:
        outcomes = await asyncio.gather(
            *(batcher.embed(image(v), POOLED) for v in values), return_exceptions=True
        )
        assert (await batcher.embed(image(8), POOLED)).vector.tolist() == [8]
    assert isinstance(outcomes.pop(2), InferenceFailed)
    assert np.concatenate([one.vector for one in outcomes]).tolist() == [1, 2, 3, 4, 5, 6, 7]


async def test_a_runtime_that_forgets_an_image_is_a_failure_and_no_hang() -> None:
    runtime = TinyRuntime()
    runtime.infer = lambda images, features: np.zeros((0, 1), np.float32)
    async with batching(runtime) as batcher, asyncio.timeout(5):
        with pytest.raises(InferenceFailed):
            await batcher.embed(image(1), POOLED)


async def test_cancelled_before_decoding_costs_no_decoding() -> None:
    runtime, threads = TinyRuntime(), HeldThreads()
    async with batching(runtime, threads=threads) as batcher:
        first, second = (asyncio.create_task(batcher.embed(image(v), POOLED)) for v in (1, 2))
        await until(lambda: batcher._decoding == 2)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        threads.may_decode.set()
        assert (await first).vector.tolist() == [1]
    assert threads.decoded == 1
    assert runtime.inferred == [1]


async def test_cancelled_while_waiting_costs_no_forward_pass() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with batching(runtime) as batcher:
        busy = asyncio.create_task(batcher.embed(image(1), POOLED))
        await until(lambda: not batcher._waiting and not batcher._decoding and batcher._capacity._images == 1)
        kept, dropped = (asyncio.create_task(batcher.embed(image(v), POOLED)) for v in (2, 3))
        await until(lambda: len(batcher._waiting) == 2)
        dropped.cancel()
        runtime.may_infer.set()
        await asyncio.gather(busy, kept)
    assert runtime.inferred == [1, 2]


async def test_no_more_images_in_work_than_the_capacity() -> None:
    runtime, threads = TinyRuntime(), HeldThreads()
    async with batching(runtime, max_images=3, threads=threads) as batcher:
        callers = [asyncio.create_task(batcher.embed(image(v), POOLED)) for v in range(10)]
        await until(lambda: batcher._decoding == 3)
        await asyncio.sleep(0.02)
        assert batcher._decoding == 3
        callers[9].cancel()
        threads.may_decode.set()
        await asyncio.gather(*callers[:9])
        assert batcher._capacity._images == 0
    assert sorted(runtime.inferred) == list(range(9))


async def test_capacity_counts_bytes_serves_in_turn_and_lets_a_large_one_pass_alone() -> None:
    capacity = Capacity(max_images=10, max_bytes=100)
    served: list[int] = []

    async def take(n_bytes: int) -> None:
        await capacity.acquire(n_bytes)
        served.append(n_bytes)

    await take(60)
    large, small = asyncio.create_task(take(500)), asyncio.create_task(take(1))
    await asyncio.sleep(0.01)
    assert served == [60]
    capacity.release(60)
    await large
    await asyncio.sleep(0.01)
    assert served == [60, 500]
    capacity.release(500)
    await small
    assert served == [60, 500, 1]


async def test_one_who_gives_up_waiting_does_not_block_the_line() -> None:
    capacity = Capacity(max_images=1, max_bytes=100)
    await capacity.acquire(1)
    first, second = (asyncio.create_task(capacity.acquire(1)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    assert not second.done()
    capacity.release(1)
    await asyncio.wait_for(second, 5)
