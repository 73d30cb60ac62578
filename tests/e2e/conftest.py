"""The installed command, run as a person would."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Octcluster = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all of these tests, as one person would have."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def octcluster(cache_dir: Path) -> Octcluster:
    """Runs ``octcluster ARGUMENTS`` with a cache of its own and returns what it printed and its exit code."""
    program = Path(sys.executable).with_name("octcluster")

    def call(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [str(program), *map(str, arguments)]
        if arguments[0] == "run" and "--cache-dir" not in arguments and "--embedder" not in arguments:
            command += ["--cache-dir", str(cache_dir)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
            cwd=cwd,
            env={**os.environ, "COLUMNS": "120"},
        )

    return call


@pytest.fixture(scope="session")
def first_run(oct_images: Path, octcluster: Octcluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The main job, once, on an empty cache: the folder that it left."""
    out = tmp_path_factory.mktemp("run") / "out"
    done = octcluster("run", oct_images, "--out", out)
    assert done.returncode == 0, done.stderr
    return out
