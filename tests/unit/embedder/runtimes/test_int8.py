"""The default model in int8: near float32, in a space of its own, made once, refused where it is not safe."""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster.images.phantoms import write_phantoms
from octcluster_embedder.errors import ModelUnavailable, SettingError
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.runtimes import quantization
from octcluster_embedder.runtimes.conversion_process import run_conversion
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.openvino_runtime import OpenVinoRuntime
from octcluster_embedder.runtimes.quantization import Calibration
from octcluster_embedder.runtimes.runtime import Runtime, Vectors
from octcluster_embedder.spaces import Features, Precision
from other_user import as_another_user
from tiny_onnx import write_model

pytestmark = pytest.mark.heavy

INT8 = Precision.INT8


@pytest.fixture(scope="module")
def calibration_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    write_phantoms(folder, images_per_class=4, seed=0)
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint8]:
    """uint8, shape (8, 224, 224, 3): other phantoms than those of the calibration."""
    folder = tmp_path_factory.mktemp("others")
    write_phantoms(folder, images_per_class=2, seed=1)
    files = sorted(folder.rglob("*.jpeg"))
    return np.concatenate(
        [decode_image(file.read_bytes(), 224, 224, ImageLimits()).plain[:1] for file in files]
    )


@pytest.fixture(scope="module")
def cache(model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The converted model in a folder of its own: the network in int8 is made anew in each test run."""
    return Path(shutil.copytree(model_cache, tmp_path_factory.mktemp("int8") / "models"))


@pytest.fixture(scope="module")
def int8_runtime(cache: Path, calibration_images: Path) -> OpenVinoRuntime:
    runtime = load_runtime("openvino", cache_dir=cache, precision=INT8, calibration_images=calibration_images)
    assert isinstance(runtime, OpenVinoRuntime)
    return runtime


def lowest_cosine(a: Vectors, b: Vectors) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / lengths).min())


@pytest.mark.parametrize(
    ("features", "least"), [(Features.BLOCKS, 0.997), (Features.POOLED, 0.985), (Features.FLATTEN, 0.975)]
)
def test_vectors_are_near_those_of_float32_in_a_space_of_their_own(
    int8_runtime: OpenVinoRuntime,
    openvino_runtime: Runtime,
    images: NDArray[np.uint8],
    features: Features,
    least: float,
) -> None:
    exact = openvino_runtime.infer(images, features)
    assert least <= lowest_cosine(int8_runtime.infer(images, features), exact) < 0.99999
    space, other = int8_runtime.spaces[features], openvino_runtime.spaces[features]
    assert space.precision is INT8
    assert space.weights_digest != other.weights_digest


def test_an_image_has_the_same_vector_alone_and_in_a_crowd(
    int8_runtime: OpenVinoRuntime, images: NDArray[np.uint8]
) -> None:
    alone, crowded = np.empty((2, 8, int8_runtime.spaces[Features.BLOCKS].dimension), np.float32)
    int8_runtime._compile("LATENCY").infer(images, Features.BLOCKS, alone)
    int8_runtime._compile("THROUGHPUT").infer(images, Features.BLOCKS, crowded)
    np.testing.assert_array_equal(alone, crowded)


def test_all_convolutions_but_the_depthwise_ones_compute_in_int8(int8_runtime: OpenVinoRuntime) -> None:
    """Weights that NNCF does not find, behind a transposition say, would stay in float32, and be slower."""
    import openvino

    network = openvino.Core().read_model(
        model=int8_runtime._converted.network, weights=int8_runtime._converted.constants
    )
    compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    kinds: Counter[tuple[bool, str]] = Counter()
    for layer in compiled.get_runtime_model().get_ops():
        told = {name: value.astype(str) for name, value in layer.get_rt_info().items()}
        if told.get("layerType") == "Convolution":
            kinds["_dw_" in told["primitiveType"], told["runtimePrecision"]] += 1
    assert kinds == {(False, "u8"): 33, (True, "f32"): 16}


def test_the_network_is_made_once_and_the_same_images_make_the_same(
    int8_runtime: OpenVinoRuntime,
    cache: Path,
    calibration_images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load(cache_dir: Path, images: Path) -> Runtime:
        return load_runtime("openvino", cache_dir=cache_dir, precision=INT8, calibration_images=images)

    # In another folder, under other names, and with the one model alone in the cache.
    moved = Path(shutil.copytree(calibration_images, tmp_path / "moved"))
    anew = Path(shutil.copytree(cache, tmp_path / "cache"))
    smallest = min(anew.iterdir(), key=lambda file: file.stat().st_size)
    smallest.unlink()  # a quarter of the bits
    processors = os.sched_getaffinity(0)
    try:  # threads that build a network name its layers otherwise
        os.sched_setaffinity(0, {min(processors)})
        assert load(anew, moved).spaces == int8_runtime.spaces
    finally:
        os.sched_setaffinity(0, processors)
    assert smallest.exists()

    monkeypatch.setattr(quantization, "find_spec", lambda name: None)
    assert load(cache, moved).spaces == int8_runtime.spaces
    next(moved.rglob("*.jpeg")).write_bytes(b"another image")
    with pytest.raises(SettingError, match=r"install octcluster-embedder\[int8\]"):
        load(cache, moved)


def test_what_cannot_be_quantized_is_refused_with_the_cure(
    cache: Path, calibration_images: Path, tmp_path: Path
) -> None:
    def load(images: Path | None, model: str = "efficientnet-lite0") -> Runtime:
        return load_runtime("openvino", model, cache_dir=cache, precision=INT8, calibration_images=images)

    own = write_model(tmp_path, 'input_side = 32\npooled = "map"\n')
    with pytest.raises(ModelUnavailable, match="no layers that int8 makes faster"):
        load(calibration_images, str(own))
    with pytest.raises(SettingError, match="needs --calibration-images FOLDER"):
        load(None)
    few = tmp_path / "few"
    few.mkdir()
    for number in range(15):
        (few / f"{number}.png").write_bytes(b"scan %d" % number)
    (few / "copy.png").write_bytes(b"scan 0")
    (few / "notes.txt").write_text("no image")
    with pytest.raises(SettingError, match="holds 15 different images: put at least 16"):
        load(few)
    for number in range(70):  # copies do not take the place of others
        (few / f"copy{number}.png").write_bytes(b"scan 0")
    (few / "15.png").write_bytes(b"scan 15")
    with pytest.raises(ModelUnavailable, match=r"of 16 files .* 0 can be read as scans"):
        load(few)


def test_a_folder_in_it_that_cannot_be_read_does_not_change_the_choice() -> None:
    with tempfile.TemporaryDirectory(prefix="oct-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "more").mkdir()
        for number in range(20):
            (folder / f"{number}.png").write_bytes(b"scan %d" % number)
            (folder / "more" / f"{number}.png").write_bytes(b"another scan %d" % number)
        with as_another_user():
            assert len(Calibration.choose(folder).images) == 40
        (folder / "more").chmod(0)
        with as_another_user(), pytest.raises(SettingError, match="cannot be read as a whole: Permission"):
            Calibration.choose(folder)
        (folder / "more").chmod(0o755)


def test_a_network_whose_vectors_change_is_refused(
    int8_runtime: OpenVinoRuntime, openvino_runtime: OpenVinoRuntime, images: NDArray[np.uint8]
) -> None:
    import openvino
    from octcluster_embedder.runtimes.openvino_quantization import refuse_other_vectors

    def read(network: bytes, constants: bytes) -> Any:
        read = openvino.Core().read_model(model=network, weights=constants)
        read.reshape([1, 224, 224, 3])
        return read

    exact, rounded = openvino_runtime._converted, int8_runtime._converted
    weights = np.frombuffer(exact.constants, np.float32)
    factors = np.random.default_rng(0).uniform(0.7, 1.3, len(weights)).astype(np.float32)
    factors[np.abs(weights) < 1e-30] = 1  # whole numbers: the order of axes
    changed = weights * factors
    float32, int8 = read(exact.network, exact.constants), read(rounded.network, rounded.constants)
    other = read(exact.network, changed.tobytes())
    shown = list(images[:, None])
    refuse_other_vectors(float32, int8, shown)
    with pytest.raises(
        ModelUnavailable, match=r"other vectors than in float32 \(cosine 0\.[0-9]{4} for blocks"
    ):
        refuse_other_vectors(float32, other, shown)
    factors[factors != 1] = np.nan
    with pytest.raises(ModelUnavailable, match="cosine nan"):
        refuse_other_vectors(float32, read(exact.network, (weights * factors).tobytes()), shown)


def test_a_conversion_that_ends_without_a_reason_says_how_it_ended() -> None:
    with pytest.raises(ModelUnavailable, match="makes some-model for OpenVINO ended with 1: is memory short"):
        run_conversion("openvino_quantization", "some-model", "/nowhere")
