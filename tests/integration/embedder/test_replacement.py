"""A runtime that dies in a real process: it is replaced, health tells it, and nobody loses more than time."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from mortal_embedder import DEADLY
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub
from processes import Server, running_service
from tiny_runtime import image

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture(params=["1", "4"], ids=["one by one", "batches"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    environment = {"PYTHONPATH": str(SUPPORT), "BATCH_SIZE": request.param}
    with running_service("mortal_embedder", environment=environment) as server:
        yield server


def test_a_dead_runtime_is_replaced_and_others_lose_nothing(server: Server) -> None:
    statuses: list[int] = []
    served_again = threading.Event()
    answered: list[int] = []
    watching, busy = threading.Event(), threading.Event()

    def watch() -> None:
        with grpc.insecure_channel(server.address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for answer in health.Watch(health_pb2.HealthCheckRequest(), timeout=60):
                statuses.append(answer.status)
                watching.set()
                if statuses[-2:] == [NOT_SERVING, SERVING]:
                    served_again.set()
                    return

    def send() -> None:
        items = [pb.EmbedItem(id=number, image=image(number % 50)) for number in range(400)]
        requests = [
            pb.EmbedRequest(features=pb.FEATURES_POOLED, items=items[start : start + 8])
            for start in range(0, 400, 8)
        ]
        with grpc.insecure_channel(server.address) as channel, ThreadPoolExecutor(4) as senders:
            stub = EmbedderServiceStub(channel)
            for response in senders.map(lambda request: stub.Embed(request, timeout=60), requests):
                assert all(result.vector for result in response.results)
                answered.extend(result.id for result in response.results)
                busy.set()

    threads = [threading.Thread(target=watch), threading.Thread(target=send)]
    for thread, begun in zip(threads, (watching, busy), strict=True):
        thread.start()
        assert begun.wait(20)
    with grpc.insecure_channel(server.address) as channel:
        request = pb.EmbedRequest(
            features=pb.FEATURES_POOLED, items=[pb.EmbedItem(id=1, image=image(DEADLY))]
        )
        result = EmbedderServiceStub(channel).Embed(request, timeout=60).results[0]
    assert result.error.code == pb.EMBED_ERROR_CODE_INTERNAL
    assert served_again.wait(20)
    for thread in threads:
        thread.join(60)
    assert sorted(answered) == list(range(400))
    assert statuses[0] == SERVING
    assert "is dead: loading the model again" in server.log
