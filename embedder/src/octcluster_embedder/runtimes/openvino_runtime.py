"""The forward pass on a CPU with OpenVINO. The only file that imports it."""

import logging
import sys
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.models.registry import ModelSpec
from octcluster_embedder.models.weights import Weights
from octcluster_embedder.runtimes.converted_models import ConvertedModel, ConvertedModelCache
from octcluster_embedder.spaces import EmbeddingSpace, Features

# OpenVINO imports its telemetry, which calls home, if it is there, and does without if it is not.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino  # noqa: E402

_logger = logging.getLogger(__name__)

_COMPILE_OPTIONS = {
    "PERFORMANCE_HINT": "THROUGHPUT",
    # Some CPUs would compute in bfloat16 otherwise: other vectors on other machines.
    "INFERENCE_PRECISION_HINT": "f32",
}


def load(spec: ModelSpec, weights: Weights, cache_dir: Path | None) -> "OpenVinoRuntime":
    """Loads a model, from its converted form on disk if it is there.

    Args:
        spec: The model.
        weights: Its weights.
        cache_dir: Folder of converted models; None keeps nothing.

    Raises:
        ModelUnavailable: The weights do not fit the model.
    """
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
    batch it comes; as many run at once as OpenVINO finds best for this machine.
    """

    name = "openvino"
    device = "CPU"
    batch_size = 16
    concurrent_batches = 2
    spaces: Mapping[Features, EmbeddingSpace]

    def __init__(self, spec: ModelSpec, weights_digest: str, converted: ConvertedModel) -> None:
        self.model = spec.name
        self.input_height = spec.input_side
        self.input_width = spec.input_side
        self.spaces = spec.spaces(weights_digest)
        self._core = openvino.Core()
        self._converted = converted
        self._networks: dict[Features, _Network] = {}
        self._lock = threading.Lock()

    def infer(self, images: NDArray[np.uint8], features: Features) -> NDArray[np.float32]:
        """Computes the vectors of a batch; see ``runtime.Runtime``."""
        return self._network(features).infer(images, self.spaces[features].dimension)

    def _network(self, features: Features) -> "_Network":
        """Returns the network for one kind of features and no other, compiled when first asked for."""
        with self._lock:
            if features not in self._networks:
                self._networks[features] = _Network(self._core, self._converted, features)
            return self._networks[features]


class _Network:
    """A compiled network and the threads that wait for its inferences."""

    def __init__(self, core: openvino.Core, converted: ConvertedModel, features: Features) -> None:
        whole = core.read_model(model=converted.network, weights=converted.constants)
        part = openvino.Model([whole.output(features.value)], whole.get_parameters(), features.value)
        shape = part.input(0).partial_shape
        shape[0] = 1
        part.reshape(shape)
        compiled = core.compile_model(part, OpenVinoRuntime.device, _COMPILE_OPTIONS)
        count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._idle_requests: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        for _ in range(count):
            self._idle_requests.put(compiled.create_infer_request())
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=f"infer-{features.value}")

    def infer(self, images: NDArray[np.uint8], dimension: int) -> NDArray[np.float32]:
        vectors = np.empty((len(images), dimension), dtype=np.float32)
        for done in [
            self._threads.submit(self._infer_one, *pair) for pair in zip(images, vectors, strict=True)
        ]:
            done.result()
        return vectors

    def _infer_one(self, image: NDArray[np.uint8], vector: NDArray[np.float32]) -> None:
        request = self._idle_requests.get()
        try:
            outputs = request.infer(
                {0: np.ascontiguousarray(image[np.newaxis])}, share_inputs=True, share_outputs=True
            )
            vector[:] = outputs[0][0]
        finally:
            self._idle_requests.put(request)
