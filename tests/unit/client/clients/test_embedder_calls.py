"""How many images go to the embedder in one request."""

import pytest
from octcluster.clients.embedder_calls import EmbedPlan
from octcluster.model.runs import EmbeddingSpace
from octcluster.model.server_info import EmbedderInfo, EmbedderLimits, MeasureSpace, ModelInfo


@pytest.mark.parametrize(("side", "max_images"), [(96, 16), (224, 16), (299, 8), (600, 2), (2000, 1)])
def test_large_inputs_go_in_small_requests(side: int, max_images: int) -> None:
    space = EmbeddingSpace("net", "00" * 32, "1", "pooled", "float32", 16, bytes(32))
    limits = EmbedderLimits(64 << 20, 32 << 20, 1 << 26, 16, 64)
    model = ModelInfo("net", side, side, {("pooled", False): space})
    info = EmbedderInfo("1", "openvino", "CPU", [model], limits, MeasureSpace(("width",), bytes(32)))
    assert EmbedPlan.make(info, space, "host:1").max_images == max_images
