from pathlib import Path

import pytest
from octcluster.cli import main


def test_doctor_finds_this_installation_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--cache-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "fault" not in printed
    assert "runtime: " in printed
    assert "model efficientnet-lite0: weights 57934424" in printed
    assert "clusterer: serving, version" in printed


def test_doctor_names_the_cure_of_a_server_that_does_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octcluster.workflows.connections._CONNECT_SECONDS", 0.5)
    nobody = f"unix:{tmp_path}/nobody.sock"
    assert main(["doctor", "--embedder", nobody, "--clusterer", nobody]) == 1
    printed = capsys.readouterr().out
    assert "fault  services" in printed
    assert "is it running" in printed
