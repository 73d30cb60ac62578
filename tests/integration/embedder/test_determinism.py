"""An image's vector is the same, bit for bit, in whatever company: OpenVINO and the model that ships."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded import vector_of
from hypothesis import given, settings
from hypothesis import strategies as st
from octcluster.images.phantoms import write_phantoms
from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.queueing.embedding import Embedder
from octcluster_embedder.queueing.requests import ImageBatch, ImageItem, ServiceLimits
from octcluster_embedder.queueing.scheduling import Caller
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.spaces import Features

N_IMAGES = 12
LIMITS = ServiceLimits(ImageLimits(), 64, 2**26)

# Some clients, each with some images in some order, in one request or in two at a time.
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


async def embed(embedder: Embedder, phantoms: list[bytes], numbers: list[int], client: str) -> list[bytes]:
    items = [ImageItem(place, phantoms[number]) for place, number in enumerate(numbers)]
    answer = await embedder.embed(ImageBatch("", Features.POOLED, items), Caller(client))
    return [vector_of(one).tobytes() for one in answer.outcomes]


async def embed_halves(
    embedder: Embedder, phantoms: list[bytes], numbers: list[int], client: str
) -> list[bytes]:
    middle = len(numbers) // 2
    parts = (numbers[:middle], numbers[middle:])
    first, second = await asyncio.gather(*(embed(embedder, phantoms, part, client) for part in parts))
    return first + second


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
                (embed_halves if halved else embed)(embedder, phantoms, numbers, f"client {place}")
                for place, (numbers, halved) in enumerate(requests)
            )
        )

    for (numbers, _), found in zip(requests, runner.run(send_all()), strict=True):
        assert found == [alone[number] for number in numbers]


def test_different_images_have_different_vectors(alone: list[bytes]) -> None:
    assert len(set(alone)) == N_IMAGES
