"""How many images go to the embedder in one request."""

from dataclasses import replace

import pytest
from octcluster.clients.embedder_calls import EmbedPlan, common_space, space_of
from octcluster.model.errors import ModelNotServed, SpaceMismatch
from octcluster.model.runs import PLAIN_VIEW, VIEWS, EmbeddingSpace
from octcluster.model.server_info import EmbedderInfo, EmbedderLimits, MeasureSpace, ModelInfo


@pytest.mark.parametrize(("side", "max_images"), [(96, 16), (224, 16), (299, 8), (600, 2), (2000, 1)])
def test_large_inputs_go_in_small_requests(side: int, max_images: int) -> None:
    space = EmbeddingSpace("net", "00" * 32, "1", "pooled", "float32", 16, bytes(32))
    limits = EmbedderLimits(64 << 20, 32 << 20, 1 << 26, 16, 64)
    model = ModelInfo("net", side, side, {("pooled", False, PLAIN_VIEW): space})
    info = EmbedderInfo("1", "openvino", "CPU", [model], limits, MeasureSpace(("width",), bytes(32)))
    assert EmbedPlan.make(info, space, "host:1").max_images == max_images


@pytest.mark.parametrize(
    ("features", "views", "message"),
    [
        ("flatten", ("plain",), 'has no features "flatten": choose pooled$'),
        ("pooled", ("plain", "retina"), 'has no views "plain,retina": choose plain or retina$'),
    ],
)
def test_what_is_not_served_is_named_with_what_is(
    features: str, views: tuple[str, ...], message: str
) -> None:
    space = EmbeddingSpace("net", "00" * 32, "1", "pooled", "float32", 16, bytes(32))
    spaces = {(space.features, False, seen): replace(space, views=seen) for seen in VIEWS[:2]}
    limits = EmbedderLimits(64 << 20, 32 << 20, 1 << 26, 16, 64)
    models = [ModelInfo("net", 224, 224, spaces)]
    info = EmbedderInfo("1", "openvino", "CPU", models, limits, MeasureSpace(("width",), bytes(32)))
    assert space_of(info, "pooled", "", flip=False, views=("retina",), address="a").views == ("retina",)
    with pytest.raises(ModelNotServed, match=message):
        space_of(info, features, "", flip=False, views=views, address="host:1")


def test_embedders_that_disagree_are_both_named() -> None:
    space = EmbeddingSpace("net", "00" * 32, "1", "pooled", "float32", 16, bytes(32))
    addresses = ["a:1", "b:2", "c:3"]
    assert common_space([space] * 3, addresses) is space
    other = replace(space, digest=bytes([1]) * 32)
    with pytest.raises(SpaceMismatch, match=r"at a:1 and c:3 make vectors of net that cannot be compared"):
        common_space([space, space, other], addresses)


def test_requests_to_several_embedders_fit_the_smallest_of_their_limits() -> None:
    space = EmbeddingSpace("net", "00" * 32, "1", "pooled", "float32", 16, bytes(32))
    model = ModelInfo("net", 224, 224, {("pooled", False, PLAIN_VIEW): space})
    few = EmbedderLimits(64 << 20, 32 << 20, 1 << 26, 16, 4)
    small = EmbedderLimits(64 << 20, 1 << 20, 1 << 26, 16, 64)
    measures = MeasureSpace(("width",), bytes(32))
    infos = [EmbedderInfo("1", "openvino", "CPU", [model], one, measures) for one in (few, small)]
    plan = EmbedPlan.make_common(infos, space, "a:1,b:2")
    assert (plan.max_images, plan.max_image_bytes) == (4, 1 << 20)
