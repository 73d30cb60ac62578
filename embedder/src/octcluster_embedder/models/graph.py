"""The whole graph of a model: from uint8 images to every kind of features, scaling included."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import keras
from keras import layers, ops

from octcluster_embedder.errors import ModelUnavailable
from octcluster_embedder.models.networks.axes import channels_first
from octcluster_embedder.models.registry import ModelSpec
from octcluster_embedder.models.weights import Weights
from octcluster_embedder.spaces import Features, Precision


def build_graph(
    spec: ModelSpec, weights: Weights | None, precision: Precision = Precision.FLOAT32
) -> keras.Model:
    """Builds a model's graph, for the backend of Keras that the process has chosen.

    Args:
        spec: The model.
        weights: Its weights; None: random ones.
        precision: What it computes in; the weights are float32 all the same.

    Returns:
        A Keras model. Input: uint8, shape (n_images, input_side, input_side, 3), RGB 0 to 255. Outputs,
        float32: ``pooled``, shape (n_images, channels); ``flatten``, shape (n_images, height * width *
        channels), the last map in row-major order; and, if the model has late layers, ``blocks``, shape
        (n_images, sum of the parts), their global averages and then ``pooled``.

    Raises:
        ModelUnavailable: The weights do not fit the model.
    """
    family = import_module(f"octcluster_embedder.models.networks.{spec.network}")
    try:
        with _computing_in(precision):
            network = family.build_network(spec, weights and weights.path)
    except ValueError as error:
        if weights is None:
            raise
        raise ModelUnavailable(
            f"{weights.path} does not hold weights for {spec.name} without its classification head: {error}"
        ) from error
    image = keras.Input((spec.input_side, spec.input_side, 3), dtype="uint8", name="image")
    shown = ops.cast(image, "float32")
    *late_maps, last_map = network(ops.transpose(shown, (0, 3, 1, 2)) if channels_first() else shown)
    pooled = layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(last_map)
    outputs = {
        Features.POOLED.value: pooled,
        Features.FLATTEN.value: layers.Flatten(name="flatten", dtype="float32")(last_map),
    }
    if late_maps:
        averages = [layers.GlobalAveragePooling2D(dtype="float32")(late_map) for late_map in late_maps]
        outputs[Features.BLOCKS.value] = layers.Concatenate(name="blocks")([*averages, pooled])
    return keras.Model(image, outputs, name=f"{spec.name}-features")


@contextmanager
def _computing_in(precision: Precision) -> Iterator[None]:
    """Has the layers that are made in the block compute so."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision.value.replace("-", "_"))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
