import asyncio

from model_queues import FLATTEN, POOLED, embed, queue_before, until
from octcluster_embedder.queueing.batching import Batcher
from tiny_runtime import TinyRuntime


async def test_images_of_several_callers_share_batches_of_the_runtimes_size() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with queue_before(runtime) as queue:
        assert isinstance(queue, Batcher)
        callers = [embed(queue, v) for v in range(9)]
        await until(lambda: len(queue._waiting) >= 5)
        runtime.may_infer.set()
        await asyncio.gather(*callers)
    assert sorted(runtime.inferred) == list(range(9))
    assert max(len(values) for _, values in runtime.batches) == 4


async def test_a_batch_holds_one_kind_of_features() -> None:
    runtime = TinyRuntime()
    async with queue_before(runtime) as queue:
        kinds = [POOLED, FLATTEN] * 6
        found = await asyncio.gather(*(embed(queue, v, kind) for v, kind in enumerate(kinds)))
    assert [one.vector.size for one in found] == [1, 2] * 6
    for features, values in runtime.batches:
        assert {kinds[value].features for value in values} == {features}
