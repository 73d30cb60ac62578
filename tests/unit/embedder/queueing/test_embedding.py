import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import pytest
from model_queues import until
from octcluster_embedder.errors import CorruptImage, InferenceFailed, InvalidRequest, NotServing, UnknownModel
from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.queueing.embedding import Embedder
from octcluster_embedder.queueing.requests import Answer, ImageBatch, ImageItem, ServiceLimits
from octcluster_embedder.queueing.stream_answers import STREAM_WINDOW_IMAGES
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


async def stream_of(*batches: ImageBatch) -> AsyncIterator[ImageBatch]:
    for one in batches:
        yield one


class Sender:
    """A client's stream that counts what was read from it."""

    def __init__(self, batches: Sequence[ImageBatch]) -> None:
        self.read = 0
        self.batches = batches

    async def __aiter__(self) -> AsyncIterator[ImageBatch]:
        for one in self.batches:
            self.read += 1
            yield one
        await asyncio.Event().wait()  # never closes


async def settled(value: Callable[[], int]) -> int:
    """The value once it has not changed for a while."""
    while True:
        before = value()
        await asyncio.sleep(0.1)
        if value() == before:
            return before


async def test_outcomes_in_the_order_of_the_items() -> None:
    async with embedding(TinyRuntime()) as embedder:
        answer = await embedder.embed(batch(5, 3, 9, start=70))
    assert [(one.id, one.outcome.vector.tolist()) for one in answer.outcomes] == [
        (70, [5]),
        (71, [3]),
        (72, [9]),
    ]


async def test_flip_is_part_of_the_space() -> None:
    flipped = replace(batch(image(4, mirrored=8)), flip=True)
    async with embedding(TinyRuntime()) as embedder:
        plain, both = await embedder.embed(batch(4)), await embedder.embed(flipped)
    assert [one.outcome.vector.tolist() for one in (*plain.outcomes, *both.outcomes)] == [[4], [6]]
    assert both.space == plain.space.with_flip(True)
    assert both.space.digest != plain.space.digest


async def test_a_bad_item_fails_alone_in_both_ways() -> None:
    items = [ImageItem(0, image(1)), ImageItem(1, b"\xff\xd8\xff cut"), ImageItem(2, image(POISON))]
    request = ImageBatch("tiny", Features.POOLED, items)
    written: list[Answer] = []

    async def write(answer: Answer) -> None:
        written.append(answer)

    async with embedding(TinyRuntime()) as embedder:
        unary = await embedder.embed(request)
        await embedder.embed_stream(stream_of(request), write)
    streamed = sorted((one for answer in written for one in answer.outcomes), key=lambda one: one.id)
    for outcomes in (unary.outcomes, streamed):
        assert outcomes[0].outcome.vector.tolist() == [1]
        assert isinstance(outcomes[1].outcome, CorruptImage)
        assert isinstance(outcomes[2].outcome, InferenceFailed)


async def test_nothing_is_served_before_the_model_is_there() -> None:
    embedder = Embedder(LIMITS, decoding_threads=1)
    with pytest.raises(NotServing, match="loading"):
        await embedder.embed(batch(1))
    with pytest.raises(NotServing, match="loading"):
        await embedder.embed_stream(stream_of(batch(1)), write=None)
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
        with pytest.raises(kind, match=message):
            await embedder.embed_stream(stream_of(request_), write=None)


async def test_an_id_may_not_return_before_its_answer() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with embedding(runtime) as embedder:
        with pytest.raises(InvalidRequest, match="used again before its answer"):
            await embedder.embed_stream(stream_of(batch(1), batch(2)), write=None)


async def test_a_response_that_would_not_fit_is_refused_or_split() -> None:
    limits = ServiceLimits(ImageLimits(), 8, max_message_bytes=1024 + 3 * 520)
    flatten = batch(1, 2, 3, 4, 5, 6, 7, features=Features.FLATTEN)
    sizes = []

    async def write(answer: Answer) -> None:
        sizes.append(len(answer.outcomes))
        await asyncio.sleep(0.05)

    async with embedding(TinyRuntime(), limits) as embedder:
        with pytest.raises(InvalidRequest, match="at most 3 images"):
            await embedder.embed(flatten)
        await embedder.embed_stream(stream_of(flatten), write)
    assert sum(sizes) == 7
    assert max(sizes) <= 3


async def test_a_client_that_does_not_read_is_not_read_from() -> None:
    runtime = TinyRuntime()
    sender = Sender([batch(1, 2, start=2 * n) for n in range(200)])
    reads = asyncio.Event()
    received: list[int] = []

    async def write(answer: Answer) -> None:
        await reads.wait()
        received.extend(one.id for one in answer.outcomes)

    async with embedding(runtime) as embedder:
        call = asyncio.create_task(embedder.embed_stream(aiter(sender), write))
        assert await settled(lambda: sender.read) <= STREAM_WINDOW_IMAGES / 2 + 1
        assert len(runtime.inferred) <= STREAM_WINDOW_IMAGES
        reads.set()
        await until(lambda: len(received) >= 400)
        assert await settled(lambda: len(received)) == 400
        assert sorted(received) == list(range(400))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_cancelled_stream_leaves_no_work_behind() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with embedding(runtime) as embedder:
        call = asyncio.create_task(embedder.embed_stream(aiter(Sender([batch(*range(8))])), write=None))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        runtime.may_infer.set()
        assert (await embedder.embed(batch(77))).outcomes[0].outcome.vector.tolist() == [77]
    assert len(runtime.inferred) <= runtime.batch_size + 1


async def test_stop_finishes_what_was_accepted_and_refuses_the_rest() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    received: list[int] = []

    async def write(answer: Answer) -> None:
        received.extend(one.id for one in answer.outcomes)

    async with embedding(runtime) as embedder:
        unary = asyncio.create_task(embedder.embed(batch(1)))
        stream = asyncio.create_task(
            embedder.embed_stream(aiter(Sender([batch(2, 3), batch(4, start=2)])), write)
        )
        idle = asyncio.create_task(embedder.embed_stream(aiter(Sender([])), write))
        await until(lambda: embedder._room.n_images == 4)
        stopping = asyncio.create_task(embedder.stop(grace_seconds=60))
        await asyncio.sleep(0.1)
        assert not stopping.done()
        with pytest.raises(NotServing, match="stopping"):
            await embedder.embed(batch(5))
        runtime.may_infer.set()
        await asyncio.wait_for(stopping, 30)
        assert (await unary).outcomes[0].outcome.vector.tolist() == [1]
        for call in (stream, idle):
            with pytest.raises(NotServing, match="without an answer"):
                await call
    assert sorted(received) == [0, 1, 2]


async def test_stop_ends_after_its_grace() -> None:
    runtime = TinyRuntime()
    runtime.may_infer.clear()
    async with embedding(runtime) as embedder:
        call = asyncio.create_task(embedder.embed(batch(1)))
        await asyncio.sleep(0.05)
        await asyncio.wait_for(embedder.stop(grace_seconds=0.1), 30)
        assert not call.done()
        call.cancel()
