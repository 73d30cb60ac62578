"""Vectors over the wire, from a real server with a real model."""

import io
import struct
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import grpc
import numpy as np
import pytest
from octcluster_embedder.images.decoding import DECODING_VERSION
from octcluster_embedder.images.measures import MEASURES
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub
from PIL import Image
from processes import Server
from waiting import wait_until

POOLED, FLATTEN, BLOCKS = pb.FEATURES_POOLED, pb.FEATURES_FLATTEN, pb.FEATURES_BLOCKS
UNKNOWN = cast("pb.Features.ValueType", 99)
PLAIN, RETINA = pb.VIEW_PLAIN, pb.VIEW_RETINA


def vector(result: pb.EmbedResult) -> np.ndarray:
    assert result.WhichOneof("outcome") == "vector", result.error
    return np.frombuffer(result.vector, "<f4")


def embed(
    stub: EmbedderServiceStub,
    items: list[pb.EmbedItem],
    features: "pb.Features.ValueType" = POOLED,
    flip: bool = False,
    views: Sequence["pb.View.ValueType"] = (),
) -> pb.EmbedResponse:
    return stub.Embed(pb.EmbedRequest(features=features, items=items, flip=flip, views=views), timeout=60)


def spaces_of(stub: EmbedderServiceStub) -> dict[tuple[int, bool], pb.EmbeddingSpace]:
    (model,) = stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=10).models
    return {(space.features, space.flip): space for space in model.spaces if list(space.views) == [PLAIN]}


def encode(image: Image.Image, file_format: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format)
    return stream.getvalue()


def test_server_info(stub: EmbedderServiceStub) -> None:
    info = stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=10)
    assert info.version
    assert (info.runtime, info.device) in {("openvino", "CPU"), ("jax", "GPU")}
    assert [model.name for model in info.models] == ["efficientnet-lite0"]
    model = info.models[0]
    assert (model.input_height, model.input_width) == (224, 224)
    parts = {POOLED: [1280], FLATTEN: [7 * 7 * 1280], BLOCKS: [672, 1152, 1280]}
    assert {key: list(space.part_dimensions) for key, space in spaces_of(stub).items()} == {
        (features, flip): dimensions for features, dimensions in parts.items() for flip in (False, True)
    }
    assert len({space.digest for space in model.spaces}) == len(model.spaces) == 18
    for space in model.spaces:
        is_plain = list(space.views) == [PLAIN]
        assert space.data_type == (pb.DATA_TYPE_FLOAT32 if is_plain else pb.DATA_TYPE_FLOAT16)
        assert list(space.part_dimensions) == parts[space.features] * len(space.views)
        assert space.dimension == sum(space.part_dimensions)
        assert len(space.digest) == 32
        assert space.preprocessing_version.startswith(DECODING_VERSION + "/")
    assert tuple(info.measures.names) == MEASURES
    assert len(info.measures.digest) == 32
    assert info.limits == pb.Limits(
        max_message_bytes=64 * 2**20,
        max_image_bytes=32 * 2**20,
        max_image_pixels=64_000_000,
        min_image_side=16,
        max_images_per_request=64,
    )


def test_pooled_and_flatten_vectors(stub: EmbedderServiceStub, items: list[pb.EmbedItem]) -> None:
    spaces = spaces_of(stub)
    pooled, flatten = embed(stub, items[:6], POOLED), embed(stub, items[:6], FLATTEN)
    assert pooled.space_digest == spaces[POOLED, False].digest
    assert flatten.space_digest == spaces[FLATTEN, False].digest
    for one, whole in zip(pooled.results, flatten.results, strict=True):
        assert vector(one).shape == (1280,)
        averaged = vector(whole).reshape(49, 1280).mean(axis=0)
        assert np.allclose(vector(one), averaged, atol=1e-4)
    assert np.abs(vector(pooled.results[0]) - vector(pooled.results[1])).max() > 0.01


def test_blocks_end_with_pooled(stub: EmbedderServiceStub, items: list[pb.EmbedItem]) -> None:
    pooled, blocks = embed(stub, items[:6], POOLED), embed(stub, items[:6], BLOCKS)
    assert blocks.space_digest == spaces_of(stub)[BLOCKS, False].digest
    for last, whole in zip(pooled.results, blocks.results, strict=True):
        assert vector(whole).shape == (3104,)
        assert np.allclose(vector(whole)[-1280:], vector(last), atol=1e-4)
        assert (vector(whole)[:1824] < 0).any(), "an activation came before the average"


@pytest.mark.parametrize("features", [POOLED, FLATTEN, BLOCKS])
def test_a_flipped_vector_is_the_mean_with_the_mirror_image(
    stub: EmbedderServiceStub, images: list[bytes], features: "pb.Features.ValueType"
) -> None:
    upright = [Image.open(io.BytesIO(image)).convert("L") for image in images[:3]]
    pairs = [(image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) for image in upright]
    items = [
        pb.EmbedItem(id=number, image=encode(image, "PNG"))
        for number, image in enumerate(image for pair in pairs for image in pair)
    ]
    plain = np.stack([vector(one) for one in embed(stub, items, features).results])
    flipped = embed(stub, items, features, flip=True)
    both = np.stack([vector(one) for one in flipped.results])
    means = (plain[::2] + plain[1::2]) / 2
    assert flipped.space_digest == spaces_of(stub)[features, True].digest
    for found in (both[::2], both[1::2]):
        assert np.allclose(found, means, atol=5e-2 if features == FLATTEN else 5e-3)
    assert np.abs(plain[::2] - plain[1::2]).max() > 0.1, "the images are their own mirror images"


def test_both_views_come_in_one_vector(stub: EmbedderServiceStub, items: list[pb.EmbedItem]) -> None:
    plain = embed(stub, items[:4], BLOCKS, flip=True)
    retina = embed(stub, items[:4], BLOCKS, flip=True, views=[RETINA])
    both = embed(stub, items[:4], BLOCKS, flip=True, views=[PLAIN, RETINA])
    assert len({one.space_digest for one in (plain, retina, both)}) == 3
    for first, second, joined in zip(plain.results, retina.results, both.results, strict=True):
        values = np.frombuffer(joined.vector, "<f2")
        assert values.shape == (2 * 3104,)
        assert np.array_equal(values[:3104], vector(first).astype("<f2"))
        assert np.array_equal(values[3104:], np.frombuffer(second.vector, "<f2"))
        assert np.abs(values[:3104] - values[3104:]).max() > 0.05
        found = [
            np.frombuffer(one.measures, "<f4")[MEASURES.index("retina_found")] for one in (first, joined)
        ]
        assert found == [-1, 1]


def test_an_image_without_a_retina_keeps_its_plain_view(stub: EmbedderServiceStub) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (496, 512), np.uint8))
    items = [pb.EmbedItem(id=0, image=encode(noise, "PNG"))]
    (result,) = embed(stub, items, BLOCKS, views=[PLAIN, RETINA]).results
    values = np.frombuffer(result.vector, "<f2")
    assert np.array_equal(values[:3104], values[3104:])
    assert np.frombuffer(result.measures, "<f4")[MEASURES.index("retina_found")] == 0


@pytest.mark.parametrize(
    "views",
    [
        [RETINA, PLAIN],
        [PLAIN, PLAIN],
        [pb.VIEW_UNSPECIFIED],
        [cast("pb.View.ValueType", 99)],
    ],
)
def test_views_that_there_are_not_are_refused(
    stub: EmbedderServiceStub, items: list[pb.EmbedItem], views: list["pb.View.ValueType"]
) -> None:
    with pytest.raises(grpc.RpcError) as refusal:
        embed(stub, items[:1], views=views)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "views" in str(refusal.value.details())


def test_measures_come_with_vectors_and_not_with_errors(
    stub: EmbedderServiceStub, images: list[bytes]
) -> None:
    items = [
        pb.EmbedItem(id=number, image=image) for number, image in enumerate([*images[:6], b"", images[0]])
    ]
    results = embed(stub, items, BLOCKS, flip=True).results
    for image, result in zip(images, results[:6], strict=False):
        pixels = Image.open(io.BytesIO(image))
        width, height, brightness, white_border_share, *_ = np.frombuffer(result.measures, "<f4")
        assert (width, height) == pixels.size
        assert abs(brightness - np.asarray(pixels.convert("L")).mean()) < 2
        assert 0 <= white_border_share < 0.5
    assert results[6].measures == b""
    assert results[7].measures == results[0].measures


def test_results_keep_the_order_of_the_request(stub: EmbedderServiceStub, items: list[pb.EmbedItem]) -> None:
    shuffled = items[::-1]
    assert [one.id for one in embed(stub, shuffled).results] == [item.id for item in shuffled]


def test_default_model_and_named_model_are_the_same(
    stub: EmbedderServiceStub, items: list[pb.EmbedItem]
) -> None:
    named = stub.Embed(pb.EmbedRequest(model="efficientnet-lite0", features=POOLED, items=items[:2]))
    assert named == embed(stub, items[:2])


def test_an_empty_request_says_the_space(stub: EmbedderServiceStub) -> None:
    response = embed(stub, [])
    assert len(response.space_digest) == 32
    assert not response.results


def bad_images(good: bytes) -> dict[int, bytes]:
    """One bad image for each code, by the code."""
    bomb_header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", bomb_header), (b"IDAT", zlib.compress(b"\0" * 2**20))):
        bomb += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return {
        pb.EMBED_ERROR_CODE_EMPTY: b"",
        pb.EMBED_ERROR_CODE_TOO_MANY_BYTES: b"\0" * (32 * 2**20 + 1),
        pb.EMBED_ERROR_CODE_TOO_MANY_PIXELS: bomb,
        pb.EMBED_ERROR_CODE_TOO_SMALL: encode(Image.new("L", (1, 1)), "PNG"),
        pb.EMBED_ERROR_CODE_UNSUPPORTED_FORMAT: b"a text that someone named .jpg",
        pb.EMBED_ERROR_CODE_CORRUPT: good[: len(good) // 2],
    }


def test_bad_images_fail_alone(stub: EmbedderServiceStub, items: list[pb.EmbedItem]) -> None:
    bad = bad_images(items[0].image)
    mixed = [items[0], *(pb.EmbedItem(id=1000 + code, image=image) for code, image in bad.items()), items[1]]
    results = embed(stub, mixed).results
    assert [one.id for one in results] == [item.id for item in mixed]
    good = embed(stub, [items[0], items[1]]).results
    assert [results[0].vector, results[-1].vector] == [one.vector for one in good]
    for code, result in zip(bad, results[1:-1], strict=True):
        assert result.WhichOneof("outcome") == "error"
        assert result.error.code == code
        assert len(result.error.message) > 20


def test_sixteen_bit_tiff_is_a_good_image(stub: EmbedderServiceStub, images: list[bytes]) -> None:
    grey = np.asarray(Image.open(io.BytesIO(images[0])).convert("L"))
    eight = encode(Image.fromarray(grey), "PNG")
    sixteen = encode(Image.fromarray(grey.astype(np.uint16) * 257), "TIFF")
    first, second = embed(stub, [pb.EmbedItem(id=1, image=eight), pb.EmbedItem(id=2, image=sixteen)]).results
    assert first.vector == second.vector


@pytest.mark.parametrize(
    ("features", "flip"), [(POOLED, False), (POOLED, True), (FLATTEN, False), (BLOCKS, False), (BLOCKS, True)]
)
def test_the_bits_are_the_same_however_images_are_shared_out_among_calls(
    stub: EmbedderServiceStub, items: list[pb.EmbedItem], features: "pb.Features.ValueType", flip: bool
) -> None:
    items = items[:11]
    expected = {one.id: one.vector for one in embed(stub, items, features, flip).results}
    for size in (1, 5):
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        requests = [pb.EmbedRequest(features=features, items=part, flip=flip) for part in parts]
        calls = [stub.Embed.future(request, timeout=60) for request in requests]
        results = [one for call in calls for one in call.result().results]
        assert len(results) == len(items)
        assert {one.id: one.vector for one in results} == expected


def test_calls_at_the_same_time_may_differ_in_features(
    stub: EmbedderServiceStub, items: list[pb.EmbedItem]
) -> None:
    kinds = [POOLED if item.id % 2 else FLATTEN for item in items[:12]]
    requests = [
        pb.EmbedRequest(features=kind, items=[item]) for kind, item in zip(kinds, items, strict=False)
    ]
    spaces = spaces_of(stub)
    calls = [stub.Embed.future(request, timeout=60) for request in requests]
    for kind, item, call in zip(kinds, items, calls, strict=False):
        space = spaces[kind, False]
        answer = call.result()
        assert answer.space_digest == space.digest
        assert [(one.id, vector(one).size) for one in answer.results] == [(item.id, space.dimension)]


def test_concurrent_clients_get_their_own_answers(server: Server, items: list[pb.EmbedItem]) -> None:
    def client(number: int) -> dict[int, bytes]:
        part = items[number::4]
        with grpc.insecure_channel(server.address) as channel:
            own = EmbedderServiceStub(channel)
            if number % 2:
                return {one.id: one.vector for one in embed(own, part).results}
            calls = [own.Embed.future(pb.EmbedRequest(features=POOLED, items=[item])) for item in part]
            return {one.id: one.vector for call in calls for one in call.result().results}

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(client, range(4)))
    for number, answer in enumerate(together):
        assert answer == client(number)
        assert set(answer) == {item.id for item in items[number::4]}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (pb.EmbedRequest(items=[]), "FEATURES_POOLED, FEATURES_FLATTEN, FEATURES_BLOCKS"),
        (pb.EmbedRequest(features=UNKNOWN), "FEATURES_POOLED, FEATURES_FLATTEN, FEATURES_BLOCKS"),
        (pb.EmbedRequest(model="resnet152", features=POOLED), "it serves: efficientnet-lite0"),
        (pb.EmbedRequest(features=POOLED, items=[pb.EmbedItem(id=1), pb.EmbedItem(id=1)]), "same id"),
        (pb.EmbedRequest(features=POOLED, items=[pb.EmbedItem(id=n) for n in range(65)]), "limit of 64"),
    ],
)
def test_broken_rules_refuse_the_whole_request(
    stub: EmbedderServiceStub, request_: pb.EmbedRequest, message: str
) -> None:
    with pytest.raises(grpc.RpcError, match=message) as refused:
        stub.Embed(request_, timeout=10)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_message_that_is_too_large_is_refused(stub: EmbedderServiceStub) -> None:
    half = pb.EmbedItem(image=b"\0" * 2**25)  # of the largest message, besides what surrounds it
    with pytest.raises(grpc.RpcError) as error:
        embed(stub, [half, half])
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_cancelled_call_hurts_nobody(server: Server, items: list[pb.EmbedItem]) -> None:
    with grpc.insecure_channel(server.address) as channel:
        own = EmbedderServiceStub(channel)

        def cancel_one() -> bool:
            call = own.Embed.future(pb.EmbedRequest(features=FLATTEN, items=items))
            spaces_of(own)  # meanwhile the call may begin
            call.cancel()
            return "Embed CANCELLED" in server.log

        wait_until(cancel_one)
        assert len(embed(own, items[:8]).results) == 8
    assert "Traceback" not in server.log


def test_a_call_past_its_deadline_ends(stub: EmbedderServiceStub, items: list[pb.EmbedItem]) -> None:
    with pytest.raises(grpc.RpcError) as error:
        stub.Embed(pb.EmbedRequest(features=POOLED, items=items), timeout=0.02)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(embed(stub, items[:2]).results) == 2
