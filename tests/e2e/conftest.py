"""The installed command, run as a person would."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from browsing import empty_tab, open_tab, started_browser
from playwright.sync_api import Browser, Page
from small_study import MATRIX

Octcluster = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class FirstStudy:
    """The small study, done once: its arguments but for --out, the folder that it left, what it printed."""

    arguments: Sequence[object]
    out: Path
    printed: str


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Path:
    """One cache for all of these tests, as one person would have, with models and without vectors."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "models").symlink_to(model_cache)
    return folder


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
    """The main job, once: the folder that it left."""
    out = tmp_path_factory.mktemp("run") / "out"
    done = octcluster("run", oct_images, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def first_study(
    oct_images: Path, octcluster: Octcluster, model_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> FirstStudy:
    """A study of a few images, once, on a cache without vectors."""
    folder = tmp_path_factory.mktemp("study")
    matrix, cache = folder / "matrix.toml", folder / "cache"
    matrix.write_text(MATRIX)
    cache.mkdir()
    (cache / "models").symlink_to(model_cache)
    arguments = ["study", oct_images, "--matrix", matrix, "--cache-dir", cache, "--per-class", 12]
    done = octcluster(*arguments, "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    return FirstStudy(arguments, folder / "out", done.stdout)


# No longer than a file: while Playwright runs, no test of this process can run an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    with open_tab(browser) as opened:
        yield opened


@pytest.fixture
def page(tab: Page) -> Page:
    empty_tab(tab)
    return tab
