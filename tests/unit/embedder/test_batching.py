import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from octcluster_embedder import batching as batching_module
from octcluster_embedder.batching import Batcher, DecodingThreads, Embedding
from octcluster_embedder.errors import CorruptImage, InferenceFailed, TooLate
from octcluster_embedder.image_decoding import ImageLimits, decode_image
from octcluster_embedder.inference import Inference
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.scheduling import Caller
from octcluster_embedder.spaces import EmbeddingSpace, Features
from tiny_runtime import POISON, TinyRuntime, image

POOLED = TinyRuntime().spaces[Features.POOLED]
BULK = Caller()
FLATTEN = TinyRuntime().spaces[Features.FLATTEN]


@contextlib.asynccontextmanager
async def batching(runtime: TinyRuntime, n_threads: int = 2) -> AsyncIterator[Batcher]:
    async def tell_serving(serving: bool) -> None:
        pass

    metrics = Metrics()
    decoding = DecodingThreads(n_threads, ImageLimits(), metrics)
    inference = Inference(runtime, lambda: runtime, tell_serving)
    batcher = Batcher(inference, decoding, metrics)
    try:
        yield batcher
    finally:
        runtime.may_infer.set()
        await batcher.close()
        decoding.close()


def embed(
    batcher: Batcher, value: int, space: EmbeddingSpace = POOLED, caller: Caller = BULK
) -> asyncio.Task[Embedding]:
    return asyncio.create_task(batcher.embed(image(value), space, caller))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_each_image_gets_its_own_vector() -> None:
    async with batching(TinyRuntime(concurrent_batches=2)) as batcher:
        found = await asyncio.gather(*(embed(batcher, v) for v in range(50)))
    assert np.concatenate([one.vector for one in found]).tolist() == list(range(50))
    assert all(one.vector.dtype == np.float32 for one in found)
    assert [one.measures.tolist() for one in found] == [[16, 16, v, 0] for v in range(50)]


async def test_images_of_several_callers_share_batches_of_the_runtimes_size() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with batching(runtime) as batcher:
        callers = [embed(batcher, v) for v in range(9)]
        await until(lambda: len(batcher._waiting) >= 5)
        runtime.may_infer.set()
        await asyncio.gather(*callers)
    assert sorted(runtime.inferred) == list(range(9))
    assert max(len(values) for _, values in runtime.batches) == 4


async def test_a_batch_holds_one_kind_of_features() -> None:
    runtime = TinyRuntime()
    async with batching(runtime) as batcher:
        kinds = [POOLED, FLATTEN] * 6
        found = await asyncio.gather(*(embed(batcher, v, kind) for v, kind in enumerate(kinds)))
    assert [one.vector.size for one in found] == [1, 2] * 6
    for features, values in runtime.batches:
        assert {kinds[value].features for value in values} == {features}


async def test_a_flipped_vector_is_the_mean_with_the_mirror_image_in_any_company() -> None:
    runtime = TinyRuntime()
    spaces = [POOLED, POOLED.with_flip(True)] * 6
    async with batching(runtime) as batcher:
        found = await asyncio.gather(
            *(batcher.embed(image(v, mirrored=v + 21), space, BULK) for v, space in enumerate(spaces))
        )
    expected = [v + 10.5 if space.flip else v for v, space in enumerate(spaces)]
    assert np.concatenate([one.vector for one in found]).tolist() == expected
    assert all(one.vector.dtype == np.float32 for one in found)


async def test_a_bad_image_fails_alone() -> None:
    async with batching(TinyRuntime()) as batcher:
        good, bad = await asyncio.gather(
            embed(batcher, 1),
            batcher.embed(image(2)[:30], POOLED, BULK),
            return_exceptions=True,
        )
    assert good.vector.tolist() == [1]
    assert isinstance(bad, CorruptImage)


async def test_a_failing_forward_pass_fails_only_the_offender() -> None:
    values = [1, 2, POISON, 3, 4, 5, 6, 7]
    async with batching(TinyRuntime()) as batcher:
        outcomes = await asyncio.gather(*(embed(batcher, v) for v in values), return_exceptions=True)
        assert (await embed(batcher, 8)).vector.tolist() == [8]
    assert isinstance(outcomes.pop(2), InferenceFailed)
    assert np.concatenate([one.vector for one in outcomes]).tolist() == [1, 2, 3, 4, 5, 6, 7]


async def test_a_runtime_that_forgets_an_image_is_a_failure_and_no_hang() -> None:
    runtime = TinyRuntime()
    runtime.infer = lambda images, features: np.zeros((0, 1), np.float32)
    async with batching(runtime) as batcher, asyncio.timeout(5):
        with pytest.raises(InferenceFailed):
            await embed(batcher, 1)


async def test_cancelled_while_waiting_for_a_turn_costs_no_decoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[bytes] = []

    def decode(encoded: bytes, *rest: object) -> object:
        decoded.append(encoded)
        return decode_image(encoded, *rest)

    monkeypatch.setattr(batching_module, "decode_image", decode)
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with batching(runtime) as batcher:
        callers = [embed(batcher, v) for v in range(20)]
        await until(lambda: len(batcher._waiting) >= 6)
        in_slots = len(decoded)
        assert in_slots < 20
        callers[19].cancel()
        await asyncio.sleep(0)
        assert batcher._slots.n_waiting == 20 - in_slots - 1, "nothing of a cancelled image is kept"
        runtime.may_infer.set()
        await asyncio.gather(*callers[:19])
    assert image(19) not in decoded
    assert sorted(runtime.inferred) == list(range(19))


async def test_cancelled_while_waiting_costs_no_forward_pass() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with batching(runtime) as batcher:
        busy = embed(batcher, 1)
        await until(lambda: not batcher._waiting and not batcher._decoding and batcher._slots._taken == 1)
        kept, dropped = embed(batcher, 2), embed(batcher, 3)
        await until(lambda: len(batcher._waiting) == 2)
        dropped.cancel()
        runtime.may_infer.set()
        await asyncio.gather(busy, kept)
    assert runtime.inferred == [1, 2]


async def test_expired_while_waiting_costs_no_forward_pass() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with batching(runtime) as batcher:
        busy = embed(batcher, 1)
        await until(lambda: not batcher._waiting and not batcher._decoding and batcher._slots._taken == 1)
        soon = Caller(deadline=time.monotonic() + 0.05)
        kept, *expired = embed(batcher, 2), *(embed(batcher, v, caller=soon) for v in range(3, 20))
        await asyncio.sleep(0.1)
        runtime.may_infer.set()
        await asyncio.gather(busy, kept)
        for outcome in await asyncio.gather(*expired, return_exceptions=True):
            assert isinstance(outcome, TooLate)
    assert runtime.inferred == [1, 2]


async def test_what_cannot_meet_its_deadline_is_refused_on_arrival() -> None:
    runtime = TinyRuntime()
    async with batching(runtime) as batcher:
        await embed(batcher, 1)
        now = time.monotonic()
        batcher.pace.note(1, began=now, ended=now + 100)  # the mean moves towards 100 s an image
        in_a_minute = Caller(deadline=time.monotonic() + 60)
        batcher.refuse_late(10, in_a_minute)  # nothing is before it: perhaps the model is faster than that
        runtime.may_infer.clear()
        busy = [embed(batcher, v) for v in range(10)]
        await until(lambda: batcher._slots._taken > 0)
        with pytest.raises(TooLate, match="images come before"):
            batcher.refuse_late(10, in_a_minute)
        batcher.refuse_late(10, Caller())
        with pytest.raises(TooLate, match="passed"):
            batcher.refuse_late(10, Caller(deadline=time.monotonic()))
        runtime.may_infer.set()
        await asyncio.gather(*busy)


async def test_interactive_images_overtake_bulk_that_waits() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with batching(runtime) as batcher:
        bulk = [embed(batcher, v) for v in range(60)]
        await until(lambda: len(batcher._waiting) >= 6)
        await embed_while_held(batcher, runtime)
        await asyncio.gather(*bulk)
    assert runtime.inferred.index(200) < 8, "only what the model has begun goes before it"


async def embed_while_held(batcher: Batcher, runtime: TinyRuntime) -> None:
    interactive = embed(batcher, 200, caller=Caller("another", interactive=True))
    await until(lambda: any(one.caller.interactive for one in all_waiting(batcher)))
    runtime.may_infer.set()
    await interactive


def all_waiting(batcher: Batcher) -> list:
    queue = batcher._waiting
    return [one for lines in (queue._interactive, queue._bulk) for line in lines.values() for one in line]


async def test_clients_take_turns() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with batching(runtime) as batcher:
        many = [embed(batcher, v, caller=Caller("many")) for v in range(60)]
        await until(lambda: len(batcher._waiting) >= 6)
        few = [embed(batcher, v, caller=Caller("few")) for v in range(200, 205)]
        await asyncio.sleep(0.01)
        runtime.may_infer.set()
        await asyncio.gather(*many, *few)
    last = max(runtime.inferred.index(v) for v in range(200, 205))
    assert last < 30, "a client of few images waits for few of the others"
