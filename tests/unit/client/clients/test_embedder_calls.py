"""How many images go to the embedder in one request."""

from dataclasses import replace

import pytest
from octcluster.clients.embedder_calls import EmbedPlan, space_of
from octcluster.model.errors import ModelNotServed
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
