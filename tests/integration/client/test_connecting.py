"""Addresses where nothing listens, and servers that come up while a job waits for them."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from octcluster import ImageSet, RunOptions, Scan, ServerUnavailable, Silence, TooFewImages, run_images
from octcluster.clients.embedder import EmbedderClient
from octcluster.workflows import services
from octcluster.workflows.services import connected_clusterer
from octcluster.workflows.stages import Stages
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import (
    ClustererServiceServicer,
    add_ClustererServiceServicer_to_server,
)

pytestmark = pytest.mark.heavy


class Clusterer(ClustererServiceServicer):
    """Says who it is, and no more."""

    def GetServerInfo(self, request: Any, context: grpc.ServicerContext) -> pb.GetServerInfoResponse:  # noqa: N802
        return pb.GetServerInfoResponse(version="7")


def free_address() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


class Starter(Silence):
    """Starts a clusterer when the job says that it waits for it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.server: grpc.Server | None = None

    def message(self, text: str) -> None:
        assert text == f"waiting for the clusterer at {self._address}"
        if self.server is None:
            self.server = grpc.server(ThreadPoolExecutor(1))
            add_ClustererServiceServicer_to_server(Clusterer(), self.server)  # type: ignore[abstract]
            assert self.server.add_insecure_port(self._address)
            self.server.start()


def test_where_nothing_listens_the_wait_is_short() -> None:
    options = RunOptions(clusterer=free_address())
    told = "in 5 s: nothing listens there: start it, or correct the address"
    with pytest.raises(ServerUnavailable, match=told), connected_clusterer(options, None, Stages(Silence())):
        raise AssertionError("nothing is there")


def test_a_server_that_starts_is_waited_for() -> None:
    address = free_address()
    starter = Starter(address)
    with connected_clusterer(RunOptions(clusterer=address), None, Stages(starter)) as clusterer:
        assert clusterer.info().version == "7"
    assert starter.server is not None
    starter.server.stop(None)


def test_a_long_start_of_own_services_is_explained_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[str] = []

    class Told(Silence):
        def message(self, text: str) -> None:
            told.append(text)

    monkeypatch.setattr(services, "_LONG_START_SECONDS", 0.0)
    monkeypatch.setattr(services, "START_SECONDS", 2.0)
    connector = services._Connector(RunOptions(), None, Stages(Told()))
    with EmbedderClient(f"unix:{tmp_path}/nobody.sock") as client, pytest.raises(ServerUnavailable):
        connector.wait(client, None)
    assert len(told) == 1
    assert "the first start takes a minute or two" in told[0]


def test_too_many_clusters_are_told_before_services_are_asked(tmp_path: Any) -> None:
    images = ImageSet(tmp_path, [Scan(tmp_path, f"{number}.png") for number in range(3)], "none")
    options = RunOptions(max_clusters=5, embedder="127.0.0.1:1", clusterer="127.0.0.1:1")
    with pytest.raises(TooFewImages, match=r"3 images cannot make 5 clusters: ask for fewer \(-k\)"):
        run_images(images, options, Silence())


@pytest.mark.parametrize("service", ["embedder", "clusterer"])
def test_a_wrong_address_is_told_before_images_are_read(tmp_path: Any, service: str) -> None:
    begun: list[str] = []

    class Stage(Silence):
        def stage(self, name: str, total: int, unit: str) -> None:
            begun.append(name)

    images = ImageSet(tmp_path, [Scan(tmp_path, f"{number}.png") for number in range(4)], "none")
    options = RunOptions(**{service: free_address()})  # type: ignore[arg-type]
    with pytest.raises(ServerUnavailable, match=f"no answer from the {service} at .* nothing listens there"):
        run_images(images, options, Stage())
    assert begun == []
