"""Is the services' memory bounded, and are others served, while clients misuse streams?

Opens 200 streams at a time, for two minutes, and each anew as soon as it ends: of StartRun some that send
members slowly and never end, some of 500,000 members, some that send empty chunks without end; of
PutFittedRun some that send without end; of GetVectors and Assign some whose answers nobody reads. At the
embedder 16 calls at a time. Another client asks for the health, a run and the list of runs all along.

Prints one JSON line: resident memory of each service before, and the most that it grew by, in MiB (asked for:
100 at most); milliseconds that the other client waited, median and 99th percentile, before and meanwhile, and
how often it was not served; how streams ended, by kind and status.

    .venv/bin/python benchmarks/bounded.py [--seconds 120]
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import ClustererServiceStub
from octcluster_protos.embedder.v1 import embedder_pb2 as embedder_pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from processes import running_service
from stores import started_store

MIB = 2**20
DIMENSION = 6208
SPACE = pb.VectorSpace(digest=b"\x07" * 32, data_type=pb.DATA_TYPE_FLOAT32, dimension=DIMENSION)
N_VECTORS = 400
MEMBERS = 500_000
MEMBERS_A_CHUNK = 8000
STREAMS_A_CONNECTION = 20
STREAMS = {"slow members": 40, "many members": 40, "empty chunks": 40, "endless file": 20, "unread": 60}
EMBEDS, IMAGES_A_CALL = 16, 16
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


def spec() -> pb.RunSpec:
    return pb.RunSpec(
        run_id=os.urandom(16).hex(),
        space=SPACE,
        preparation=pb.Preparation(l2_normalize=True),
        algorithms=[pb.ALGORITHM_KMEANS],
        min_clusters=4,
        max_clusters=4,
    )


async def send_slowly() -> AsyncIterator[pb.StartRunRequest]:
    yield pb.StartRunRequest(spec=spec(), member_count=MEMBERS)
    while True:
        yield chunk(MEMBERS_A_CHUNK)
        await asyncio.sleep(1)


async def send_many() -> AsyncIterator[pb.StartRunRequest]:
    yield pb.StartRunRequest(spec=spec(), member_count=MEMBERS)
    for _ in range(0, MEMBERS, MEMBERS_A_CHUNK):
        yield chunk(MEMBERS_A_CHUNK)
        await asyncio.sleep(0)


async def send_empty() -> AsyncIterator[pb.StartRunRequest]:
    yield pb.StartRunRequest(spec=spec(), member_count=MEMBERS)
    while True:
        yield chunk(0)
        await asyncio.sleep(0.002)


async def send_file() -> AsyncIterator[pb.PutFittedRunRequest]:
    while True:
        yield pb.PutFittedRunRequest(data=bytes(MIB))
        await asyncio.sleep(0.2)


def chunk(n_members: int) -> pb.StartRunRequest:
    keys = os.urandom(32 * n_members)
    members = pb.MemberChunk(image_keys=[keys[at : at + 32] for at in range(0, len(keys), 32)])
    return pb.StartRunRequest(members=members)


@dataclass
class Misuse:
    """Streams that are opened again and again."""

    keys: list[bytes]
    run_id: str
    ends: Counter[str] = field(default_factory=Counter)

    async def begin(self, kind: str, stub: ClustererServiceStub, number: int) -> object:
        """Opens one stream, and waits for its end."""
        match kind:
            case "slow members":
                return await stub.StartRun(send_slowly())
            case "many members":
                return await stub.StartRun(send_many())
            case "empty chunks":
                return await stub.StartRun(send_empty())
            case "endless file":
                return await stub.PutFittedRun(send_file())
        if number % 2:
            call = stub.GetVectors(pb.GetVectorsRequest(space=SPACE, image_keys=self.keys))
        else:
            call = stub.Assign(pb.AssignRequest(run_id=self.run_id, image_keys=self.keys))
        return await call.code()  # reads no answer

    async def repeat(self, kind: str, begin: Callable[[], Awaitable[object]]) -> None:
        """Opens a stream anew whenever it ends."""
        while True:
            try:
                await begin()
                self.ends[f"{kind}: OK"] += 1
            except grpc.aio.AioRpcError as error:
                # So this side's library tells of a message that it sent after the server's answer.
                is_own = error.details() == "Internal error from Core"
                self.ends[f"{kind}: {'ended while sending' if is_own else error.code().name}"] += 1
            await asyncio.sleep(0.05)

    async def go_on(self, clusterer: str, embedder: str, image: bytes, seconds: float) -> None:
        """Keeps all streams open for so long."""
        kinds = [kind for kind, number in STREAMS.items() for _ in range(number)]
        channels = [
            grpc.aio.insecure_channel(clusterer, options=_UNLIMITED)
            for _ in range(0, len(kinds), STREAMS_A_CONNECTION)
        ]
        stubs = [ClustererServiceStub(channel) for channel in channels]
        tasks = [
            asyncio.create_task(
                self.repeat(
                    kind,
                    lambda kind=kind, number=number: self.begin(kind, stubs[number % len(stubs)], number),
                )
            )
            for number, kind in enumerate(kinds)
        ]
        channels.append(grpc.aio.insecure_channel(embedder, options=_UNLIMITED))
        embeds = EmbedderServiceStub(channels[-1])
        request = embed_request(image)
        tasks += [
            asyncio.create_task(self.repeat("embed", lambda: embeds.Embed(request))) for _ in range(EMBEDS)
        ]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in channels:
            await channel.close()


class Bystander:
    """Another client of the clusterer, which asks small things all along."""

    def __init__(self, address: str, run_id: str) -> None:
        self._channel = grpc.insecure_channel(address, options=_UNLIMITED)
        stub, health = ClustererServiceStub(self._channel), health_pb2_grpc.HealthStub(self._channel)
        self._calls = itertools.cycle(
            [
                lambda: health.Check(health_pb2.HealthCheckRequest(), timeout=10),
                lambda: stub.GetRun(pb.GetRunRequest(run_id=run_id), timeout=10),
                lambda: stub.ListRuns(pb.ListRunsRequest(), timeout=10),
            ]
        )

    def ask(self, stop: threading.Event) -> tuple[list[float], int]:
        """Asks until it is told to stop; returns the seconds of each answer, and how many did not come."""
        waits, failed = [], 0
        while not stop.wait(0.1):
            began = time.perf_counter()
            try:
                next(self._calls)()
                waits.append(time.perf_counter() - began)
            except grpc.RpcError:
                failed += 1
        return waits, failed


@contextmanager
def watching(processes: dict[str, int]) -> Iterator[dict[str, int]]:
    """Follows the highest resident memory of processes, in bytes."""
    found = {name: psutil.Process(pid) for name, pid in processes.items()}
    highest = {name: process.memory_info().rss for name, process in found.items()}
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(0.2):
            for name, process in found.items():
                highest[name] = max(highest[name], process.memory_info().rss)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield highest
    finally:
        stop.set()
        thread.join()


def warm_up(address: str) -> tuple[list[bytes], str]:
    """Stores vectors and does a run, so that the clusterer has all that it ever loads."""
    keys = [os.urandom(32) for _ in range(N_VECTORS)]
    rows = np.random.default_rng(0).normal(size=(N_VECTORS, DIMENSION)).astype("<f4")
    entries = [
        pb.VectorEntry(image_key=key, vector=row.tobytes()) for key, row in zip(keys, rows, strict=True)
    ]
    with grpc.insecure_channel(address, options=_UNLIMITED) as channel:
        stub = ClustererServiceStub(channel)
        puts = [
            pb.PutVectorsRequest(space=SPACE, entries=entries[at : at + 100])
            for at in range(0, N_VECTORS, 100)
        ]
        stub.PutVectors(iter(puts))
        own = spec()
        members = pb.StartRunRequest(members=pb.MemberChunk(image_keys=keys))
        stub.StartRun(iter([pb.StartRunRequest(spec=own, member_count=len(keys)), members]))
        for answer in stub.WatchRun(pb.WatchRunRequest(run_id=own.run_id)):
            state = answer.status.state
        assert state == pb.RUN_STATE_SUCCEEDED
        for read in (
            stub.GetVectors(pb.GetVectorsRequest(space=SPACE, image_keys=keys)),
            stub.Assign(pb.AssignRequest(run_id=own.run_id, image_keys=keys)),
        ):
            assert list(read)
    return keys, own.run_id


def embed_request(image: bytes) -> embedder_pb.EmbedRequest:
    items = [embedder_pb.EmbedItem(id=number, image=image) for number in range(IMAGES_A_CALL)]
    return embedder_pb.EmbedRequest(features=embedder_pb.FEATURES_PIXELS, items=items)


def warm_up_embedder(address: str, image: bytes) -> None:
    """Has it embed as many images at a time as it will: what that takes is no growth."""
    with grpc.insecure_channel(address, options=_UNLIMITED) as channel, ThreadPoolExecutor(EMBEDS) as threads:
        stub = EmbedderServiceStub(channel)
        list(threads.map(stub.Embed, [embed_request(image)] * 2 * EMBEDS))


def ask_for(bystander: Bystander, work: Callable[[], object]) -> dict[str, float]:
    """What the bystander met while something was done."""
    stop, found = threading.Event(), []
    thread = threading.Thread(target=lambda: found.append(bystander.ask(stop)))
    thread.start()
    work()
    stop.set()
    thread.join()
    ((waits, failed),) = found
    return {
        "median_ms": round(1000 * statistics.median(waits), 1),
        "p99_ms": round(1000 * float(np.percentile(waits, 99)), 1),
        "answers": len(waits),
        "not_served": failed,
    }


def measure(seconds: float) -> dict[str, object]:
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (496, 512), np.uint8)).save(file, "JPEG")
    with (
        started_store("valkey") as store,
        running_service("octcluster_clusterer", "--redis-url", store.url) as clusterer,
        running_service("octcluster_embedder", "--models", "pixels") as embedder,
    ):
        keys, run_id = warm_up(clusterer.address)
        warm_up_embedder(embedder.address, file.getvalue())
        bystander = Bystander(clusterer.address, run_id)
        misuse = Misuse(keys, run_id)
        alone = ask_for(bystander, lambda: time.sleep(min(20, seconds)))
        with watching({"clusterer": clusterer.process.pid, "embedder": embedder.process.pid}) as highest:
            before = dict(highest)
            work = misuse.go_on(clusterer.address, embedder.address, file.getvalue(), seconds)
            meanwhile = ask_for(bystander, lambda: asyncio.run(work))
        return {
            "streams": sum(STREAMS.values()),
            "seconds": seconds,
            "mib_before": {name: round(value / MIB) for name, value in before.items()},
            "mib_more": {name: round((highest[name] - before[name]) / MIB) for name in before},
            "others_before": alone,
            "others_meanwhile": meanwhile,
            "ends": dict(sorted(misuse.ends.items())),
            "load": round(os.getloadavg()[0], 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120, help="how long streams are misused")
    print(json.dumps(measure(parser.parse_args().seconds)))


if __name__ == "__main__":
    sys.exit(main())
