import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from embedded import vector_of
from model_queues import until
from octcluster_embedder.errors import CorruptImage, InferenceFailed, InvalidRequest, NotServing, UnknownModel
from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.queueing.embedding import Embedder
from octcluster_embedder.queueing.requests import ImageBatch, ImageItem, ServiceLimits
from octcluster_embedder.spaces import Features
from tiny_runtime import POISON, TinyRuntime, image

LIMITS = ServiceLimits(ImageLimits(), max_images_per_request=8, max_message_bytes=2**20)


@contextlib.asynccontextmanager
async def embedding(runtime: TinyRuntime, limits: ServiceLimits = LIMITS) -> AsyncIterator[Embedder]:
    embedder = Embedder(limits, decoding_threads=1)
    embedder.open([runtime])
    try:
        yield embedder
    finally:
        runtime.may_infer.set()
        await embedder.close()


def batch(*values: int | bytes, start: int = 0, features: Features = Features.POOLED) -> ImageBatch:
    images = [value if isinstance(value, bytes) else image(value) for value in values]
    return ImageBatch("", features, [ImageItem(start + i, encoded) for i, encoded in enumerate(images)])


async def test_outcomes_in_the_order_of_the_items() -> None:
    async with embedding(TinyRuntime()) as embedder:
        answer = await embedder.embed(batch(5, 3, 9, start=70))
    assert [(one.id, vector_of(one).tolist()) for one in answer.outcomes] == [
        (70, [5]),
        (71, [3]),
        (72, [9]),
    ]


async def test_flip_is_part_of_the_space() -> None:
    flipped = replace(batch(image(4, mirrored=8)), flip=True)
    async with embedding(TinyRuntime()) as embedder:
        plain, both = await embedder.embed(batch(4)), await embedder.embed(flipped)
    assert [vector_of(one).tolist() for one in (*plain.outcomes, *both.outcomes)] == [[4], [6]]
    assert both.space == plain.space.variant(True)
    assert both.space.digest != plain.space.digest


async def test_a_bad_item_fails_alone() -> None:
    items = [ImageItem(0, image(1)), ImageItem(1, b"\xff\xd8\xff cut"), ImageItem(2, image(POISON))]
    async with embedding(TinyRuntime()) as embedder:
        outcomes = (await embedder.embed(ImageBatch("tiny", Features.POOLED, items))).outcomes
    assert vector_of(outcomes[0]).tolist() == [1]
    assert isinstance(outcomes[1].outcome, CorruptImage)
    assert isinstance(outcomes[2].outcome, InferenceFailed)


async def test_nothing_is_served_before_the_model_is_there() -> None:
    embedder = Embedder(LIMITS, decoding_threads=1)
    with pytest.raises(NotServing, match="loading"):
        await embedder.embed(batch(1))
    with pytest.raises(NotServing, match="loading"):
        _ = embedder.runtimes


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        (ImageBatch("vgg16", Features.POOLED, []), UnknownModel, "it serves: tiny"),
        (batch(*range(9)), InvalidRequest, "9 images .* limit of 8"),
        (ImageBatch("", Features.POOLED, [ImageItem(1, b""), ImageItem(1, b"")]), InvalidRequest, "same id"),
        (batch(1, features=Features.BLOCKS), InvalidRequest, "tiny has no .*'blocks'.* pooled, flatten"),
    ],
)
async def test_requests_that_break_a_rule(request_: ImageBatch, kind: type[Exception], message: str) -> None:
    async with embedding(TinyRuntime()) as embedder:
        with pytest.raises(kind, match=message):
            await embedder.embed(request_)


async def test_a_response_that_would_not_fit_is_refused() -> None:
    limits = ServiceLimits(ImageLimits(), 8, max_message_bytes=1024 + 3 * 520)
    async with embedding(TinyRuntime(), limits) as embedder:
        with pytest.raises(InvalidRequest, match="at most 3 images"):
            await embedder.embed(batch(1, 2, 3, 4, features=Features.FLATTEN))
        assert len((await embedder.embed(batch(1, 2, 3, features=Features.FLATTEN))).outcomes) == 3


async def test_a_cancelled_call_leaves_no_work_behind() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with embedding(runtime) as embedder:
        call = asyncio.create_task(embedder.embed(batch(*range(8))))
        await until(lambda: runtime.n_asked > 0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert embedder._admission.n_images == 0
        runtime.may_infer.set()
        assert vector_of((await embedder.embed(batch(77))).outcomes[0]).tolist() == [77]
    assert len(runtime.inferred) <= runtime.batch_size + 1


async def test_stop_finishes_what_was_accepted_and_refuses_the_rest() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with embedding(runtime) as embedder:
        small = asyncio.create_task(embedder.embed(batch(1)))
        large = asyncio.create_task(embedder.embed(batch(*range(2, 10))))
        await until(lambda: embedder._admission.n_images == 9)
        stopping = asyncio.create_task(embedder.stop(grace_seconds=60))
        await asyncio.sleep(0.1)
        assert not stopping.done()
        with pytest.raises(NotServing, match="stopping"):
            await embedder.embed(batch(5))
        runtime.may_infer.set()
        assert await asyncio.wait_for(stopping, 30) == 0
        answers = (await small).outcomes, (await large).outcomes
    vectors = [[vector_of(one).tolist() for one in outcomes] for outcomes in answers]
    assert vectors == [[[1]], [[value] for value in range(2, 10)]]


async def test_stop_ends_after_its_grace() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with embedding(runtime) as embedder:
        call = asyncio.create_task(embedder.embed(batch(1)))
        await asyncio.sleep(0.05)
        await asyncio.wait_for(embedder.stop(grace_seconds=0.1), 30)
        assert not call.done()
        call.cancel()
