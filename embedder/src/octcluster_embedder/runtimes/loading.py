"""The choice of a runtime and the loading of a model into it."""

from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from octcluster_embedder.errors import SettingError
from octcluster_embedder.models.own_model import find_own_weights, is_own, read_own_model
from octcluster_embedder.models.registry import DEFAULT_MODEL, find_model
from octcluster_embedder.models.weights import WeightsOptions, find_weights
from octcluster_embedder.runtimes.pixel_runtime import PixelRuntime
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.spaces import Precision


class RuntimeName(StrEnum):
    """What can be asked for.

    ``auto`` is JAX where it is installed and sees a GPU, else OpenVINO, else JAX on the CPU.
    """

    AUTO = "auto"
    OPENVINO = "openvino"
    JAX = "jax"


# The libraries are imported only when their runtime is chosen: JAX and Keras take seconds.
_MODULES = {
    RuntimeName.OPENVINO: "octcluster_embedder.runtimes.openvino_runtime",
    RuntimeName.JAX: "octcluster_embedder.runtimes.jax_runtime",
}
_GPU_DEVICE_FILES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))


def load_runtime(
    runtime: str = RuntimeName.AUTO,
    model: str = DEFAULT_MODEL,
    weights: WeightsOptions | None = None,
    cache_dir: Path | None = None,
    precision: Precision = Precision.FLOAT32,
    *,
    calibration_images: Path | None = None,
) -> Runtime:
    """Loads a model into a runtime.

    Args:
        runtime: A ``RuntimeName``; a model without a network needs none.
        model: Model name, or ONNX file of the operator's with its TOML file beside it.
        weights: Where the weights come from; None: the model's own.
        cache_dir: Folder for converted and compiled models, made if need be; None keeps nothing.
        precision: What the network computes in; a model without one takes no notice.
        calibration_images: Folder of the images that a network in int8 is made with; for that alone.

    Raises:
        SettingError: An argument names nothing that there is, the runtime's library is not installed
            or does not compute in this precision, or weights are named for a model that has none.
        ModelUnavailable: The model's weights cannot be had or do not fit it.
    """
    if is_own(model):
        own = read_own_model(Path(model))
        if runtime == RuntimeName.JAX:
            raise SettingError(f"the model {own.name} is computed by OpenVINO: leave out --runtime")
        own_weights = find_own_weights(own, weights or WeightsOptions())
        module = import_module(_MODULES[_choose(RuntimeName.OPENVINO)])
        opened: Runtime = module.load_own(own, own_weights, cache_dir, precision, calibration_images)
        return opened
    spec = find_model(model)
    if spec.weights is None:
        if weights is not None and (weights.file is not None or weights.sha256 is not None):
            raise SettingError(f"the model {model} has no weights: leave out --weights and --weights-sha256")
        return PixelRuntime(spec)
    chosen = _choose(runtime)
    found = find_weights(spec, weights or WeightsOptions())
    calibration = {"calibration_images": calibration_images} if chosen is RuntimeName.OPENVINO else {}
    module = import_module(_MODULES[chosen])
    loaded: Runtime = module.load(spec, found, cache_dir, precision, **calibration)
    return loaded


def _choose(runtime: str) -> RuntimeName:
    try:
        asked = RuntimeName(runtime)
    except ValueError:
        raise SettingError(
            f"runtime {runtime!r} is not known; choose one of: {', '.join(RuntimeName)}"
        ) from None
    installed = _find_installed()
    if asked is RuntimeName.AUTO:
        if RuntimeName.JAX in installed and _gpu_is_visible():
            return RuntimeName.JAX
        if installed:
            return installed[0]
        raise SettingError(
            "no runtime is installed: install octcluster-embedder[cpu] or octcluster-embedder[gpu]"
        )
    if asked not in installed:
        raise SettingError(
            f"runtime {asked.value!r} needs the Python package {asked.value}, which is not installed"
        )
    return asked


def explain_choice(runtime: str, model: str) -> str:
    """Says for people why ``load_runtime`` takes the runtime that it takes; arguments as there, and valid."""
    if is_own(model):
        return "a model of the operator's is computed by OpenVINO"
    if find_model(model).weights is None:
        return f"the model {model} has no network"
    if runtime != RuntimeName.AUTO:
        return f"--runtime {runtime} asks for it"
    installed = _find_installed()
    if RuntimeName.JAX not in installed:
        return "JAX, which a GPU would need, is not installed"
    if not _has_gpu_driver():
        gpu = "there is no NVIDIA driver, so no GPU for JAX"
    elif _gpu_is_visible():
        return "JAX sees a GPU"
    else:
        gpu = "there is an NVIDIA driver, but JAX sees no GPU: does it have its CUDA libraries?"
    return gpu if RuntimeName.OPENVINO in installed else f"{gpu}; OpenVINO is not installed"


def _find_installed() -> list[RuntimeName]:
    return [name for name in _MODULES if find_spec(name.value) is not None]


def _has_gpu_driver() -> bool:
    return any(file.exists() for file in _GPU_DEVICE_FILES)


def _gpu_is_visible() -> bool:
    """Tells whether JAX sees a GPU, without importing it where there is no driver for one."""
    if not _has_gpu_driver():
        return False
    return bool(import_module(_MODULES[RuntimeName.JAX]).sees_gpu())
