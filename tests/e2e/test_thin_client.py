"""The client library alone is thin: a clean environment with nothing but protos and client."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from machine import REPOSITORY


@pytest.fixture(scope="module")
def thin_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("thin")
    for name in ("protos", "client"):  # a copy: pip builds in place, and the checkout must stay as it is
        shutil.copytree(
            REPOSITORY / name,
            folder / name,
            ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__"),
        )
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    # As pip installs them, in a fraction of its processor time.
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--python", str(python)]
    # With the system's certificates, as scripts/setup does.
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}
    subprocess.run([*uv, folder / "protos", folder / "client"], check=True, timeout=300, env=environment)
    return python


def test_brings_neither_numpy_nor_a_runtime(thin_python: Path) -> None:
    code = "from importlib.metadata import distributions\nfor each in distributions(): print(each.name)"
    listed = subprocess.run([thin_python, "-c", code], capture_output=True, text=True, check=True)
    names = {name.lower().replace("_", "-") for name in listed.stdout.splitlines()}
    ours = {"octcluster", "octcluster-protos"}
    assert ours <= names
    assert names - ours <= {"grpcio", "protobuf", "typing-extensions"}


def test_imports_alone_and_has_its_clients(thin_python: Path) -> None:
    code = "import sys; from octcluster import ClustererClient, EmbedderClient; print('numpy' in sys.modules)"
    done = subprocess.run([thin_python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_command_says_what_is_missing(thin_python: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [thin_python.with_name("octcluster"), "run", tmp_path, "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "install octcluster's extra 'cli'" in done.stderr
    assert "Traceback" not in done.stderr
