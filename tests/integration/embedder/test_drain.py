"""SIGTERM under full load, on a real process: what was accepted is answered, the rest refused."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub
from processes import Server, running_service

IMAGES_A_REQUEST = 4


class Client(threading.Thread):
    """Sends on a connection of its own for as long as it is answered, and counts."""

    def __init__(self, server: Server, images: list[bytes]) -> None:
        super().__init__()
        self._images = images
        self._channel = grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
        self._stub = EmbedderServiceStub(self._channel)
        self.sent = 0
        self.answered: list[int] = []
        self.status: grpc.StatusCode | None = None
        self.working = threading.Event()

    def run(self) -> None:
        try:
            with self._channel:
                for response in self._responses():
                    assert all(result.vector for result in response.results)
                    self.answered += [result.id for result in response.results]
                    self.working.set()
        except grpc.RpcError as error:
            self.status = error.code()

    def _responses(self) -> Iterator[pb.EmbedResponse]:
        while True:
            response = self._stub.Embed(
                pb.EmbedRequest(features=pb.FEATURES_POOLED, items=self._items()), timeout=60
            )
            assert len(response.results) == IMAGES_A_REQUEST
            yield response

    def _items(self) -> list[pb.EmbedItem]:
        first = self.sent
        self.sent += IMAGES_A_REQUEST
        return [
            pb.EmbedItem(id=number, image=self._images[number % len(self._images)])
            for number in range(first, self.sent)
        ]


def run_until_sigterm(server: Server, images: list[bytes]) -> list[Client]:
    clients = [Client(server, images) for _ in range(9)]
    for client in clients:
        client.start()
    for client in clients:
        assert client.working.wait(30)
    assert server.terminate(120) == 0
    for client in clients:
        client.join(30)
    return clients


def test_sigterm_under_full_load_loses_no_accepted_image(model_cache: Path, images: list[bytes]) -> None:
    arguments = ("--cache-dir", str(model_cache), "--grace-seconds", "600")  # on however busy a machine
    with running_service("octcluster_embedder", *arguments) as server:
        clients = run_until_sigterm(server, images)
        log = server.log
    assert "got no answer" not in log
    assert "Traceback" not in log
    for client in clients:
        # CANCELLED: the call had not been accepted yet (https://github.com/grpc/grpc/issues/41785).
        assert client.status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        assert len(set(client.answered)) == len(client.answered)
    told = sum(int(number) for number in re.findall(r"Embed OK: (\d+) items", log))
    assert told == sum(len(client.answered) for client in clients)


def test_what_the_grace_is_too_short_for_is_told(model_cache: Path, images: list[bytes]) -> None:
    arguments = ("--cache-dir", str(model_cache), "--grace-seconds", "0")
    with running_service("octcluster_embedder", *arguments) as server:
        clients = run_until_sigterm(server, images)
        log = server.log
    assert re.search(r"\d+ accepted images got no answer in time", log)
    assert all(client.status is not None for client in clients)
