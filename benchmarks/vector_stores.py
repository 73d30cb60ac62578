"""What do vectors in Parquet cost beside Redis? Both in one run, on the same made vectors.

Puts vectors in messages of 256, loads all of them in the order of their putting, and in blocks of 8192 in an
arbitrary order. Then, in Parquet alone, asks a fresh process which of many keys are missing, in messages of
8192. Prints one JSON line: wall seconds and processor seconds (the server's with them) of each, the ratio of
both stores, and by how much the asking process grew.

    .venv/bin/python benchmarks/vector_stores.py [--vectors 20000] [--keys 1000000] [--folder DIR]
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from octcluster_clusterer.model import DataType, VectorSpace
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
from octcluster_clusterer.store.vectors import VectorCache
from stores import started_store

SPACE = VectorSpace(b"\x01" * 32, 3104, DataType.FLOAT16)
SMALL_SPACE = VectorSpace(b"\x02" * 32, 4)
PUT_AT_ONCE = 256
BLOCK = 8192


def measure(work: Callable[[], object], server: psutil.Process | None) -> dict[str, float]:
    """Wall seconds of this work, and processor seconds of this process and the server."""

    def processor_seconds() -> float:
        others = sum(server.cpu_times()[:2]) if server else 0.0
        return time.process_time() + others

    began, used = time.perf_counter(), processor_seconds()
    work()
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "processor_seconds": round(processor_seconds() - used, 2),
    }


def put_all(cache: VectorCache, space: VectorSpace, keys: np.ndarray, at_once: int) -> None:
    values = np.random.default_rng(0).normal(size=(at_once, space.dimension)).astype(space.value_type)
    vectors = [row.tobytes() for row in values]
    for start in range(0, len(keys), at_once):
        cache.put(
            space,
            [(key.tobytes(), v) for key, v in zip(keys[start : start + at_once], vectors, strict=False)],
        )


def load_blocks(cache: VectorCache, keys: np.ndarray) -> None:
    order = np.random.default_rng(1).permutation(len(keys))
    for start in range(0, len(keys), BLOCK):
        cache.load(SPACE, keys[order[start : start + BLOCK]], lambda _done, _total: None)


def measure_store(url: str, keys: np.ndarray, server: psutil.Process | None) -> dict[str, dict[str, float]]:
    cache = open_vectors(VectorPlace(url))
    measured = {"put": measure(lambda: put_all(cache, SPACE, keys, PUT_AT_ONCE), server)}
    cache.close()
    cache = open_vectors(VectorPlace(url))
    measured["load"] = measure(lambda: cache.load(SPACE, keys, lambda _done, _total: None), server)
    measured["load_blocks"] = measure(lambda: load_blocks(cache, keys), server)
    cache.close()
    return measured


def ask_for_missing(url: str, keys: np.ndarray, answer: "multiprocessing.Queue[dict[str, float]]") -> None:
    cache = open_vectors(VectorPlace(url))
    cache.find_missing(SPACE, [bytes(32)])  # what is imported does not count
    before = psutil.Process().memory_info().rss
    missing: list[bytes] = []

    def ask(messages: Sequence[np.ndarray]) -> None:
        for message in messages:
            missing.extend(cache.find_missing(SMALL_SPACE, [key.tobytes() for key in message]))

    messages = [keys[start : start + BLOCK] for start in range(0, len(keys), BLOCK)]
    measured = measure(lambda: ask(messages), None)
    grown = (psutil.Process().memory_info().rss - before) / 2**20
    answer.put({**measured, "missing": len(missing), "grown_mib": round(grown)})


def draw_keys(n_keys: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n_keys, 32), dtype=np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=20_000)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the files go; default: the temporary folder")
    options = parser.parse_args()
    keys = draw_keys(options.vectors, 2)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, started_store("valkey") as store:
        server = next(one for one in psutil.Process().children() if "valkey" in " ".join(one.cmdline()))
        redis = measure_store(store.url, keys, server)
        url = f"file://{folder}/vectors"
        parquet = measure_store(url, keys, None)
        many = draw_keys(options.keys, 3)
        cache = open_vectors(VectorPlace(url))
        put_all(cache, SMALL_SPACE, many, 32 * PUT_AT_ONCE)
        cache.close()
        context = multiprocessing.get_context("spawn")
        answer: multiprocessing.Queue[dict[str, float]] = context.Queue()
        asked = np.concatenate([many, draw_keys(1000, 4)])
        process = context.Process(target=ask_for_missing, args=(url, asked, answer))
        process.start()
        find_missing = answer.get()
        process.join()
    ratios = {
        step: round(parquet[step]["processor_seconds"] / redis[step]["processor_seconds"], 2)
        for step in redis
    }
    found = {"redis": redis, "parquet": parquet, "parquet_over_redis": ratios}
    print(
        json.dumps({"vectors": options.vectors, **found, "keys": options.keys, "find_missing": find_missing})
    )


if __name__ == "__main__":
    main()
