"""The forward pass on a CPU with OpenVINO. The only file that imports it."""

import contextlib
import logging
import os
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.errors import SettingError
from octcluster_embedder.models.registry import ModelSpec
from octcluster_embedder.models.weights import Weights
from octcluster_embedder.runtimes.converted_models import ConvertedModel, ConvertedModelCache
from octcluster_embedder.spaces import EmbeddingSpace, Features, Precision

# OpenVINO imports its telemetry, which calls home, if it is there, and does without if it is not.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino  # noqa: E402

_logger = logging.getLogger(__name__)

# Some CPUs would compute in bfloat16 otherwise: other vectors on other machines.
_COMPILE_OPTIONS = {"INFERENCE_PRECISION_HINT": "f32"}
# So many inferences a stream are under way, so that none waits for Python between two of them.
_REQUESTS_A_STREAM = 2


def load(
    spec: ModelSpec, weights: Weights, cache_dir: Path | None, precision: Precision
) -> "OpenVinoRuntime":
    """Loads a model, from its converted form on disk if it is there.

    Args:
        spec: The model.
        weights: Its weights.
        cache_dir: Folder of converted models; None keeps nothing.
        precision: What the network computes in: float32.

    Raises:
        ModelUnavailable: The weights do not fit the model.
        SettingError: The precision is another one.
    """
    if precision is not Precision.FLOAT32:
        raise SettingError(
            f"precision {precision.value!r} is for TensorFlow, and the runtime is openvino, which computes "
            "in float32: leave it out, or set the runtime to tensorflow"
        )
    cache = ConvertedModelCache(cache_dir, openvino.get_version())
    converted = cache.read(spec, weights)
    if converted is None:
        _logger.info("converting %s for OpenVINO", spec.name)
        converted = _convert(spec, weights)
        cache.write(spec, weights, converted)
    return OpenVinoRuntime(spec, weights.digest, converted)


def _convert(spec: ModelSpec, weights: Weights) -> ConvertedModel:
    # Imported here: with a converted model at hand, a start does without Keras and TensorFlow.
    from octcluster_embedder.models.graph import build_graph  # noqa: PLC0415

    graph = build_graph(spec, weights)
    with tempfile.TemporaryDirectory(prefix="octcluster-convert-") as folder:
        network = Path(folder) / "network.xml"
        graph.export(str(network), format="openvino", verbose=False)
        return ConvertedModel(network.read_bytes(), network.with_suffix(".bin").read_bytes())


class OpenVinoRuntime:
    """One model on the CPU. See ``runtime.Runtime`` for what it promises.

    Each image is an inference of its own, so that an image's vector is the same, bit for bit, in whatever
    batch it comes. Many of them run side by side, each on few processors; one that is alone has all
    processors, which adds nothing up in another order: the bits are the same.
    """

    name = "openvino"
    device = "CPU"
    # Larger calls gain nothing, as each image is an inference of its own, and an image that is in a hurry
    # would have to wait for their end. One call more than there are processors: none waits for Python.
    batch_size = 1
    concurrent_batches = (os.cpu_count() or 1) + 1
    spaces: Mapping[Features, EmbeddingSpace]

    def __init__(self, spec: ModelSpec, weights_digest: str, converted: ConvertedModel) -> None:
        self.model = spec.name
        self.input_height = spec.input_side
        self.input_width = spec.input_side
        self.spaces = spec.spaces(weights_digest)
        self._core = openvino.Core()
        self._converted = converted
        self._networks: dict[tuple[Features, str], _Network] = {}
        self._calls = 0
        self._lock = threading.Lock()

    def infer(self, images: NDArray[np.uint8], features: Features) -> NDArray[np.float32]:
        """Computes the vectors of a batch; see ``runtime.Runtime``."""
        vectors = np.empty((len(images), self.spaces[features].dimension), dtype=np.float32)
        with self._lock:
            hint = "LATENCY" if len(images) == 1 and not self._calls else "THROUGHPUT"
            network = self._network(features, hint)
            self._calls += 1
        try:
            network.infer(images, vectors)
        finally:
            with self._lock:
                self._calls -= 1
        return vectors

    def _network(self, features: Features, hint: str) -> "_Network":
        """Returns the network for one kind of features and no other, compiled when first asked for."""
        if (features, hint) not in self._networks:
            self._networks[features, hint] = _Network(self._core, self._converted, features, hint)
        return self._networks[features, hint]


class _Network:
    """A compiled network and its requests, each of which is one inference at a time."""

    def __init__(self, core: openvino.Core, converted: ConvertedModel, features: Features, hint: str) -> None:
        whole = core.read_model(model=converted.network, weights=converted.constants)
        part = openvino.Model([whole.output(features.value)], whole.get_parameters(), features.value)
        shape = part.input(0).partial_shape
        shape[0] = 1
        part.reshape(shape)
        options = {**_COMPILE_OPTIONS, "PERFORMANCE_HINT": hint}
        compiled = core.compile_model(part, OpenVinoRuntime.device, options)
        streams = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._idle_requests: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        for _ in range(_REQUESTS_A_STREAM * streams):
            self._idle_requests.put(compiled.create_infer_request())

    def infer(self, images: NDArray[np.uint8], vectors: NDArray[np.float32]) -> None:
        """Fills in the vectors of the images.

        A call waits for a request only while it holds none, else for its own oldest one: calls at the same
        time never wait for each other in a circle.
        """
        started: _Started = deque()
        try:
            for image, vector in zip(images, vectors, strict=True):
                request = self._take_request(started)
                started.append((request, vector))
                request.start_async({0: np.ascontiguousarray(image[np.newaxis])})
            while started:
                self._idle_requests.put(_finish_oldest(started))
        finally:
            for request, _ in started:  # none, unless there was an error
                with contextlib.suppress(RuntimeError):
                    request.wait()
                self._idle_requests.put(request)

    def _take_request(self, started: "_Started") -> openvino.InferRequest:
        try:
            return self._idle_requests.get(block=not started)
        except Empty:
            return _finish_oldest(started)


_Started = deque[tuple[openvino.InferRequest, NDArray[np.float32]]]
"""Inferences under way, the oldest first, and where their vectors go."""


def _finish_oldest(started: _Started) -> openvino.InferRequest:
    request, vector = started[0]
    request.wait()
    vector[:] = request.get_output_tensor().data[0]
    started.popleft()
    return request
