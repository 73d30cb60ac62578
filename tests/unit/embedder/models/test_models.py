"""The models: their table, their networks and the scaling inside them."""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from octcluster_embedder.errors import SettingError
from octcluster_embedder.models.registry import (
    DEFAULT_MODEL,
    MODELS,
    KerasWeights,
    ModelSpec,
    PackagedWeights,
    find_model,
)
from octcluster_embedder.models.torch_file import read_tensors
from octcluster_embedder.models.weights import Weights, WeightsOptions, find_weights
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.spaces import RETINA_VERSION, VIEWS_OFFERED, Features, VectorPart, View
from PIL import Image

pytestmark = pytest.mark.heavy

INPUT_SIDES = {
    "efficientnet-lite0": 224,
    "efficientnet-b0": 224,
    "efficientnet-b1": 240,
    "efficientnet-b2": 260,
    "efficientnet-b3": 300,
    "efficientnet-b4": 380,
    "efficientnet-b5": 456,
    "efficientnet-b6": 528,
    "efficientnet-b7": 600,
    "vgg16": 224,
    "resnet50": 224,
    "inception-v3": 299,
    "pixels": 150,
}
IMAGENET_MEANS = (0.485, 0.456, 0.406)
IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)
PALACE = 698
DAISY = 985


def centre_crop(image: np.ndarray, side: int) -> np.ndarray:
    height, width, _ = image.shape
    crop = min(height, width)
    top, left = (height - crop) // 2, (width - crop) // 2
    square = Image.fromarray(image[top : top + crop, left : left + crop])
    return np.asarray(square.resize((side, side), Image.Resampling.BILINEAR))


def compute(model: Any, images: np.ndarray) -> Any:
    """What a model gives, by one program of all layers: JAX would compile one for each of them otherwise."""
    return model.predict(images, batch_size=len(images), verbose=0)


def crop_all(photographs: dict[str, np.ndarray], side: int) -> np.ndarray:
    return np.stack([centre_crop(photograph, side) for photograph in photographs.values()])


def assert_equal_for_two_images(found: np.ndarray, expected: np.ndarray, within: float) -> None:
    """Compares by length, and only what depends on the image: random networks may forget it on the way."""
    length = np.linalg.norm(expected)
    assert np.linalg.norm(expected[0] - expected[1]) > 20 * within * length, "it does not depend on the image"
    assert np.linalg.norm(found - expected) <= within * length


@pytest.fixture(scope="module")
def photographs() -> dict[str, np.ndarray]:
    from sklearn.datasets import load_sample_image

    return {name: load_sample_image(name) for name in ("china.jpg", "flower.jpg")}


def test_every_model_has_its_own_input_size() -> None:
    assert {name: spec.input_side for name, spec in MODELS.items()} == INPUT_SIDES
    assert DEFAULT_MODEL in MODELS


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"efficientnet-b9.*efficientnet-lite0.*inception-v3"):
        find_model("efficientnet-b9")


def test_spaces_tell_models_weights_and_features_apart() -> None:
    lite, b0 = find_model("efficientnet-lite0"), find_model("efficientnet-b0")
    moved = replace(
        lite, late_layers=(replace(lite.late_layers[0], source="blocks.9.bn1"), *lite.late_layers[1:])
    )
    spaces = [*lite.spaces("a" * 64).values(), *lite.spaces("b" * 64).values(), *b0.spaces("a" * 64).values()]
    spaces += [space.variant(True) for space in spaces] + [moved.spaces("a" * 64)[Features.BLOCKS]]
    assert len({space.digest for space in spaces}) == len(spaces) == 19
    assert lite.spaces("a" * 64)[Features.FLATTEN].dimension == 62720
    assert lite.spaces("a" * 64)[Features.POOLED].preprocessing_version.endswith("/scale-127-128")


LITE0_DIGESTS = {
    Features.POOLED: (
        "7e7b4cfed786d22aeffed60099dac3e6356fc6d2d47b576493fd45da366dc3e3",
        "7deba074f2f5f4c0610ec41b87457cb600de77dc585c17c52c1f73b722e55737",
    ),
    Features.BLOCKS: (
        "e497af86226a07586ef2751f34761bd9c712ca0b6028f72ce480ad6d418278ad",
        "64ac3f77afbe7a3e268e2b5cf51d1a40fedc88a72326a042c6cdc4c24223028e",
    ),
}
"""Without and with flip: what caches hold under these stays valid."""


@pytest.mark.parametrize("features", LITE0_DIGESTS)
def test_the_digests_of_the_view_plain_stay_as_they_are(
    features: Features,
) -> None:
    spec = find_model("efficientnet-lite0")
    assert isinstance(spec.weights, PackagedWeights)
    plain = spec.spaces(spec.weights.sha256)[features]
    found = tuple(plain.variant(flip).digest.hex() for flip in (False, True))
    assert found == LITE0_DIGESTS[features]


def test_views_make_spaces_of_their_own() -> None:
    plain = find_model("efficientnet-lite0").spaces("a" * 64)[Features.BLOCKS]
    spaces = [plain.variant(flip, views) for flip in (False, True) for views in VIEWS_OFFERED]
    assert len({space.digest for space in spaces}) == 6
    retina, both = spaces[1:3]
    assert [part.dimension for part in both.parts] == [672, 1152, 1280] * 2
    assert (both.data_type, both.vector_bytes) == ("float16", 2 * 6208)
    assert retina.preprocessing_version == f"{plain.preprocessing_version}/{RETINA_VERSION}"
    assert both.variant(False, VIEWS_OFFERED[2]).parts != plain.parts
    pixels = find_model("pixels").spaces("")[Features.PIXELS]
    assert pixels.variant(False, (View.RETINA,)).data_type == "uint8"


# No test looks at the side of these networks' maps: smaller images show as much, and take less time.
_SIDES_COMPUTED = {"efficientnet-lite0": 96, "vgg16": 64, "inception-v3": 107}


class Networks:
    """Networks of Keras's layers with random weights, and the graphs that hold these: each is built once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[str, tuple[Any, Any]] = {}
        self._late: dict[str, Any] = {}

    def weights(self, name: str) -> Path:
        """The file with the weights of a network that was built."""
        return self._folder / f"{name}.weights.h5"

    def build(self, name: str) -> tuple[Any, Any]:
        """A network without its head, and our graph with its weights."""
        from octcluster_embedder.models.graph import build_graph

        if name not in self._built:
            spec = find_model(name)
            spec = replace(spec, input_side=_SIDES_COMPUTED.get(name, spec.input_side))
            network = plain_network(spec)
            path = self.weights(name)
            network.save_weights(path)
            self._built[name] = network, build_graph(spec, Weights(path, "0" * 64))
        return self._built[name]

    def late_convolutions(self, name: str) -> Any:
        """Keras's own EfficientNet, scaling included: its last map, and what its late layers get."""
        import keras

        if name not in self._late:
            network, _ = self.build(name)
            if name != "efficientnet-lite0":
                network = published(name, network, self._folder)
            sources = [
                re.sub(r"\bbn1$", "depthwise_conv", re.sub(r"_bn$", "_dwconv", layer.source))
                for layer in find_model(name).late_layers
            ]
            outputs = [network.get_layer(source).output for source in sources]
            self._late[name] = keras.Model(network.input, [network.outputs[-1], *outputs])
        return self._late[name]

    def graph(self, name: str) -> Any:
        """The graph of a model as it is used, with any weights."""
        from octcluster_embedder.models.graph import build_graph

        if name in self._built and name not in _SIDES_COMPUTED:
            return self._built[name][1]
        return build_graph(find_model(name), None)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    return Networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def lite0() -> Any:
    """The graph of the default model with the weights of its package."""
    from octcluster_embedder.models.graph import build_graph

    spec = find_model("efficientnet-lite0")
    return build_graph(spec, find_weights(spec, WeightsOptions()))


@pytest.mark.parametrize(
    "name", ["efficientnet-lite0", "efficientnet-b0", "efficientnet-b1", "vgg16", "resnet50", "inception-v3"]
)
def test_the_network_has_the_shapes_of_the_table(name: str, networks: Networks) -> None:
    spec = find_model(name)
    graph = networks.graph(name)
    side = spec.input_side
    assert (graph.input.shape, graph.input.dtype) == ((None, side, side, 3), "uint8")
    spaces = spec.spaces("0" * 64)
    assert list(graph.output) == list(spaces)
    for features, space in spaces.items():
        output = graph.output[features.value]
        assert (output.shape, output.dtype) == ((None, space.dimension), "float32")
    assert (Features.BLOCKS in spaces) == name.startswith("efficientnet")


@pytest.mark.parametrize(
    ("variant", "width"),
    [("b0", 1.0), ("b1", 1.0), ("b2", 1.1), ("b3", 1.2), ("b4", 1.4), ("b5", 1.6), ("b6", 1.8), ("b7", 2.0)],
)
def test_the_maps_of_efficientnet_follow_its_scaling_rule(variant: str, width: float) -> None:
    """Five halvings of the side; 1280 channels times the width, in eights (Tan and Le, 2019)."""
    spec = find_model(f"efficientnet-{variant}")
    side = math.ceil(spec.input_side / 32)
    assert spec.feature_map == (side, side, round(1280 * width / 8) * 8)


@pytest.mark.parametrize(
    ("variant", "width", "depth"),
    [
        ("b0", 1.0, 1.0),
        ("b1", 1.0, 1.1),
        ("b2", 1.1, 1.2),
        ("b3", 1.2, 1.4),
        ("b4", 1.4, 1.8),
        ("b5", 1.6, 2.2),
        ("b6", 1.8, 2.6),
        ("b7", 2.0, 3.1),
    ],
)
def test_the_late_layers_of_efficientnet_follow_its_scaling_rule(
    variant: str, width: float, depth: float
) -> None:
    """A depthwise convolution has six times the channels of its block's input.

    That is 112 after a block of stage 5 and 192 after one of stage 6, times the width in eights; stage 5 has
    three blocks times the depth.
    """
    last_of_stage_five = "abcdefghij"[math.ceil(3 * depth) - 1]
    assert find_model(f"efficientnet-{variant}").late_layers == (
        VectorPart(f"block5{last_of_stage_five}_bn", 6 * 8 * round(112 * width / 8)),
        VectorPart("block6b_bn", 6 * 8 * round(192 * width / 8)),
    )


def test_published_weights_are_those_that_keras_names() -> None:
    from keras.src.applications import efficientnet, inception_v3, resnet, vgg16

    url = efficientnet.BASE_WEIGHTS_PATH + "efficientnet{}_notop.h5"
    expected = {
        f"efficientnet-{variant}": KerasWeights(url.format(variant), md5_without_top)
        for variant, (_, md5_without_top) in efficientnet.WEIGHTS_HASHES.items()
    }
    found = {name: spec.weights for name, spec in MODELS.items() if isinstance(spec.weights, KerasWeights)}
    assert {name: found[name] for name in expected} == expected
    assert found["vgg16"].url == vgg16.WEIGHTS_PATH_NO_TOP
    assert found["inception-v3"].url == inception_v3.WEIGHTS_PATH_NO_TOP
    assert found["resnet50"].url.startswith(resnet.BASE_WEIGHTS_PATH)
    assert found["resnet50"].md5 == resnet.WEIGHTS_HASHES["resnet50"][1]


def test_lite0_with_the_weights_of_the_package_knows_a_palace_and_a_daisy(
    photographs: dict[str, np.ndarray], lite0: Any
) -> None:
    path = find_weights(find_model("efficientnet-lite0"), WeightsOptions()).path
    images = crop_all(photographs, 224)
    head = read_tensors(path)
    logits = compute(lite0, images)["pooled"] @ head["_fc.weight"].T + head["_fc.bias"]
    assert logits.argmax(axis=1).tolist() == [PALACE, DAISY]


def test_efficientnet_scales_as_keras_does_for_its_published_weights(
    photographs: dict[str, np.ndarray], networks: Networks
) -> None:
    """Keras leaves out a step of the scaling for any weights but "imagenet": ours must have it."""
    _, graph = networks.build("efficientnet-b0")
    images = crop_all(photographs, 224)
    expected, *_ = compute(networks.late_convolutions("efficientnet-b0"), images)
    assert_equal_for_two_images(compute(graph, images)["pooled"], expected.mean(axis=(1, 2)), within=1e-5)


@pytest.mark.parametrize(
    ("name", "shift", "divisor", "bgr"),
    [
        ("vgg16", (103.939, 116.779, 123.68), 1.0, True),
        ("resnet50", (103.939, 116.779, 123.68), 1.0, True),
        ("inception-v3", (127.5, 127.5, 127.5), 127.5, False),
    ],
)
def test_classic_networks_scale_as_they_were_trained(
    name: str,
    shift: tuple[float, ...],
    divisor: float,
    bgr: bool,
    photographs: dict[str, np.ndarray],
    networks: Networks,
) -> None:
    network, graph = networks.build(name)
    images = crop_all(photographs, graph.input.shape[1])
    scaled = ((images[..., ::-1] if bgr else images) - np.array(shift)) / divisor
    expected = compute(network, scaled.astype(np.float32)).mean(axis=(1, 2))
    assert_equal_for_two_images(compute(graph, images)["pooled"], expected, within=1e-5)


@pytest.mark.parametrize("name", ["efficientnet-b0", "resnet50"])
def test_openvino_computes_the_same_graph_with_channels_first(
    name: str, photographs: dict[str, np.ndarray], networks: Networks, tmp_path: Path
) -> None:
    _, graph = networks.build(name)
    images = crop_all(photographs, find_model(name).input_side)
    expected = compute(graph, images)
    runtime = load_runtime("openvino", name, WeightsOptions(file=networks.weights(name)), tmp_path)
    for features in runtime.spaces:
        assert_equal_for_two_images(runtime.infer(images, features), expected[features.value], within=1e-4)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-b0", "efficientnet-b1"])
def test_blocks_are_averages_after_the_depthwise_batch_norms(
    name: str, photographs: dict[str, np.ndarray], networks: Networks
) -> None:
    """Against the depthwise convolutions of Keras's own network, and the batch norm by hand."""
    spec = find_model(name)
    network, graph = networks.build(name)
    images = crop_all(photographs, graph.input.shape[1])
    found = compute(graph, images)

    sizes = [part.dimension for part in spec.parts()[Features.BLOCKS]]
    *averages, pooled = np.split(found["blocks"], np.cumsum(sizes)[:-1], axis=1)
    np.testing.assert_allclose(pooled, found["pooled"], rtol=1e-5)
    _, *maps = compute(networks.late_convolutions(name), images)
    for average, layer, before in zip(averages, spec.late_layers, maps, strict=True):
        norm = network.get_layer(layer.source)
        gamma, beta, mean, variance = norm.get_weights()
        after = (before - mean) / np.sqrt(variance + norm.epsilon) * gamma + beta
        assert after.min() < 0, "an activation would cut this off"
        assert_equal_for_two_images(average, after.mean(axis=(1, 2)), within=1e-4)


def plain_network(spec: ModelSpec) -> Any:
    """A network of Keras's layers, not nested, whose batch norms do something where blocks are sought."""
    import keras
    from octcluster_embedder.models.networks import efficientnet_lite

    constructors = {
        "vgg16": keras.applications.VGG16,
        "resnet50": keras.applications.ResNet50,
        "inception-v3": keras.applications.InceptionV3,
    }
    if spec.name in constructors:
        return constructors[spec.name](weights=None, include_top=False)
    if spec.network == "efficientnet_lite":
        network = efficientnet_lite.build_network(spec, None)
    else:
        constructor = getattr(keras.applications, f"EfficientNetB{spec.name[-1]}")
        shape = (spec.input_side, spec.input_side, 3)  # Keras pads by it
        network = constructor(weights=None, include_top=False, input_shape=shape)
        (normalization,) = (one for one in network.layers if isinstance(one, keras.layers.Normalization))
        normalization.set_weights([np.array(IMAGENET_MEANS), np.array(IMAGENET_DEVIATIONS), np.array(0)])
        normalization.finalize_state()
    randomize_batch_norms(network)
    return network


def published(name: str, network: Any, folder: Path) -> Any:
    """What Keras makes of a network's weights, in the format in which it publishes them."""
    import keras
    from keras.src.applications import efficientnet
    from keras.src.legacy.saving import legacy_h5_format

    path = folder / f"{name}_notop.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: str(path))
        # With its size: of a map with an odd side Keras pads another edge where it knows none.
        return getattr(keras.applications, f"EfficientNetB{name[-1]}")(
            weights="imagenet", include_top=False, input_shape=network.input.shape[1:]
        )


def randomize_batch_norms(network: Any) -> None:
    """Random weights leave batch norms as the identity: this makes them do something."""
    import keras

    random = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = len(layer.get_weights()[0])
            factors = [random.uniform(0.5, 1.5, count) for _ in range(2)]
            shifts = [random.normal(0, 0.2, count) for _ in range(2)]
            layer.set_weights([factors[0], *shifts, factors[1]])


def test_pooled_is_the_average_of_the_map_that_flatten_holds(
    photographs: dict[str, np.ndarray], lite0: Any
) -> None:
    found = compute(lite0, crop_all(photographs, 224))
    feature_map = find_model("efficientnet-lite0").feature_map
    averages = found["flatten"].reshape(2, *feature_map).mean(axis=(1, 2))
    np.testing.assert_allclose(found["pooled"], averages, rtol=1e-4, atol=1e-6)
