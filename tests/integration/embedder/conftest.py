"""One real embedder process a module, and images to send."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1 import embedder_pb2_grpc
from processes import Server, running_service

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@pytest.fixture(scope="module")
def server(model_cache: Path) -> Iterator[Server]:
    with running_service("octcluster_embedder", "--cache-dir", str(model_cache)) as running:
        yield running


@pytest.fixture(scope="module")
def stub(server: Server) -> Iterator[embedder_pb2_grpc.EmbedderServiceStub]:
    with grpc.insecure_channel(server.address, options=UNLIMITED) as channel:
        yield embedder_pb2_grpc.EmbedderServiceStub(channel)


@pytest.fixture(scope="session")
def images(oct_images: Path) -> list[bytes]:
    """Encoded images of all classes."""
    return [path.read_bytes() for path in sorted(oct_images.rglob("*.jp*g"))][::7][:24]


@pytest.fixture(scope="session")
def items(images: list[bytes]) -> list[pb.EmbedItem]:
    return [pb.EmbedItem(id=number, image=image) for number, image in enumerate(images)]
