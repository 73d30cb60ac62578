"""EfficientNet-B0 to B7, from ``keras.applications``.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019).
"""

import math
from pathlib import Path

import keras
from keras import layers

from octcluster_embedder.models.networks.axes import image_shape
from octcluster_embedder.models.networks.weights_loading import load_keras_weights
from octcluster_embedder.models.registry import ModelSpec

_CONSTRUCTORS = {
    f"efficientnet-b{number}": getattr(keras.applications, f"EfficientNetB{number}") for number in range(8)
}
_IMAGENET_STANDARD_DEVIATIONS = (0.229, 0.224, 0.225)


def build_network(spec: ModelSpec, weights: Path | None) -> keras.Model:
    """Builds the network without its classification head; see the package for the arguments.

    The result is the graph that Keras builds for ``weights="imagenet"``, whatever the weights. For any
    others, its own published files included, Keras leaves out one step of the scaling: the normalization
    layer of those files divides by the square root of the standard deviation, and the step divides by it once
    more.
    """
    network = _CONSTRUCTORS[spec.name](
        weights=None, include_top=False, input_shape=image_shape(spec.input_side)
    )
    load_keras_weights(network, weights)
    (normalization,) = (layer for layer in network.layers if isinstance(layer, layers.Normalization))
    late_maps = [network.get_layer(part.source).output for part in spec.late_layers]
    convolutions = keras.Model(normalization.output, [*late_maps, network.output])
    missing_step = layers.Rescaling([1 / math.sqrt(deviation) for deviation in _IMAGENET_STANDARD_DEVIATIONS])
    return keras.Model(network.input, convolutions(missing_step(normalization.output)), name=spec.name)
