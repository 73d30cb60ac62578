"""Does the embedder's memory stay flat? Many requests of good and bad images, on a real server process.

Eight clients send requests of one to four images: real ones (or phantoms), some of them cut short, no images
at all, empty or of too many pixels. One request in fifty is given up on the way. Prints one JSON line:
resident memory after the warm-up (the first tenth of the requests), its highest value afterwards and its
growth, in MiB, and what became of the images.

    .venv/bin/python benchmarks/embed_memory.py [IMAGES] [--requests 50000]
"""

import argparse
import io
import json
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import psutil
from octcluster.images.phantoms import write_phantoms
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from processes import running_service

CLIENTS = 8
MOST_IMAGES_A_REQUEST = 4
MIB = 2**20


class Load:
    """Sends requests that are made up at random, and counts what comes back."""

    def __init__(self, stub: EmbedderServiceStub, images: Sequence[bytes]) -> None:
        self._stub = stub
        self._images = images
        self._huge = _encode(Image.new("1", (10_000, 10_000)))
        self.outcomes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def send(self, number: int) -> None:
        """Sends one request; its number decides what is in it."""
        chance = random.Random(number)
        items = [
            pb.EmbedItem(id=place, image=self._make_image(chance))
            for place in range(chance.randint(1, MOST_IMAGES_A_REQUEST))
        ]
        request = pb.EmbedRequest(features=pb.FEATURES_POOLED, items=items)
        seconds = chance.uniform(0.001, 0.05) if chance.random() < 0.02 else 60
        try:
            results = self._stub.Embed(request, timeout=seconds).results
            found = Counter(
                "vector" if one.vector else pb.EmbedErrorCode.Name(one.error.code) for one in results
            )
        except grpc.RpcError as error:
            found = Counter({error.code().name: len(items)})
        with self._lock:
            self.outcomes += found

    def _make_image(self, chance: random.Random) -> bytes:
        image = chance.choice(self._images)
        kind = chance.random()
        if kind < 0.7:
            return image
        if kind < 0.85:
            return image[: chance.randrange(len(image))]
        if kind < 0.95:
            return chance.randbytes(chance.randrange(100_000))
        return b"" if kind < 0.98 else self._huge


def measure(images: Sequence[bytes], n_requests: int) -> dict[str, object]:
    """Sends the requests and follows the server's resident memory."""
    warm_up = n_requests // 10
    with (
        running_service("octcluster_embedder") as server,
        grpc.insecure_channel(server.address) as channel,
        ThreadPoolExecutor(CLIENTS) as threads,
    ):
        load = Load(EmbedderServiceStub(channel), images)
        process = psutil.Process(server.process.pid)
        list(threads.map(load.send, range(warm_up)))
        before = highest = process.memory_info().rss
        for first in range(warm_up, n_requests, 100):
            list(threads.map(load.send, range(first, min(first + 100, n_requests))))
            highest = max(highest, process.memory_info().rss)
        last = process.memory_info().rss
    return {
        "requests": n_requests,
        "outcomes": dict(load.outcomes),
        "mib_after_warm_up": round(before / MIB, 1),
        "mib_highest": round(highest / MIB, 1),
        "mib_last": round(last / MIB, 1),
        "mib_growth": round((highest - before) / MIB, 1),
    }


def _encode(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def main() -> None:
    """Reads the arguments, measures and prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path, nargs="?", help="folder of JPEG files; phantoms unless given")
    parser.add_argument("--requests", type=int, default=50_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.images is None:
            write_phantoms(Path(folder), images_per_class=24, seed=0)
        files = sorted((arguments.images or Path(folder)).rglob("*.jp*g"))[:200]
        images = [file.read_bytes() for file in files]
    print(json.dumps({"benchmark": "embed_memory", **measure(images, arguments.requests)}))


if __name__ == "__main__":
    main()
