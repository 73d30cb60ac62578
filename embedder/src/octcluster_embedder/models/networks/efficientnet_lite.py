"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation and with ReLU6 for swish.

Sources: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019),
and the description of EfficientNet-Lite in the TensorFlow TPU repository (Apache-2.0).
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from octcluster_embedder.models.networks.axes import channel_axis, image_shape
from octcluster_embedder.models.networks.weights_loading import load_keras_weights
from octcluster_embedder.models.registry import ModelSpec
from octcluster_embedder.models.torch_file import read_tensors


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(repeats=1, kernel=3, stride=1, expansion=1, channels=16),
    _Stage(repeats=2, kernel=3, stride=2, expansion=6, channels=24),
    _Stage(repeats=2, kernel=5, stride=2, expansion=6, channels=40),
    _Stage(repeats=3, kernel=3, stride=2, expansion=6, channels=80),
    _Stage(repeats=3, kernel=5, stride=1, expansion=6, channels=112),
    _Stage(repeats=4, kernel=5, stride=2, expansion=6, channels=192),
    _Stage(repeats=1, kernel=3, stride=1, expansion=6, channels=320),
)
_STEM_CHANNELS = 32
_HEAD_CHANNELS = 1280


def build_network(spec: ModelSpec, weights: Path | None) -> keras.Model:
    """Builds the network without its classification head.

    Args:
        spec: The model.
        weights: A ``.pth`` file like that of the package, or weights of this very network saved by Keras.

    Raises:
        ValueError: The file does not hold this network's weights.
    """
    image = keras.Input(image_shape(spec.input_side), name="image")
    # Random values that weights replace would be drawn for nothing, and JAX compiles for each shape of them.
    network = keras.Model(image, _add_convolutions(image, "zeros" if weights else "glorot_uniform"))
    _load_weights(network, weights)
    late_maps = [network.get_layer(part.source).output for part in spec.late_layers]
    return keras.Model(image, [*late_maps, network.output], name=spec.name)


# Layers bear the names of the PyTorch modules that their weights come from, without the underscores.


def _add_convolutions(x: Any, initializer: str) -> Any:
    convolution = partial(layers.Conv2D, use_bias=False, kernel_initializer=initializer)
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(x)
    x = convolution(_STEM_CHANNELS, 3, strides=2, padding="same", name="conv_stem")(x)
    x = _normalize(x, "bn0")
    index = 0
    for stage in _STAGES:
        for repeat in range(stage.repeats):
            x = _add_block(x, f"blocks.{index}", stage, stage.stride if repeat == 0 else 1, initializer)
            index += 1
    x = convolution(_HEAD_CHANNELS, 1, name="conv_head")(x)
    return _normalize(x, "bn1")


def _add_block(x: Any, name: str, stage: _Stage, stride: int, initializer: str) -> Any:
    """Adds one inverted residual block."""
    convolution = partial(layers.Conv2D, use_bias=False, kernel_initializer=initializer)
    block_input = x
    if stage.expansion > 1:
        width = x.shape[channel_axis()] * stage.expansion
        x = convolution(width, 1, name=f"{name}.expand_conv")(x)
        x = _normalize(x, f"{name}.bn0")
    x = layers.DepthwiseConv2D(
        stage.kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=initializer,
        name=f"{name}.depthwise_conv",
    )(x)
    x = _normalize(x, f"{name}.bn1")
    x = convolution(stage.channels, 1, name=f"{name}.project_conv")(x)
    x = _batch_norm(x, f"{name}.bn2")
    if stride == 1 and block_input.shape[channel_axis()] == stage.channels:
        x = layers.Add(name=f"{name}.add")([block_input, x])
    return x


def _batch_norm(x: Any, name: str) -> Any:
    return layers.BatchNormalization(axis=channel_axis(), epsilon=1e-3, name=name)(x)


def _normalize(x: Any, name: str) -> Any:
    return layers.ReLU(max_value=6, name=f"{name}.relu6")(_batch_norm(x, name))


def _load_weights(network: keras.Model, weights: Path | None) -> None:
    if weights is not None and weights.suffix == ".pth":
        _load_torch_weights(network, weights)
    else:
        load_keras_weights(network, weights)


def _load_torch_weights(network: keras.Model, path: Path) -> None:
    tensors = read_tensors(path)
    for layer in network.layers:
        if not layer.weights:
            continue
        module = ".".join(part if part.isdigit() else f"_{part}" for part in layer.name.split("."))
        try:
            layer.set_weights(_arrange(layer, module, tensors))
        except KeyError as error:
            raise ValueError(f"it lacks the tensor {error}: it is of another network") from error
        except ValueError as error:
            raise ValueError(
                f"the tensors of {module} have other shapes: it is of another network"
            ) from error


def _arrange(layer: keras.Layer, module: str, tensors: dict[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
    """Returns a layer's tensors in the order and with the axes that Keras has them."""
    if isinstance(layer, layers.BatchNormalization):
        return [tensors[f"{module}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    weight = tensors[f"{module}.weight"]
    if isinstance(layer, layers.DepthwiseConv2D):
        return [weight.transpose(2, 3, 0, 1)]
    return [weight.transpose(2, 3, 1, 0)]
