"""Both embedder clients against real embedders."""

import io
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from known import known
from octcluster import (
    AsyncEmbedderClient,
    EmbedderClient,
    Embedding,
    EmbedFailure,
    ModelNotServed,
    ServerUnavailable,
)
from octcluster.clients import embedder_turns
from octcluster.clients.embedder_calls import EmbedResult
from PIL import Image
from processes import Server, free_port
from waiting import wait_until

from .conftest import Embedder

# Needs no weights and starts in a third of the time, for what has nothing to do with the model.
QUICK = ("--models", "pixels")


def vector_of(result: EmbedResult) -> bytes:
    assert isinstance(result, Embedding)
    return result.vector


def cosine(a: EmbedResult, b: EmbedResult) -> float:
    x, y = (np.frombuffer(vector_of(one), "<f4") for one in (a, b))
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


def test_info_names_models_spaces_and_limits(embedder: Server) -> None:
    with EmbedderClient(embedder.address) as client:
        info = client.info()
        assert info is client.info()
        assert [model.name for model in info.models] == ["efficientnet-lite0"]
        space = client.space("pooled")
        assert (space.dimension, space.data_type, len(space.digest)) == (1280, "float32", 32)
        assert client.space("flatten").dimension == 7 * 7 * 1280
        assert info.limits.max_image_bytes > 0


def test_images_become_vectors_in_order_and_bad_ones_fail_alone(
    embedder: Server, images: list[bytes]
) -> None:
    with EmbedderClient(embedder.address) as client:
        results = client.embed([images[0], b"", images[1], b"no image", images[0]])
        good = [isinstance(result, Embedding) for result in results]
        assert good == [True, False, True, False, True]
        failures = [result.code for result in results if isinstance(result, EmbedFailure)]
        assert failures == ["empty", "unsupported_format"]
        assert len(vector_of(results[0])) == 4 * 1280
        assert cosine(results[0], results[4]) > 0.9999
        assert cosine(results[0], results[2]) < 0.9999


def test_flip_and_measures(embedder: Server, images: list[bytes]) -> None:
    upright = Image.open(io.BytesIO(images[0])).convert("L")
    with EmbedderClient(embedder.address) as client:
        measures = client.info().measures
        assert measures.names[:5] == ("width", "height", "brightness", "white_border_share", "bits")
        plain, flipped = (client.space("blocks", flip=flip) for flip in (False, True))
        assert (plain.flip, flipped.flip, plain.digest == flipped.digest) == (False, True, False)
        assert flipped.part_dimensions == (672, 1152, 1280)
        both = []
        for image in (upright, upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT)):
            stream = io.BytesIO()
            image.save(stream, "PNG")
            both.append(stream.getvalue())
        one, mirrored = client.embed(both, "blocks", flip=True)
        assert isinstance(one, Embedding)
        assert isinstance(mirrored, Embedding)
        assert len(one.vector) == 4 * 3104
        assert cosine(one, mirrored) > 0.9999 > cosine(*client.embed(both, "blocks"))
        assert one.measures[:2] == upright.size
        assert one.measures == pytest.approx(mirrored.measures, rel=0.05, abs=0.01)


async def test_async_flip_gives_the_same(embedder: Server, images: list[bytes]) -> None:
    with EmbedderClient(embedder.address) as client:
        expected = client.embed(images[:4], flip=True)
    async with AsyncEmbedderClient(embedder.address) as client:
        assert (await client.space(flip=True)).flip
        assert await client.embed(images[:4], flip=True) == expected


async def test_async_client_gives_the_same(embedder: Server, images: list[bytes]) -> None:
    with EmbedderClient(embedder.address) as client:
        expected = client.embed(images)
    async with AsyncEmbedderClient(embedder.address) as client:
        assert (await client.info()).models[0].name == "efficientnet-lite0"
        results = await client.embed([*images, b""])
        assert all(cosine(a, b) > 0.9999 for a, b in zip(results[:-1], expected, strict=True))
        assert isinstance(results[-1], EmbedFailure)
        assert results[-1].code == "empty"


async def test_async_stream_takes_an_asynchronous_iterable(embedder: Server, images: list[bytes]) -> None:
    async def source() -> AsyncIterator[tuple[str, bytes]]:
        for place, image in enumerate(images[:20]):
            yield f"image {place}", image

    async with AsyncEmbedderClient(embedder.address) as client:
        seen = [image_id async for image_id, _ in client.embed_stream(source())]
    assert sorted(seen) == sorted(f"image {place}" for place in range(20))


def test_an_image_that_is_too_large_is_not_sent(
    start_embedder: Callable[..., Embedder], images: list[bytes], short_folder: Path
) -> None:
    largest = max(map(len, images)) + 1
    server = start_embedder(f"unix:{short_folder}/s", "--max-image-bytes", str(largest), *QUICK)
    with EmbedderClient(server.listen) as client:
        results = client.embed([bytes(largest + 1)] * 3, "pixels")
        failures = [result.code for result in results if isinstance(result, EmbedFailure)]
        assert failures == ["too_many_bytes"] * 3
        assert server.embed_calls == 0
        assert isinstance(client.embed([bytes(largest + 1), images[0]], "pixels")[1], Embedding)


def test_large_vectors_fit_the_message_limit(
    start_embedder: Callable[..., Embedder], images: list[bytes], short_folder: Path
) -> None:
    limits = ("--max-message-bytes", str(1 << 20), "--max-image-bytes", str(1 << 19))
    server = start_embedder(f"unix:{short_folder}/s", *limits)
    with EmbedderClient(server.listen) as client:
        results = client.embed(images[:12], features="flatten")
        assert [len(vector_of(result)) for result in results] == [4 * 7 * 7 * 1280] * 12


def test_what_is_not_served_is_named(embedder: Server) -> None:
    with EmbedderClient(embedder.address) as client:
        with pytest.raises(ModelNotServed, match="choose efficientnet-lite0"):
            client.space(model="vgg16")
        with pytest.raises(ModelNotServed, match="pooled"):
            client.space(features="pixels")


def test_no_server_is_told_in_time() -> None:
    address = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    with EmbedderClient(address, retry_seconds=1) as client:
        with pytest.raises(
            ServerUnavailable, match=rf"embedder at {address} cannot be used now: nothing listens"
        ):
            client.info()
        with pytest.raises(ServerUnavailable, match=rf"no answer from the embedder at {address} in 2 s"):
            client.wait_until_serving(2)
    assert time.monotonic() - began < 12


async def test_async_no_server_is_told_in_time() -> None:
    async with AsyncEmbedderClient(f"127.0.0.1:{free_port()}", retry_seconds=1) as client:
        with pytest.raises(ServerUnavailable, match="nothing listens"):
            await client.info()
        with pytest.raises(ServerUnavailable, match="in 1 s"):
            await client.wait_until_serving(1)


def test_an_embedder_killed_in_the_middle_loses_and_doubles_nothing(
    start_embedder: Callable[..., Embedder], images: list[bytes]
) -> None:
    waits: list[str] = []
    server = start_embedder(f"127.0.0.1:{free_port()}", *QUICK)
    with EmbedderClient(server.listen, retry_seconds=120, on_wait=waits.append) as client:
        expected = client.embed(images, "pixels")
        seen: list[tuple[int, int]] = []
        many = [(turn, place) for turn in range(12) for place in range(len(images))]
        for image_id, result in client.embed_stream(((pair, images[pair[1]]) for pair in many), "pixels"):
            if len(seen) == 60:
                server.kill()
                threading.Timer(3, server.start, kwargs={"wait": False}).start()
            seen.append(image_id)
            assert result == expected[image_id[1]]
        assert sorted(seen) == many
        assert any("cannot be used now" in text for text in waits)


def test_an_embedder_that_drains_loses_nothing(
    start_embedder: Callable[..., Embedder], images: list[bytes]
) -> None:
    server = start_embedder(f"127.0.0.1:{free_port()}", *QUICK)
    # Ends after the start, so that the fixture stops the second process, too.
    with ThreadPoolExecutor(1) as starter, EmbedderClient(server.listen, retry_seconds=120) as client:
        seen: list[tuple[int, int]] = []
        many = [(turn, place) for turn in range(12) for place in range(len(images))]
        for image_id, result in client.embed_stream(((pair, images[pair[1]]) for pair in many), "pixels"):
            if len(seen) == 60:
                known(server.process).terminate()
                starter.submit(server.start_again)
            seen.append(image_id)
            assert isinstance(result, Embedding)
        assert sorted(seen) == many


@pytest.mark.parametrize("form", ["{},{}", "ipv4:{},{}"])
def test_two_embedders_share_the_work(
    start_embedder: Callable[..., Embedder], images: list[bytes], form: str
) -> None:
    one, two = (start_embedder(f"127.0.0.1:{free_port()}", *QUICK) for _ in range(2))
    with EmbedderClient(form.format(one.listen, two.listen), retry_seconds=30) as client:
        singles = 0
        while not (one.embed_calls and two.embed_calls):  # then it is connected to both
            client.embed(images[:1], "pixels")
            singles += 1
        wait_until(lambda: one.embed_calls + two.embed_calls == singles)
        before = two.embed_calls
        results = client.embed(images * 4, "pixels")
        two.stop()
        results += client.embed(images * 2, "pixels")
    one.stop()  # a call's line of log may be written after its answer, but not after the end
    assert all(isinstance(result, Embedding) for result in results)
    assert one.embed_calls + two.embed_calls == singles + 10 + 5  # calls of 16 images
    assert 3 <= two.embed_calls - before <= 10 - 3


def test_one_of_two_embedders_is_killed_and_the_other_one_goes_on(
    start_embedder: Callable[..., Embedder], images: list[bytes]
) -> None:
    one, two = (start_embedder(f"127.0.0.1:{free_port()}", *QUICK) for _ in range(2))
    told: list[str] = []
    many = [(turn, place) for turn in range(12) for place in range(len(images))]
    with EmbedderClient(f"{one.listen},{two.listen}", on_wait=told.append) as client:
        expected = client.embed(images, "pixels")
        seen: list[tuple[int, int]] = []
        for image_id, result in client.embed_stream(((pair, images[pair[1]]) for pair in many), "pixels"):
            if len(seen) == 60:
                two.kill()
            seen.append(image_id)
            assert result == expected[image_id[1]]
    assert sorted(seen) == many
    assert len(told) == 1
    assert f"without the embedder at {two.listen}, which is away for now" in told[0]


async def test_the_async_client_goes_on_without_an_embedder_that_is_killed(
    start_embedder: Callable[..., Embedder], images: list[bytes]
) -> None:
    one, two = (start_embedder(f"127.0.0.1:{free_port()}", *QUICK) for _ in range(2))
    told: list[str] = []
    many = [(turn, place) for turn in range(12) for place in range(len(images))]
    async with AsyncEmbedderClient(f"{one.listen},{two.listen}", on_wait=told.append) as client:
        seen: list[tuple[int, int]] = []
        stream = client.embed_stream(((pair, images[pair[1]]) for pair in many), "pixels")
        async for image_id, result in stream:
            if len(seen) == 60:
                one.kill()
            seen.append(image_id)
            assert isinstance(result, Embedding)
    assert sorted(seen) == many
    assert len(told) == 1
    assert one.listen in told[0]


async def test_an_embedder_that_is_away_at_the_start_joins_when_it_comes(
    start_embedder: Callable[..., Embedder], images: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedder_turns, "_AWAY_SECONDS", 3.0)
    one = start_embedder(f"127.0.0.1:{free_port()}", *QUICK)
    place = f"127.0.0.1:{free_port()}"
    for addresses in (f"{place},{one.listen}", f"{one.listen},{place}"):
        async with AsyncEmbedderClient(addresses) as client:
            assert (await client.wait_until_serving(3)).models
            assert (await client.space("pixels")).dimension
    with EmbedderClient(f"{place},{one.listen}") as client:
        assert all(isinstance(result, Embedding) for result in client.embed(images, "pixels"))
        two = start_embedder(place, *QUICK)
        wait_until(lambda: client.embed(images[:1], "pixels") and two.embed_calls > 0)
    with EmbedderClient(f"{place},127.0.0.1:{free_port()}", retry_seconds=0.1) as client:
        two.stop()
        with pytest.raises(ServerUnavailable, match="nothing listens there"):
            client.space("pixels")
