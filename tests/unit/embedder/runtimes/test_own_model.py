"""Networks of others in OpenVINO, held against NumPy and against the project's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster_embedder.errors import ModelUnavailable, SettingError
from octcluster_embedder.models.weights import WeightsOptions, find_weights
from octcluster_embedder.runtimes.loading import explain_choice, load_runtime
from octcluster_embedder.runtimes.openvino_runtime import OpenVinoRuntime
from octcluster_embedder.spaces import Features, Precision
from tiny_onnx import SIDE, write_model

pytestmark = pytest.mark.heavy

USE = f'input_side = {SIDE}\npooled = "{{}}"\n'


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_maps_tokens_and_values(tmp_path: Path, images: NDArray[np.uint8], layout: str) -> None:
    scaling = f'mean = [1, 2, 3]\nscale = [4, 5, 6]\nlayout = "{layout}"\nblocks = ["tokens", "values"]\n'
    runtime = load_runtime(model=str(write_model(tmp_path, USE.format("map") + scaling, layout=layout)))
    mean = (images.mean(axis=(1, 2)) - [1, 2, 3]) / [4, 5, 6]
    np.testing.assert_allclose(runtime.infer(images, Features.POOLED), mean, rtol=1e-5)
    np.testing.assert_allclose(runtime.infer(images, Features.BLOCKS), np.tile(mean, 3), rtol=1e-5)
    assert [part.dimension for part in runtime.spaces[Features.BLOCKS].parts] == [3, 3, 3]
    assert Features.FLATTEN not in runtime.spaces


def test_colours_and_the_first_token(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    use = USE.format("tokens") + 'channels = "BGR"\ntokens = "first"\nmean = [1, 2, 3]\n'
    runtime = load_runtime(model=str(write_model(tmp_path, use)))
    first = images[:, 0].mean(axis=1)[:, ::-1] - [1, 2, 3]
    np.testing.assert_allclose(runtime.infer(images, Features.POOLED), first, rtol=1e-5)


def test_another_file_or_use_is_another_space(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = load_runtime(model=str(write_model(tmp_path, USE.format("map"))), cache_dir=cache)
    kept = list(cache.iterdir())
    same = load_runtime(model=str(write_model(tmp_path, USE.format("map"))), cache_dir=cache)
    assert list(cache.iterdir()) == kept
    used = load_runtime(
        model=str(write_model(tmp_path, USE.format("map") + "mean = [1, 1, 1]")), cache_dir=cache
    )
    other = load_runtime(
        model=str(write_model(tmp_path, USE.format("map"), layout="NCHW", inputs=1)), cache_dir=cache
    )
    file = tmp_path / "tiny.onnx"
    file.write_bytes(file.read_bytes() + b"\x72\x00")  # an empty field: another file of the same network
    changed = load_runtime(model=str(file), cache_dir=cache)
    digests = [each.spaces[Features.POOLED].digest for each in (first, used, changed)]
    assert len(set(digests)) == 3
    assert same.spaces == first.spaces == other.spaces


@pytest.mark.parametrize(
    ("use", "options", "told"),
    [
        (USE.format("none"), {}, "has no output 'none', but cube, map, tokens, values"),
        (USE.format("cube"), {}, "the output 'cube' has the shape .*: it must be values"),
        (
            'input_side = 64\npooled = "map"',
            {"layout": "NHWC"},
            "which .* does not fit: correct input_side or layout",
        ),
        (USE.format("map"), {"inputs": 2}, "has 2 inputs: export a network of images alone"),
    ],
)
def test_a_network_that_cannot_be_used_so(
    tmp_path: Path, use: str, options: dict[str, Any], told: str
) -> None:
    file = write_model(tmp_path, use, **options)
    with pytest.raises(ModelUnavailable, match=told):
        load_runtime(model=str(file))


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    file = write_model(tmp_path, USE.format("map"))
    file.write_bytes(b"no network")
    with pytest.raises(ModelUnavailable, match="cannot be read as ONNX with its weights inside"):
        load_runtime(model=str(file))


def test_weights_outside_of_the_file_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would be in no digest: another network would have the same space."""
    import onnx

    file = write_model(tmp_path, USE.format("values"))
    monkeypatch.chdir(tmp_path)
    onnx.save(onnx.load(file), file, save_as_external_data=True, location="tiny.data", size_threshold=0)
    assert (tmp_path / "tiny.data").exists()
    with pytest.raises(ModelUnavailable, match="cannot be read as ONNX with its weights inside"):
        load_runtime(model=str(file))


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    model = str(write_model(tmp_path, USE.format("map")))
    with pytest.raises(SettingError, match="the model tiny is computed by OpenVINO: leave out --runtime"):
        load_runtime("jax", model)
    with pytest.raises(SettingError, match="is for JAX, and the runtime is openvino"):
        load_runtime(model=model, precision=Precision.MIXED_BFLOAT16)
    with pytest.raises(SettingError, match=r"has its weights in tiny\.onnx: leave out --weights"):
        load_runtime(model=model, weights=WeightsOptions(file=Path(model)))
    with pytest.raises(ModelUnavailable, match="get the right file"):
        load_runtime(model=model, weights=WeightsOptions(sha256="0" * 64))
    assert "computed by OpenVINO" in explain_choice("auto", model)


def test_the_projects_own_network_as_a_file_gives_its_vectors(
    tmp_path: Path, openvino_runtime: OpenVinoRuntime
) -> None:
    from octcluster_embedder.models.networks.efficientnet_lite import build_network
    from octcluster_embedder.models.registry import find_model
    from onnx_export import export

    spec = find_model("efficientnet-lite0")
    network = build_network(spec, find_weights(spec, WeightsOptions()).path)
    export(network, ["late0", "late1", "last"], tmp_path / "clinic.onnx")
    use = 'input_side = 224\npooled = "last"\nblocks = ["late0", "late1"]\n'
    (tmp_path / "clinic.toml").write_text(use + "mean = [127, 127, 127]\nscale = [128, 128, 128]\n")
    own = load_runtime(model=str(tmp_path / "clinic.onnx"))
    y, x = np.mgrid[:224, :224]
    bands = [(y - height * np.sin(x / 20)) % 60 < 20 for height in (0, 20, 60)]
    images = np.repeat(np.where(bands, 200, 30)[..., np.newaxis], 3, axis=-1).astype(np.uint8)
    for features in (Features.POOLED, Features.BLOCKS):
        found, built_in = own.infer(images, features), openvino_runtime.infer(images, features)
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(built_in, axis=1)
        cosines = np.einsum("ij,ij->i", found, built_in) / lengths
        assert cosines.min() >= 0.9999
        others = np.einsum("ij,ij->i", found, np.roll(built_in, 1, axis=0)) / lengths
        assert others.max() < 0.99, "the vectors tell images apart"
        assert own.spaces[features].digest != openvino_runtime.spaces[features].digest
