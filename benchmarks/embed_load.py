"""A real embedder process and the loads that the benchmarks put on it, over loopback, from this process."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc
from octcluster.clients.connection import Connection
from octcluster.clients.endpoint import Endpoint
from octcluster.clients.security import Tls
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from certificates import Certificates
from processes import free_port

IMAGES_A_REQUEST = 16
CALLS_AT_ONCE = 8
SINGLE_CALLS_AT_ONCE = 32
Send = Callable[[bytes], None]
"""Has one image embedded, and waits for its vector."""


@dataclass(frozen=True)
class Target:
    """A running server and what is asked of it."""

    address: str
    stub: EmbedderServiceStub
    features: int
    seconds_to_serving: float
    process: psutil.Process

    def send(self, image: bytes) -> None:
        """Embeds one image, alone in its request."""
        self._embed([image])

    def embed_all(self, images: Sequence[bytes], stop: threading.Event | None = None) -> float:
        """Sends all images in calls of Embed, several at a time; returns images a second.

        Once it is told to stop, it sends no more.
        """

        def embed(part: Sequence[bytes]) -> int:
            return 0 if stop is not None and stop.is_set() else self._embed(part)

        start = time.perf_counter()
        with ThreadPoolExecutor(CALLS_AT_ONCE) as threads:
            answered = sum(threads.map(embed, _requests(images)))
        return answered / (time.perf_counter() - start)

    def embed_singly(self, images: Sequence[bytes]) -> float:
        """Sends each image in a call of its own, many at a time; returns images a second."""
        start = time.perf_counter()
        with ThreadPoolExecutor(SINGLE_CALLS_AT_ONCE) as threads:
            answered = sum(threads.map(lambda image: self._embed([image]), images))
        return answered / (time.perf_counter() - start)

    def processor_seconds(self) -> float:
        """What server and client, which is this process, have taken of the processors so far."""
        times = self.process.cpu_times()
        return time.process_time() + times.user + times.system

    def _embed(self, images: Sequence[bytes]) -> int:
        items = [pb.EmbedItem(id=place, image=image) for place, image in enumerate(images)]
        results = self.stub.Embed(pb.EmbedRequest(features=self.features, items=items)).results
        if len(results) != len(images) or not all(result.vector for result in results):
            raise RuntimeError("an image has no vector")
        return len(results)


@contextmanager
def running_embedder(
    features: str, *arguments: str, certificates: Certificates | None = None
) -> Iterator[Target]:
    """Runs an embedder on a port of 127.0.0.1 until the block ends; with certificates over mutual TLS."""
    if certificates is not None:
        pair = certificates.server
        arguments += ("--tls-cert", str(pair.cert), "--tls-key", str(pair.key))
        arguments += ("--tls-client-ca", str(certificates.ca))
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "octcluster_embedder", "--listen", address, *arguments]
    start = time.monotonic()
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            with _open_channel(address, certificates) as channel:
                wait_until_channel_serves(channel, process, seconds=300)
                seconds = time.monotonic() - start
                number = pb.Features.Value(f"FEATURES_{features.upper()}")
                server = psutil.Process(process.pid)
                yield Target(address, EmbedderServiceStub(channel), number, seconds, server)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _open_channel(address: str, certificates: Certificates | None) -> grpc.Channel:
    # As the client library opens it.
    tls = None if certificates is None else Tls(certificates.ca, *vars(certificates.client).values())
    return Connection(Endpoint("the embedder", address, 60, 0, tls=tls)).channel


def wait_until_channel_serves(
    channel: grpc.Channel, process: subprocess.Popen[bytes], seconds: float
) -> None:
    """Waits until the server at the other end says that it serves."""
    deadline = time.monotonic() + seconds
    health = health_pb2_grpc.HealthStub(channel)
    while process.poll() is None and time.monotonic() < deadline:
        try:
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=2)
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return
        except grpc.RpcError:
            pass
        time.sleep(0.05)
    raise RuntimeError("the embedder does not serve")


def time_one_by_one(send: Send, images: Sequence[bytes]) -> np.ndarray:
    """Sends images one after the other; returns the seconds of each."""
    latencies = []
    for image in images:
        start = time.perf_counter()
        send(image)
        latencies.append(time.perf_counter() - start)
    return np.array(latencies)


def time_open_loop(
    send: Send, images: Sequence[bytes], images_a_second: float, clients: int = 8
) -> np.ndarray:
    """Sends single images from several clients at random times (Poisson), whatever the server does.

    Returns:
        The seconds of each image from the time at which it was due, so that waiting for a slow server counts.
    """
    random = np.random.default_rng(0)
    shares = [images[place::clients] for place in range(clients)]
    dues = [np.cumsum(random.exponential(clients / images_a_second, len(share))) for share in shares]
    origin = time.perf_counter() + 0.1

    def run(client: int) -> list[float]:
        threads_of_client = ThreadPoolExecutor(16)
        waiting = []
        for due, image in zip(dues[client], shares[client], strict=True):
            time.sleep(max(0.0, origin + due - time.perf_counter()))
            waiting.append(threads_of_client.submit(_time_from, send, image, origin + due))
        with threads_of_client:
            return [one.result() for one in waiting]

    with ThreadPoolExecutor(clients) as threads:
        return np.concatenate([np.array(found) for found in threads.map(run, range(clients))])


def _time_from(send: Send, image: bytes, due: float) -> float:
    send(image)
    return time.perf_counter() - due


def _requests(images: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (images[start : start + IMAGES_A_REQUEST] for start in range(0, len(images), IMAGES_A_REQUEST))
