"""The forward pass on a GPU or CPU with TensorFlow. The only file that imports it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.models.graph import build_graph
from octcluster_embedder.models.registry import ModelSpec
from octcluster_embedder.models.weights import Weights
from octcluster_embedder.spaces import EmbeddingSpace, Features, Precision

import tensorflow as tf  # isort: skip - after models, which set what it reads at its import

# A call is padded to the next of these sizes: the device tunes itself to a few shapes and not to every one.
_PADDED_SIZES = {"CPU": (1, 8, 32), "GPU": (1, 8, 32, 128)}


def visible_gpus() -> list[Any]:
    """The GPUs that TensorFlow can use."""
    return list(tf.config.list_physical_devices("GPU"))


def load(
    spec: ModelSpec, weights: Weights, cache_dir: Path | None, precision: Precision
) -> "TensorFlowRuntime":
    """Loads a model.

    Args:
        spec: The model.
        weights: Its weights.
        cache_dir: Not used: nothing is converted.
        precision: What the network computes in.

    Raises:
        ModelUnavailable: The weights do not fit the model.
    """
    return TensorFlowRuntime(spec, weights, precision)


class TensorFlowRuntime:
    """One model in TensorFlow. See ``runtime.Runtime`` for what it promises."""

    name = "tensorflow"
    spaces: Mapping[Features, EmbeddingSpace]

    def __init__(self, spec: ModelSpec, weights: Weights, precision: Precision) -> None:
        gpus = visible_gpus()
        for gpu in gpus:
            # Without this TensorFlow takes the whole memory of the device at once.
            tf.config.experimental.set_memory_growth(gpu, True)
        # GPUs would round to 10 bits of mantissa in convolutions otherwise.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        self.device = "GPU" if gpus else "CPU"
        self.model = spec.name
        self.input_height = spec.input_side
        self.input_width = spec.input_side
        self.spaces = spec.spaces(weights.digest, precision)
        self._sizes = _PADDED_SIZES[self.device]
        self.batch_size = self._sizes[-1]
        self.concurrent_batches = 2 if gpus else 1
        graph = build_graph(spec, weights, precision)
        self._functions = {features: _compile(graph, features) for features in self.spaces}

    def infer(self, images: NDArray[np.uint8], features: Features) -> NDArray[np.float32]:
        """Computes the vectors of a batch; see ``runtime.Runtime``."""
        vectors = np.empty((len(images), self.spaces[features].dimension), dtype=np.float32)
        for start in range(0, len(images), self._sizes[-1]):
            part = images[start : start + self._sizes[-1]]
            size = next(size for size in self._sizes if size >= len(part))
            padded = np.zeros((size, *part.shape[1:]), dtype=np.uint8)
            padded[: len(part)] = part
            vectors[start : start + len(part)] = self._functions[features](padded).numpy()[: len(part)]
        return vectors


def _compile(graph: Any, features: Features) -> Any:
    """Returns a function that computes one kind of features; TensorFlow leaves out what it does not need."""
    shape = (None, *graph.input.shape[1:])
    return tf.function(
        lambda images: graph(images, training=False)[features.value],
        input_signature=[tf.TensorSpec(shape, tf.uint8)],
        jit_compile=False,
    )
