"""The forward pass on a CPU with OpenVINO; the server imports it here and in ``openvino_precisions``."""

import hashlib
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import openvino
from numpy.typing import NDArray
from octcluster_serving.processors import count_processors

from octcluster_embedder.errors import SettingError
from octcluster_embedder.models.own_model import OwnModel
from octcluster_embedder.models.registry import ModelSpec
from octcluster_embedder.models.weights import Weights
from octcluster_embedder.runtimes.conversion_process import run_conversion
from octcluster_embedder.runtimes.converted_models import QUANTIZATION, ConvertedModel, ConvertedModelCache
from octcluster_embedder.runtimes.openvino_precisions import PRECISION_HINTS, check_precision
from octcluster_embedder.runtimes.quantization import Calibration, quantize
from octcluster_embedder.spaces import EmbeddingSpace, Features, Precision

_logger = logging.getLogger(__name__)

_ALONE, _MANY = "LATENCY", "THROUGHPUT"
# The network for single images is compiled after so many of them: most jobs embed many at once, or none.
_LONE_CALLS = 16
# Of so many calls, more than this share had others beside them: more are to come.
_CALLS_REMEMBERED = 8
_CROWDED = 0.25


def load(
    spec: ModelSpec,
    weights: Weights,
    cache_dir: Path | None,
    precision: Precision,
    calibration_images: Path | None = None,
) -> "OpenVinoRuntime":
    """Loads a model, from its converted form on disk if it is there.

    Args:
        spec: The model.
        weights: Its weights.
        cache_dir: Folder of converted models; None keeps nothing.
        precision: What the network computes in: float32, or bfloat16 or int8 where the processor has it.
        calibration_images: Folder of the images that a network in int8 is made with.

    Raises:
        ModelUnavailable: The weights do not fit the model, or it cannot be quantized.
        SettingError: The precision is another one, the processor does not have it, or the images do not
            serve.
    """
    check_precision(precision)
    calibration = _choose_calibration(precision, calibration_images)
    cache = ConvertedModelCache(cache_dir, openvino.get_version())
    converted = cache.read(spec, weights)
    if converted is None:
        _logger.info("converting %s for OpenVINO", spec.name)
        # Only in a process of its own is Keras loaded, with OpenVINO as its backend.
        converted = run_conversion("openvino_conversion", spec.name, spec.name, str(weights.path.absolute()))
        cache.write(spec, weights, converted)
    if calibration is not None:
        return _load_int8(spec, weights, converted, calibration, cache)
    return OpenVinoRuntime(spec, weights.digest, converted, precision)


def load_own(
    own: OwnModel,
    weights: Weights,
    cache_dir: Path | None,
    precision: Precision,
    calibration_images: Path | None = None,
) -> "OpenVinoRuntime":
    """Loads a model that the operator brings; see load.

    Raises:
        ModelUnavailable: Its file holds no network that can be used as its TOML file says, or it cannot be
            quantized.
        SettingError: See load.
    """
    check_precision(precision)
    calibration = _choose_calibration(precision, calibration_images)
    cache = ConvertedModelCache(cache_dir, openvino.get_version())
    spec = own.spec()
    converted = cache.read(spec, weights)
    if converted is None:
        _logger.info("converting %s for OpenVINO", own.name)
        converted = run_conversion("onnx_conversion", own.name, str(own.path.absolute()))
        cache.write(spec, weights, converted)
    network = openvino.Core().read_model(model=converted.network, weights=converted.constants)
    dimensions = network.get_rt_info(["octcluster", "dimensions"]).astype(str).split(",")
    parts = dict(zip((*own.blocks, own.pooled), map(int, dimensions), strict=True))
    spec = own.spec(parts)
    if calibration is not None:
        return _load_int8(spec, weights, converted, calibration, cache)
    return OpenVinoRuntime(spec, weights.digest, converted, precision)


def _choose_calibration(precision: Precision, images: Path | None) -> Calibration | None:
    """The images to quantize with; None: the precision needs none."""
    if precision is not Precision.INT8:
        return None
    if images is None:
        raise SettingError("precision 'int8' needs --calibration-images FOLDER, some 64 scans like yours")
    return Calibration.choose(images)


def _load_int8(
    spec: ModelSpec,
    weights: Weights,
    converted: ConvertedModel,
    calibration: Calibration,
    cache: ConvertedModelCache,
) -> "OpenVinoRuntime":
    """Quantizes a converted model, unless that was done with the same images."""
    quantized = cache.read(spec, weights, calibration.digest)
    if quantized is None:
        _logger.info("quantizing %s with %d images", spec.name, len(calibration.images))
        quantized = quantize(spec.name, converted, calibration)
        cache.write(spec, weights, quantized, calibration.digest)
    # Images of another kind make other ranges, so other vectors. All of them lie among the constants; the
    # names of the layers differ from one conversion to the next.
    digest = hashlib.sha256(f"int8/{QUANTIZATION}/{weights.digest}/".encode() + quantized.constants)
    return OpenVinoRuntime(spec, digest.hexdigest(), quantized, Precision.INT8)


class OpenVinoRuntime:
    """One model on the CPU. See ``runtime.Runtime`` for what it promises.

    Each image is an inference of its own, so that an image's vector is the same, bit for bit, in whatever
    batch it comes. Many of them run side by side, each on one processor, when there are many; one that comes
    alone has all processors, which adds nothing up in another order: the bits are the same. For the latter a
    network of its own is compiled beside the work, once there is a need for it.
    """

    name = "openvino"
    device = "CPU"
    # Larger calls gain nothing, as each image is an inference of its own, and an image that is in a hurry
    # would have to wait for their end. One call more than there are processors: none waits for Python.
    batch_size = 1
    concurrent_batches = count_processors() + 1
    spaces: Mapping[Features, EmbeddingSpace]

    def __init__(
        self, spec: ModelSpec, weights_digest: str, converted: ConvertedModel, precision: Precision
    ) -> None:
        self.model = spec.name
        self.input_height = spec.input_side
        self.input_width = spec.input_side
        self.spaces = spec.spaces(weights_digest, precision)
        self._converted = converted
        self._precision = PRECISION_HINTS[precision]
        self._networks: dict[str, _Network] = {}
        self._calls = 0
        self._lone_calls = 0
        self._lone_network_asked = False
        self._crowding = 0.0
        self._lock = threading.Lock()

    def infer(self, images: NDArray[np.uint8], features: Features) -> NDArray[np.float32]:
        """Computes the vectors of a batch; see ``runtime.Runtime``."""
        vectors = np.empty((len(images), self.spaces[features].dimension), dtype=np.float32)
        with self._lock:
            network = self._choose_network()
            self._calls += 1
        try:
            network.infer(images, features, vectors)
        finally:
            with self._lock:
                self._calls -= 1
        return vectors

    def _choose_network(self) -> "_Network":
        """The network for the calls at hand, as far as it is compiled."""
        hint = self._hint()
        self._lone_calls = 0 if hint == _MANY else self._lone_calls + 1
        if _MANY not in self._networks:
            self._networks[_MANY] = self._compile(_MANY)
        if self._lone_calls >= _LONE_CALLS and not self._lone_network_asked:
            self._lone_network_asked = True
            # Not a daemon: OpenVINO may crash where the process ends while it compiles.
            threading.Thread(target=self._add_lone_network, name="compiling").start()
        return self._networks.get(hint) or self._networks[_MANY]

    def _hint(self) -> str:
        """What OpenVINO is to be quick at: where others are likely to come, no image may take all of it."""
        others = self._calls > 0
        self._crowding += (others - self._crowding) / _CALLS_REMEMBERED
        return _MANY if others or self._crowding > _CROWDED else _ALONE

    def _add_lone_network(self) -> None:
        try:
            self._networks[_ALONE] = self._compile(_ALONE)
        except RuntimeError:  # of OpenVINO; all images go on as before
            _logger.exception("the network for single images could not be compiled")

    def _compile(self, hint: str) -> "_Network":
        options = {"INFERENCE_PRECISION_HINT": self._precision, "PERFORMANCE_HINT": hint}
        return _Network(openvino.Core(), self._converted, list(self.spaces), options)


class _Network:
    """A compiled network and its requests, each of which is one inference at a time.

    It computes all kinds of features: what they do not share is too little to be worth a network for each,
    which would take its time at the start, and its memory.
    """

    def __init__(
        self,
        core: openvino.Core,
        converted: ConvertedModel,
        kinds: Sequence[Features],
        options: Mapping[str, str],
    ) -> None:
        network = core.read_model(model=converted.network, weights=converted.constants)
        shape = network.input(0).partial_shape
        shape[0] = 1
        network.reshape(shape)
        compiled = core.compile_model(network, OpenVinoRuntime.device, dict(options))
        self._outputs = {features: compiled.output(features.value) for features in kinds}
        # With one stream, the calling thread computes: it need not wake another one up. With several,
        # OpenVINO shares the inferences out among the streams' own threads, and calling threads would not.
        self._in_calling_thread = compiled.get_property("NUM_STREAMS") == 1
        self._idle_requests: SimpleQueue[tuple[openvino.InferRequest, NDArray[np.uint8]]] = SimpleQueue()
        for _ in range(OpenVinoRuntime.concurrent_batches):
            request, pixels = compiled.create_infer_request(), np.zeros(network.input(0).shape, np.uint8)
            request.set_input_tensor(openvino.Tensor(pixels, shared_memory=True))
            request.infer()  # the first one is slow
            self._idle_requests.put((request, pixels))

    def infer(self, images: NDArray[np.uint8], features: Features, vectors: NDArray[np.float32]) -> None:
        """Fills in the vectors of the images, one inference after the other."""
        output = self._outputs[features]
        request, pixels = self._idle_requests.get()
        try:
            for image, vector in zip(images, vectors, strict=True):
                pixels[0] = image
                if self._in_calling_thread:
                    request.infer()
                else:
                    request.start_async()
                    request.wait()
                vector[:] = request.get_tensor(output).data[0]
        finally:
            self._idle_requests.put((request, pixels))
