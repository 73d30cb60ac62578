"""The first thing that a new user calls."""

import subprocess
from pathlib import Path

import pytest
from machine import REPOSITORY

DEMO = REPOSITORY / "scripts" / "demo"


@pytest.mark.parametrize("arguments", [["--out"], ["--out="], ["--out", "-k", "3"], ["images", "--out"]])
def test_a_forgotten_folder_is_told_before_anything_is_made(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run([DEMO, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("scripts/demo: --out needs a folder after it")
    assert list(tmp_path.iterdir()) == []


def test_the_help_says_what_is_made_and_where() -> None:
    text = subprocess.run([DEMO, "--help"], capture_output=True, text=True, check=True).stdout
    for part in ("demo-out unless named", "octcluster run --help", "3 GB"):
        assert part in text
    assert "set -eu" not in text
