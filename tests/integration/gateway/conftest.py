"""Real services, a finished run and a gateway that uses them."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dicom_senders import need_dcmtk
from gateways import Gateway
from octcluster import ImageSet, RunOptions, Scan, Silence, run_images
from octcluster.images.readers.processes import kept_workers
from octcluster.outputs.run.files import write_run_files
from processes import Server, running_service
from stores import Store, started_store


@pytest.fixture(scope="package", autouse=True)
def dcmtk() -> None:
    need_dcmtk()


@pytest.fixture(scope="package")
def store() -> Iterator[Store]:
    with started_store("valkey") as store:
        yield store


@pytest.fixture(scope="package")
def clusterer(store: Store) -> Iterator[Server]:
    with running_service("octcluster_clusterer", "--redis-url", store.url) as server:
        yield server


@pytest.fixture(scope="package")
def pixel_embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An embedder that needs no weights and starts in a second."""
    arguments = ("--cache-dir", str(tmp_path_factory.mktemp("models")), "--models", "pixels")
    with running_service("octcluster_embedder", *arguments) as server:
        yield server


@pytest.fixture(scope="package")
def pixel_services(pixel_embedder: Server, clusterer: Server) -> list[str]:
    return ["--embedder", pixel_embedder.address, "--clusterer", clusterer.address]


@pytest.fixture(scope="package")
def pixel_run(
    pixel_embedder: Server, clusterer: Server, oct_images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a run by pixels: two clusters, whatever they are."""
    options = RunOptions(model="pixels", embedder=pixel_embedder.address, clusterer=clusterer.address)
    return make_run(oct_images, options, tmp_path_factory.mktemp("run"), ("CNV", "NORMAL"), 8)


def make_run(
    images: Path, services: RunOptions, folder: Path, classes: tuple[str, ...], per_class: int
) -> Path:
    """Clusters some images of these classes, and writes the run into a folder."""
    scans = [
        Scan(images, path.relative_to(images).as_posix(), name, path.stem.split("-")[1])
        for name in classes
        for path in sorted((next(images.rglob(name))).glob("*.jp*g"))[:per_class]
    ]
    scans.sort(key=lambda scan: scan.order)
    options = RunOptions(
        **{name: getattr(services, name) for name in ("model", "embedder", "clusterer")},
        key_secret=os.environ.get("OCTCLUSTER_KEY_SECRET", "").encode(),
        min_clusters=len(classes),
        max_clusters=len(classes),
        umap=False,
        stability_resamples=0,
    )
    with kept_workers():
        outcome = run_images(ImageSet(images, scans, "folder"), options, Silence())
    write_run_files(outcome, folder, {}, datetime.now(UTC))
    return folder


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways: a run, the flags of the services and others in. All are stopped after the test."""
    started: list[Gateway] = []

    def start(run: Path, services: list[str], *arguments: str) -> Gateway:
        started.append(Gateway(tmp_path / f"gateway-{len(started)}", run, services, *arguments))
        started[-1].start()
        return started[-1]

    yield start
    for gateway in started:
        gateway.stop()
