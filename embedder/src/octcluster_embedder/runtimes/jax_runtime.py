"""The forward pass on a GPU with JAX. The only file that imports it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from octcluster_serving.processors import count_processors

# Keras reads its backend once, at its import, and JAX its share of the memory at the first look for a GPU: it
# would take three quarters of the device at once, which other programs use as well.
os.environ.update(KERAS_BACKEND="jax")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax

from octcluster_embedder.errors import SettingError
from octcluster_embedder.models.graph import build_graph
from octcluster_embedder.models.registry import ModelSpec
from octcluster_embedder.models.weights import Weights
from octcluster_embedder.spaces import EmbeddingSpace, Features, Precision

# Images a forward pass: each is padded to it. XLA compiles for each size a program of its own, whose sums may
# come in another order: with one size, an image's vector is the same, bit for bit, in whatever batch.
_PASS_SIZES = {"cpu": 2, "gpu": 32}


def sees_gpu() -> bool:
    """Whether JAX can use a GPU."""
    return bool(jax.default_backend() == "gpu")


def load(spec: ModelSpec, weights: Weights, cache_dir: Path | None, precision: Precision) -> "JaxRuntime":
    """Loads a model.

    Args:
        spec: The model.
        weights: Its weights.
        cache_dir: Folder in which compiled programs for GPUs are kept; None keeps nothing.
        precision: What the network computes in.

    Raises:
        ModelUnavailable: The weights do not fit the model.
        SettingError: The precision is one of OpenVINO's.
    """
    if precision in (Precision.BFLOAT16, Precision.INT8):
        raise SettingError(
            f"precision {precision.value!r} is for OpenVINO: take it with --runtime openvino, or "
            "'mixed-bfloat16' or 'mixed-float16' with JAX"
        )
    if cache_dir is not None and sees_gpu():
        # On a GPU XLA times several ways to compute each layer, for ten seconds. A kept program is also the
        # same one after the next start.
        jax.config.update("jax_compilation_cache_dir", str(cache_dir / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    return JaxRuntime(spec, weights, precision)


class JaxRuntime:
    """One model in JAX. See ``runtime.Runtime`` for what it promises.

    One program computes all kinds of features; only those asked for leave the device.
    """

    name = "jax"
    spaces: Mapping[Features, EmbeddingSpace]

    def __init__(self, spec: ModelSpec, weights: Weights, precision: Precision) -> None:
        backend = jax.default_backend()
        self.device = backend.upper()
        self.model = spec.name
        self.input_height = spec.input_side
        self.input_width = spec.input_side
        self.spaces = spec.spaces(weights.digest, precision)
        self.batch_size = _PASS_SIZES.get(backend, _PASS_SIZES["gpu"])
        # While a GPU computes the images of one call, those of the next are copied to it.
        self.concurrent_batches = count_processors() if backend == "cpu" else 2
        graph = build_graph(spec, weights, precision)
        self._variables = [
            [variable.value for variable in some]
            for some in (graph.trainable_variables, graph.non_trainable_variables)
        ]
        self._compute = _compile(graph, self._variables, self.batch_size)

    def infer(self, images: NDArray[np.uint8], features: Features) -> NDArray[np.float32]:
        """Computes the vectors of a batch; see ``runtime.Runtime``."""
        starts = range(0, len(images), self.batch_size)
        # Each call returns at once: the device has the next pass at hand when it ends one.
        passes = [
            self._compute(*self._variables, self._pad(images[start : start + self.batch_size]))
            for start in starts
        ]
        vectors = np.empty((len(images), self.spaces[features].dimension), dtype=np.float32)
        for start, outputs in zip(starts, passes, strict=True):
            part = vectors[start : start + self.batch_size]
            part[:] = np.asarray(outputs[features.value])[: len(part)]
        return vectors

    def _pad(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if len(images) == self.batch_size:
            return images
        padded = np.zeros((self.batch_size, *images.shape[1:]), dtype=np.uint8)
        padded[: len(images)] = images
        return padded


def _compile(graph: Any, variables: list[list[Any]], size: int) -> Any:
    """Compiles a graph for so many images; the result takes its variables and the images."""

    def compute(trainable: list[Any], other: list[Any], images: Any) -> Any:
        outputs, _ = graph.stateless_call(trainable, other, images, training=False)
        return outputs

    images = jax.ShapeDtypeStruct((size, *graph.input.shape[1:]), np.uint8)
    # GPUs would round to 10 bits of mantissa in convolutions otherwise.
    with jax.default_matmul_precision("highest"):
        return jax.jit(compute).lower(*variables, images).compile()
