"""Real services, a finished run and a gateway that uses them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dicom_senders import need_dcmtk
from gateways import Gateway, make_run
from octcluster import RunOptions
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
