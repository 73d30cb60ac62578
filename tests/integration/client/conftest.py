"""Real services for the clients, and images as an end-to-end run sees them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from known import known
from octcluster import ImageSet, RunOptions, Scan
from octcluster.images.readers.processes import kept_workers
from processes import Server, running_service, wait_until_serving
from stores import Store, started_store


@pytest.fixture(scope="module", autouse=True)
def readers() -> Iterator[None]:
    """The processes that read source files stay from one call to the next, as within a command."""
    with kept_workers():
        yield


@pytest.fixture
def cache_dir(tmp_path: Path, model_cache: Path) -> Path:
    """A cache folder with models and without vectors."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "models").symlink_to(model_cache)
    return folder


class Embedder:
    """An embedder at an address that stays the same when it is started again."""

    def __init__(self, listen: str, cache: Path, log_file: Path, *arguments: str) -> None:
        self.listen = listen
        self.log_file = log_file
        self._command = [sys.executable, "-m", "octcluster_embedder", "--listen", listen, *arguments]
        self._command += ["--cache-dir", str(cache)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        if wait:
            wait_until_serving(self.listen, self.process, 120)

    def start_again(self) -> None:
        """Starts it once the process that is stopping has ended; waits for no answer of the new one."""
        known(self.process).wait()
        self.start(wait=False)

    def kill(self) -> None:
        known(self.process).kill()
        known(self.process).wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    @property
    def embed_calls(self) -> int:
        return self.log_file.read_text().count(" Embed OK")


@pytest.fixture
def start_embedder(model_cache: Path, tmp_path: Path) -> Iterator[Callable[..., Embedder]]:
    """Starts embedders: an address and flags in, a serving embedder out. All are stopped after the test."""
    started: list[Embedder] = []

    def start(listen: str, *arguments: str) -> Embedder:
        log_file = tmp_path / f"embedder-{len(started)}.log"
        started.append(Embedder(listen, model_cache, log_file, *arguments))
        started[-1].start()
        return started[-1]

    yield start
    for embedder in started:
        embedder.stop()


@pytest.fixture(scope="package")
def embedder(model_cache: Path) -> Iterator[Server]:
    with running_service("octcluster_embedder", "--cache-dir", str(model_cache)) as server:
        yield server


@pytest.fixture(scope="package")
def pixel_embedder(model_cache: Path) -> Iterator[Server]:
    """An embedder that needs no weights and starts in a second."""
    arguments = ("--cache-dir", str(model_cache), "--models", "pixels")
    with running_service("octcluster_embedder", *arguments) as server:
        yield server


@pytest.fixture(scope="package")
def store() -> Iterator[Store]:
    with started_store("valkey") as store:
        yield store


@pytest.fixture(scope="package")
def clusterer(store: Store) -> Iterator[Server]:
    with running_service("octcluster_clusterer", "--redis-url", store.url) as server:
        yield server


@pytest.fixture
def two_clusters(embedder: Server, clusterer: Server) -> RunOptions:
    """A run by the default recipe, and nothing that tells how far to trust it."""
    return RunOptions(
        embedder=embedder.address,
        clusterer=clusterer.address,
        key_secret=os.urandom(16),
        min_clusters=2,
        max_clusters=2,
        umap=False,
        stability_resamples=0,
    )


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="oct-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def image_files(oct_images: Path) -> list[Scan]:
    """Ten images of each class with their labels and patients."""
    paths = sorted(oct_images.rglob("*.jp*g"))
    by_class = {
        name: [path for path in paths if path.parent.name == name] for name in {p.parent.name for p in paths}
    }
    chosen = sorted(path for members in by_class.values() for path in members[:10])
    return [
        Scan(oct_images, path.relative_to(oct_images).as_posix(), path.parent.name, path.stem.split("-")[1])
        for path in chosen
    ]


@pytest.fixture(scope="session")
def image_set(oct_images: Path, image_files: list[Scan]) -> ImageSet:
    return ImageSet(oct_images, image_files, "folder")


@pytest.fixture(scope="session")
def images(image_files: list[Scan]) -> list[bytes]:
    return [image.path.read_bytes() for image in image_files]


class Recorder:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.totals: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.messages: list[str] = []

    def stage(self, name: str, total: int, unit: str) -> None:
        self.stages.append(name)
        self.totals[name] = total

    def update(self, done: int, total: int) -> None:
        self.done[self.stages[-1]] = done
        assert done <= total

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
