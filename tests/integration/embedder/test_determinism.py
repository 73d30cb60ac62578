"""An image's vector is the same, bit for bit, in whatever company: OpenVINO and the model that ships."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octcluster.images.phantoms import write_phantoms
from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.queueing.embedding import Embedder
from octcluster_embedder.queueing.requests import Answer, ImageBatch, ImageItem, ServiceLimits
from octcluster_embedder.queueing.scheduling import Caller
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.spaces import Features

N_IMAGES = 12
LIMITS = ServiceLimits(ImageLimits(), 64, 2**26)

# Some clients, each with some images in some order, in one request or in a stream of two.
clients = st.lists(
    st.tuples(st.lists(st.integers(0, N_IMAGES - 1), min_size=1, max_size=24), st.booleans()),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, images_per_class=3, seed=5)
    return [path.read_bytes() for path in sorted(folder.rglob("*.jp*g"))][:N_IMAGES]


@pytest.fixture(scope="module")
def loop_and_embedder(model_cache: Path) -> Iterator[tuple[asyncio.Runner, Embedder]]:
    with asyncio.Runner() as runner:

        async def start() -> Embedder:
            embedder = Embedder(LIMITS, decoding_threads=2)
            embedder.open([load_runtime("openvino", cache_dir=model_cache)])
            return embedder

        embedder = runner.run(start())
        yield runner, embedder
        runner.run(embedder.close())


@pytest.fixture(scope="module")
def alone(loop_and_embedder: tuple[asyncio.Runner, Embedder], phantoms: list[bytes]) -> list[bytes]:
    """The vector of each image from a request of its own, with nothing else under way."""
    runner, embedder = loop_and_embedder
    return [runner.run(embed(embedder, phantoms, [number], "alone"))[0] for number in range(N_IMAGES)]


def batch_of(phantoms: list[bytes], numbers: list[int], first_id: int = 0) -> ImageBatch:
    items = [ImageItem(first_id + place, phantoms[number]) for place, number in enumerate(numbers)]
    return ImageBatch("", Features.POOLED, items)


async def embed(embedder: Embedder, phantoms: list[bytes], numbers: list[int], client: str) -> list[bytes]:
    answer = await embedder.embed(batch_of(phantoms, numbers), Caller(client))
    return [one.outcome.vector.tobytes() for one in answer.outcomes]


async def stream(embedder: Embedder, phantoms: list[bytes], numbers: list[int], client: str) -> list[bytes]:
    middle = len(numbers) // 2
    found: dict[int, bytes] = {}

    async def batches() -> AsyncIterator[ImageBatch]:
        yield batch_of(phantoms, numbers[:middle])
        yield batch_of(phantoms, numbers[middle:], first_id=middle)

    async def write(answer: Answer) -> None:
        found.update((one.id, one.outcome.vector.tobytes()) for one in answer.outcomes)

    await embedder.embed_stream(batches(), write, Caller(client))
    return [found[place] for place in range(len(numbers))]


@settings(max_examples=12, deadline=None)
@given(requests=clients)
def test_the_same_bits_alone_and_in_any_company(
    loop_and_embedder: tuple[asyncio.Runner, Embedder],
    phantoms: list[bytes],
    alone: list[bytes],
    requests: list[tuple[list[int], bool]],
) -> None:
    runner, embedder = loop_and_embedder

    async def send_all() -> list[list[bytes]]:
        return await asyncio.gather(
            *(
                (stream if streamed else embed)(embedder, phantoms, numbers, f"client {place}")
                for place, (numbers, streamed) in enumerate(requests)
            )
        )

    for (numbers, _), found in zip(requests, runner.run(send_all()), strict=True):
        assert found == [alone[number] for number in numbers]


def test_different_images_have_different_vectors(alone: list[bytes]) -> None:
    assert len(set(alone)) == N_IMAGES
