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
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from processes import free_port, wait_until_serving

IMAGES_A_REQUEST = 16
CALLS_AT_ONCE = 8
Send = Callable[[bytes], None]
"""Has one image embedded, and waits for its vector."""


@dataclass(frozen=True)
class Target:
    """A running server and what is asked of it."""

    stub: EmbedderServiceStub
    features: int
    seconds_to_serving: float

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

    def _embed(self, images: Sequence[bytes]) -> int:
        items = [pb.EmbedItem(id=place, image=image) for place, image in enumerate(images)]
        results = self.stub.Embed(pb.EmbedRequest(features=self.features, items=items)).results
        if len(results) != len(images) or not all(result.vector for result in results):
            raise RuntimeError("an image has no vector")
        return len(results)


@contextmanager
def running_embedder(features: str, *arguments: str) -> Iterator[Target]:
    """Runs an embedder on a port of 127.0.0.1 until the block ends."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "octcluster_embedder", "--listen", address, *arguments]
    start = time.monotonic()
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_until_serving(address, process, seconds=300)
            seconds = time.monotonic() - start
            unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
            with grpc.insecure_channel(address, options=unlimited) as channel:
                number = pb.Features.Value(f"FEATURES_{features.upper()}")
                yield Target(EmbedderServiceStub(channel), number, seconds)
        finally:
            process.terminate()
            process.wait(timeout=60)


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
