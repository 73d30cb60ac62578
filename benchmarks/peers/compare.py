"""The embedder beside general model servers: same model file, decoding, processors and client load.

Each server runs by itself, in turn, round after round. A client process sends single images, so many at a
time, and takes vectors of float32; the peers speak HTTP, the embedder gRPC. Prints one JSON line: images a
second and milliseconds at the median and the 99th percentile with 32 at a time, the same with one at a time,
for the model and for a model that does nothing on tiny images, which leaves the servers' own cost.

    /tmp/peers/bin/python benchmarks/peers/compare.py ../shared/oct2017 MODEL.openvino.zip
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import aiohttp
import grpc
import numpy as np
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))
from processes import free_port

FOLDER = Path(__file__).resolve().parent
AT_ONCE = 32
DIMENSION = 1280
Send = Callable[[bytes], Awaitable[bytes]]


def command_of(server: str, port: int, cache_dir: Path | None) -> list[str]:
    """The command that starts a server on a port of 127.0.0.1."""
    if server == "octcluster" and cache_dir is not None:
        return [sys.executable, "-m", "octcluster_embedder", "--cache-dir", str(cache_dir),
                "--listen", f"127.0.0.1:{port}"]  # fmt: skip
    if server == "bentoml":
        return [sys.executable, "-m", "bentoml", "serve", "bentoml_server:Embedding", "--port", str(port)]
    script = [sys.executable, str(FOLDER / f"{server}_server.py")]
    if server == "litserve":
        return [*script, str(port)]
    if server == "mosec":
        return [*script, "--port", str(port), "--address", "127.0.0.1", "--log-level", "error"]
    return [*script, "--listen", f"127.0.0.1:{port}"]


@contextlib.contextmanager
def running(server: str, model: Path | None) -> Iterator[int]:
    """Runs a server until the block ends; with no model, one that does nothing."""
    port = free_port()
    command = command_of(server, port, model and model.parent)
    environment = os.environ | {"PEER_MODEL": str(model or ""), "BENTOML_DO_NOT_TRACK": "1"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=FOLDER, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield port
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            with contextlib.suppress(ProcessLookupError):  # workers that outlive their parent
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.asynccontextmanager
async def connected(server: str, port: int) -> AsyncIterator[Send]:
    """A function that has one image embedded."""
    if server == "octcluster":
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = EmbedderServiceStub(channel)

            async def call(image: bytes) -> bytes:
                request = pb.EmbedRequest(features=pb.FEATURES_POOLED, items=[pb.EmbedItem(image=image)])
                return (await stub.Embed(request)).results[0].vector

            yield call
        return
    path = {"mosec": "inference", "litserve": "predict", "bentoml": "embed"}[server]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:

        async def post(image: bytes) -> bytes:
            body: bytes | aiohttp.FormData = image
            if server != "mosec":
                body = aiohttp.FormData()
                body.add_field("images" if server == "bentoml" else "image", image, filename="image.jpeg")
            async with session.post(f"http://127.0.0.1:{port}/{path}", data=body) as response:
                response.raise_for_status()
                answer = await response.read()
            return np.asarray(json.loads(answer), np.float32).tobytes() if server == "bentoml" else answer

        yield post


async def wait_until_ready(send: Send, image: bytes) -> bytes:
    """Asks until there is an answer, and returns it."""
    deadline = time.monotonic() + 90
    while True:
        try:
            return await send(image)
        except (aiohttp.ClientError, grpc.RpcError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


async def load(send: Send, images: Sequence[bytes], at_once: int) -> dict[str, float]:
    """Sends all images, so many at a time."""
    left, latencies = iter(images), []

    async def run() -> None:
        for image in left:
            start = time.perf_counter()
            if len(await send(image)) != 4 * DIMENSION:
                raise RuntimeError("this is no vector")
            latencies.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(at_once)))
    seconds = time.perf_counter() - start
    p50, p99 = np.percentile(latencies, (50, 99))
    return {"images_a_second": len(images) / seconds, "p50_ms": 1000 * p50, "p99_ms": 1000 * p99}


async def judge(server: str, model: Path | None, images: Sequence[bytes]) -> dict[str, dict[str, float]]:
    """One round of one server."""
    with running(server, model) as port:
        async with connected(server, port) as send:
            await wait_until_ready(send, images[0])
            await load(send, images[:64], AT_ONCE)
            return {
                f"{at_once}_at_a_time": await load(send, images[:count], at_once)
                for at_once, count in ((AT_ONCE, len(images)), (1, 100))
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("model", type=Path, help="the converted model in the embedder's --cache-dir")
    parser.add_argument("--servers", default="octcluster,mosec,litserve,bentoml")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    images = [path.read_bytes() for path in sorted(arguments.images.rglob("*.jp*g"))[::2]]
    stream = io.BytesIO()
    Image.new("L", (16, 16)).save(stream, "JPEG")
    works = {"model": (arguments.model.resolve(), images), "nothing": (None, [stream.getvalue()] * 1000)}
    figures: dict[str, object] = {}
    for work, (model, sent) in works.items():
        rounds: dict[str, list[dict[str, dict[str, float]]]] = {}
        for _ in range(arguments.rounds):
            for server in arguments.servers.split(","):
                print(f"{work}: {server}", file=sys.stderr, flush=True)
                rounds.setdefault(server, []).append(asyncio.run(judge(server, model, sent)))
        figures[work] = {server: _medians(found) for server, found in rounds.items()}
    print(json.dumps(figures))


def _medians(rounds: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        load: {
            name: round(statistics.median(one[load][name] for one in rounds), 2) for name in rounds[0][load]
        }
        for load in rounds[0]
    }


if __name__ == "__main__":
    main()
