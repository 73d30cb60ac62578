"""What both kinds of queues promise: for a runtime that takes batches, and for one of an image a call."""

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from model_queues import BULK, POOLED, embed, queue_before, until
from octcluster_embedder.errors import CorruptImage, InferenceFailed, TooLate
from octcluster_embedder.images.decoding import decode_image
from octcluster_embedder.queueing import decoding_threads
from octcluster_embedder.queueing.batching import Batcher
from octcluster_embedder.queueing.model_queue import Embedding, ModelQueue
from octcluster_embedder.queueing.scheduling import Caller
from tiny_runtime import POISON, TinyRuntime, image

MakeRuntime = Callable[..., TinyRuntime]


@pytest.fixture(params=[1, 4], ids=["one by one", "batches"])
def make_runtime(request: pytest.FixtureRequest) -> MakeRuntime:
    return lambda concurrent_batches=1: TinyRuntime(concurrent_batches, batch_size=request.param)


async def until_the_model_works_and_the_rest_waits(queue: ModelQueue, runtime: TinyRuntime) -> None:
    await until(lambda: runtime.n_asked > 0 and queue._slots.n_waiting > 0)
    if isinstance(queue, Batcher):
        await until(lambda: len(queue._waiting) > 0 and not queue._decoding)


async def until_one_is_with_the_model(queue: ModelQueue, runtime: TinyRuntime) -> None:
    await until(lambda: runtime.n_asked == 1 and queue._slots._taken == 1)


def is_next(queue: ModelQueue) -> bool:
    """Whether an interactive image waits where no bulk goes before it."""
    return (queue if isinstance(queue, Batcher) else queue._slots)._waiting.has_interactive()


async def test_each_image_gets_its_own_vector(make_runtime: MakeRuntime) -> None:
    async with queue_before(make_runtime(concurrent_batches=2)) as queue:
        found = await asyncio.gather(*(embed(queue, v) for v in range(50)))
    assert np.concatenate([one.vector for one in found]).tolist() == list(range(50))
    assert all(one.vector.dtype == np.float32 for one in found)
    assert [one.measures[:4].tolist() for one in found] == [[16, 16, v, 0] for v in range(50)]


async def test_a_flipped_vector_is_the_mean_with_the_mirror_image_in_any_company(
    make_runtime: MakeRuntime,
) -> None:
    spaces = [POOLED, POOLED.variant(True)] * 6
    async with queue_before(make_runtime()) as queue:
        found = await asyncio.gather(
            *(queue.embed(image(v, mirrored=v + 21), space, BULK) for v, space in enumerate(spaces))
        )
    expected = [v + 10.5 if space.flip else v for v, space in enumerate(spaces)]
    assert np.concatenate([one.vector for one in found]).tolist() == expected
    assert all(one.vector.dtype == np.float32 for one in found)


async def test_a_bad_image_fails_alone(make_runtime: MakeRuntime) -> None:
    async with queue_before(make_runtime()) as queue:
        good, bad = await asyncio.gather(
            embed(queue, 1),
            queue.embed(image(2)[:30], POOLED, BULK),
            return_exceptions=True,
        )
    assert isinstance(good, Embedding)
    assert good.vector.tolist() == [1]
    assert isinstance(bad, CorruptImage)


async def test_images_that_fail_are_let_go_at_once(make_runtime: MakeRuntime) -> None:
    class Encoded(bytes):
        pass

    def count() -> int:
        return sum(isinstance(one, Encoded) for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        async with queue_before(make_runtime()) as queue:
            images = [Encoded(image(2)[:30]), Encoded(image(POISON)), Encoded(image(1))]
            found = await queue.embed_all(images, POOLED, BULK)
            assert [type(one) for one in found] == [CorruptImage, InferenceFailed, Embedding]
            del images, found
            await until(lambda: not count())
    finally:
        gc.enable()


async def test_a_failing_forward_pass_fails_only_the_offender(make_runtime: MakeRuntime) -> None:
    values = [1, 2, POISON, 3, 4, 5, 6, 7]
    async with queue_before(make_runtime()) as queue:
        outcomes = await asyncio.gather(*(embed(queue, v) for v in values), return_exceptions=True)
        assert (await embed(queue, 8)).vector.tolist() == [8]
    assert isinstance(outcomes.pop(2), InferenceFailed)
    embedded = [one.vector for one in outcomes if isinstance(one, Embedding)]
    assert np.concatenate(embedded).tolist() == [1, 2, 3, 4, 5, 6, 7]


async def test_a_runtime_that_forgets_an_image_is_a_failure_and_no_hang(
    monkeypatch: pytest.MonkeyPatch, make_runtime: MakeRuntime
) -> None:
    runtime = make_runtime()
    monkeypatch.setattr(runtime, "infer", lambda images, features: np.zeros((0, 1), np.float32))
    async with queue_before(runtime) as queue, asyncio.timeout(30):
        with pytest.raises(InferenceFailed):
            await embed(queue, 1)


async def test_cancelled_while_waiting_for_a_turn_costs_no_decoding(
    monkeypatch: pytest.MonkeyPatch, make_runtime: MakeRuntime
) -> None:
    decoded: list[bytes] = []

    def decode(encoded: bytes, *rest: Any, find_retina: bool) -> object:
        decoded.append(encoded)
        return decode_image(encoded, *rest, find_retina=find_retina)

    monkeypatch.setattr(decoding_threads, "decode_image", decode)
    runtime = make_runtime()
    runtime.may_infer.clear()
    async with queue_before(runtime) as queue:
        callers = [embed(queue, v) for v in range(20)]
        await until_the_model_works_and_the_rest_waits(queue, runtime)
        n_waiting = queue._slots.n_waiting
        callers[19].cancel()
        await asyncio.sleep(0)
        assert queue._slots.n_waiting == n_waiting - 1, "nothing of a cancelled image is kept"
        runtime.may_infer.set()
        await asyncio.gather(*callers[:19])
    assert image(19) not in decoded
    assert sorted(runtime.inferred) == list(range(19))


async def test_cancelled_while_it_is_decoded_costs_no_forward_pass(
    monkeypatch: pytest.MonkeyPatch, make_runtime: MakeRuntime
) -> None:
    runtime = make_runtime()
    async with queue_before(runtime) as queue:
        loop = asyncio.get_running_loop()
        dropped: list[asyncio.Task[object]] = []

        def decode(encoded: bytes, *rest: Any, find_retina: bool) -> object:
            if encoded == image(2):
                cancelled = asyncio.run_coroutine_threadsafe(cancel(dropped[0]), loop)
                cancelled.result(30)
            return decode_image(encoded, *rest, find_retina=find_retina)

        monkeypatch.setattr(decoding_threads, "decode_image", decode)
        dropped.append(embed(queue, 2))
        with pytest.raises(asyncio.CancelledError):
            await dropped[0]
        await embed(queue, 3)
    assert runtime.inferred == [3]


async def cancel(task: asyncio.Task[object]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_cancelled_while_waiting_costs_no_forward_pass(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    runtime.may_infer.clear()
    async with queue_before(runtime) as queue:
        busy = embed(queue, 1)
        await until_one_is_with_the_model(queue, runtime)
        kept, dropped = embed(queue, 2), embed(queue, 3)
        await asyncio.sleep(0.05)
        dropped.cancel()
        runtime.may_infer.set()
        await asyncio.gather(busy, kept)
    assert runtime.inferred == [1, 2]


async def test_expired_while_waiting_costs_no_forward_pass(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    runtime.may_infer.clear()
    async with queue_before(runtime) as queue:
        busy = embed(queue, 1)
        await until_one_is_with_the_model(queue, runtime)
        soon = Caller(deadline=time.monotonic() + 0.05)
        kept, *expired = embed(queue, 2), *(embed(queue, v, caller=soon) for v in range(3, 20))
        await asyncio.sleep(0.1)
        runtime.may_infer.set()
        await asyncio.gather(busy, kept)
        for outcome in await asyncio.gather(*expired, return_exceptions=True):
            assert isinstance(outcome, TooLate)
    assert runtime.inferred == [1, 2]


async def test_what_cannot_meet_its_deadline_is_refused_on_arrival(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    async with queue_before(runtime) as queue:
        await embed(queue, 1)
        now = time.monotonic()
        queue.pace.note(1, began=now, ended=now + 100)  # the mean moves towards 100 s an image
        in_a_minute = Caller(deadline=time.monotonic() + 60)
        queue.refuse_late(10, in_a_minute)  # nothing is before it: perhaps the model is faster than that
        runtime.may_infer.clear()
        busy = [embed(queue, v) for v in range(10)]
        await until(lambda: queue._slots._taken > 0)
        with pytest.raises(TooLate, match="images are in the queue before"):
            queue.refuse_late(10, in_a_minute)
        queue.refuse_late(10, Caller())
        with pytest.raises(TooLate, match="passed"):
            queue.refuse_late(10, Caller(deadline=time.monotonic()))
        runtime.may_infer.set()
        await asyncio.gather(*busy)


async def test_interactive_images_overtake_bulk_that_waits(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    runtime.may_infer.clear()
    async with queue_before(runtime) as queue:
        bulk = [embed(queue, v) for v in range(60)]
        await until_the_model_works_and_the_rest_waits(queue, runtime)
        interactive = embed(queue, 200, caller=Caller("another", interactive=True))
        await until(lambda: is_next(queue))
        runtime.may_infer.set()
        await interactive
        await asyncio.gather(*bulk)
    assert runtime.inferred.index(200) < 8, "only what the model has begun goes before it"


async def test_clients_take_turns(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    runtime.may_infer.clear()
    async with queue_before(runtime) as queue:
        many = [embed(queue, v, caller=Caller("many")) for v in range(60)]
        await until_the_model_works_and_the_rest_waits(queue, runtime)
        few = [embed(queue, v, caller=Caller("few")) for v in range(200, 205)]
        await asyncio.sleep(0.01)
        runtime.may_infer.set()
        await asyncio.gather(*many, *few)
    last = max(runtime.inferred.index(v) for v in range(200, 205))
    assert last < 30, "a client of few images waits for few of the others"
