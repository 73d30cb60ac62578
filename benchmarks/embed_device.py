"""What does the embedder make of this machine's device: how near to the model alone, and where is the rest?

Runs with and without a GPU. Prints one JSON line. Images a second, each the best of rounds:

    model      for each precision, the runtime alone on tensors that are decoded already, as many calls at
               once as it asks for; ``pass_ms`` is one call with one image, from host to host
    decode     decoding, measuring and resizing alone, for the recipe's views: in so many threads of one
               process, and as the embedder does it on this machine
    served     real images, real client, real server, all on this machine: for the default recipe (blocks,
               both views, mirrored), and for one plain pass an image; by as many servers as --embedders says
    passes     forward passes an image of the recipe

Latency in milliseconds: one image at a time through the service, p50 and p99. Start: seconds to SERVING with
an empty cache, and with what that start has left there. Agreement: whether an image's vector has the same
bits alone and among others; with --compare FILE.npz (written by --vectors on another machine or runtime), the
lowest and the median cosine for each kind of features.

    .venv/bin/python benchmarks/embed_device.py ../shared/oct2017 [--runtime jax] [--vectors FILE.npz]
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from embed_load import running_embedder
from octcluster.clients.embedder import EmbedderClient
from octcluster.model.recipes import DEFAULT_RECIPE
from octcluster_embedder.images.decoding import DecodedImage, ImageLimits, decode_image
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.decoding_threads import DecodingThreads
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.spaces import Features, Precision

PROCESSORS = len(os.sched_getaffinity(0))
RECIPE = {"features": DEFAULT_RECIPE.features, "flip": DEFAULT_RECIPE.flip, "views": DEFAULT_RECIPE.views}
PLAIN = {"features": "pooled"}
KINDS = {"recipe": RECIPE, "pooled": PLAIN, "blocks": {"features": "blocks"}}
DTYPES = {"recipe": "<f2", "pooled": "<f4", "blocks": "<f4", "flatten": "<f4"}
COMPARED_FLATTEN = 24
LIMITS = ImageLimits()


def find_images(folder: Path) -> list[bytes]:
    """The JPEG files of a folder, in the order of their names."""
    return [path.read_bytes() for path in sorted(folder.rglob("*.jp*g"))]


def rate(work: Callable[[], object], count: int, rounds: int = 3) -> float:
    """Most images a second of some rounds, after one that does not count."""
    work()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return round(count / min(seconds), 1)


def describe_device(runtime: Runtime) -> str:
    if runtime.name != "jax":
        return runtime.device
    import jax

    return str(jax.devices()[0].device_kind)


def measure_model(runtime: Runtime, pixels: np.ndarray) -> dict[str, float]:
    """The runtime alone, from host to host."""
    size = max(runtime.batch_size, 1)
    n_calls = max(4 * runtime.concurrent_batches, 1024 // size if runtime.device == "GPU" else 0)
    parts = [np.resize(np.roll(pixels, turn, axis=0), (size, *pixels.shape[1:])) for turn in range(4)]
    features = Features(RECIPE["features"])
    with ThreadPoolExecutor(runtime.concurrent_batches) as threads:

        def infer_all() -> None:
            list(threads.map(lambda turn: runtime.infer(parts[turn % 4], features), range(n_calls)))

        found = {"images_a_second": rate(infer_all, n_calls * size)}
    times = []
    for _ in range(30):
        start = time.perf_counter()
        runtime.infer(pixels[:1], features)
        times.append(time.perf_counter() - start)
    return {**found, "pass_ms": round(1000 * statistics.median(times), 2)}


def has_same_bits(runtime: Runtime, pixels: np.ndarray) -> bool:
    """Whether vectors are the same alone, and among others in whatever order and number."""
    some = pixels[:80]
    for features in runtime.spaces:
        together = runtime.infer(some, features)
        alone = np.concatenate([runtime.infer(some[place : place + 1], features) for place in range(8)])
        turned = np.roll(runtime.infer(np.roll(some, 7, axis=0), features), -7, axis=0)
        if not ((together[:8] == alone).all() and (turned == together).all()):
            return False
    return True


def measure_decoding(images: Sequence[bytes], runtime: Runtime) -> dict[str, float]:
    side = runtime.input_height

    def decode(image: bytes) -> DecodedImage:
        return decode_image(image, side, side, LIMITS, find_retina=True)

    found = {}
    for n_threads in sorted({1, 2, 4, PROCESSORS}):
        with ThreadPoolExecutor(n_threads) as threads:
            found[f"{n_threads}_threads"] = rate(lambda: list(threads.map(decode, images)), len(images), 1)
    decoding = DecodingThreads(PROCESSORS, LIMITS, Metrics())
    with ThreadPoolExecutor(PROCESSORS) as threads:

        def decode_all() -> None:
            list(threads.map(lambda image: decoding.decode_here(image, side, side, True), images))

        found["embedder"] = rate(decode_all, len(images))
    decoding.close()
    return found


def count_passes(images: Sequence[bytes], side: int) -> float:
    """Mean number of forward passes that the recipe takes for an image."""
    n_passes = 0
    for image in images:
        decoded = decode_image(image, side, side, LIMITS, find_retina=True)
        shown = [decoded.plain, decoded.plain if decoded.retina is None else decoded.retina]
        n_passes += sum(len(windows) + len(windows) % 2 for windows in shown)
    return round(n_passes / len(images), 2)


def measure_service(client: EmbedderClient, images: Sequence[bytes]) -> dict[str, Any]:
    many = [*images, *images]
    found: dict[str, Any] = {
        "recipe": rate(lambda: client.embed(many, **RECIPE), len(many)),
        "pooled": rate(lambda: client.embed(many, **PLAIN), len(many)),
    }
    for name, kind in (("recipe", RECIPE), ("pooled", PLAIN)):
        seconds = []
        for image in images[:200]:
            start = time.perf_counter()
            client.embed([image], **kind)
            seconds.append(time.perf_counter() - start)
        found[f"{name}_p50_ms"], found[f"{name}_p99_ms"] = np.round(
            1000 * np.percentile(seconds, (50, 99)), 1
        ).tolist()
    return found


def embed_kinds(client: EmbedderClient, images: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Vectors of each kind of features, by the service."""
    kinds = {name: (kind, images) for name, kind in KINDS.items()}
    kinds["flatten"] = ({"features": "flatten"}, images[:: max(1, len(images) // COMPARED_FLATTEN)])
    return {
        name: np.stack([np.frombuffer(one.vector, DTYPES[name]) for one in client.embed(some, **kind)])
        for name, (kind, some) in kinds.items()
    }


def compare(found: dict[str, np.ndarray], kept: Path) -> dict[str, list[float]]:
    """Lowest and median cosine for each kind of features."""
    cosines = {}
    others = np.load(kept)
    for name, vectors in found.items():
        a, b = vectors.astype(np.float64), others[name].astype(np.float64)
        cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        cosines[name] = [round(float(value), 7) for value in (cosine.min(), np.median(cosine))]
    return cosines


def measure_servers(
    arguments: argparse.Namespace, images: Sequence[bytes], folder: Path
) -> dict[str, object]:
    flags = ["--runtime", arguments.runtime, "--cache-dir", str(folder / "cache")]
    figures: dict[str, Any] = {"seconds_to_serving": []}
    for _ in range(2):
        with running_embedder("pooled", *flags) as target:
            figures["seconds_to_serving"].append(round(target.seconds_to_serving, 1))
    for number in arguments.embedders:
        threads = ["--decode-threads", str(max(1, PROCESSORS // number))] if number > 1 else []
        with ExitStack() as servers:
            targets = [
                servers.enter_context(running_embedder("pooled", *flags, *threads)) for _ in range(number)
            ]
            addresses = ",".join(target.address for target in targets)
            client = servers.enter_context(EmbedderClient(addresses))
            figures[f"served_by_{number}"] = measure_service(client, images)
            print(json.dumps(figures), file=sys.stderr, flush=True)
            if number == 1 and (arguments.vectors or arguments.compare):
                found = embed_kinds(client, images)
                if arguments.vectors:
                    np.savez(arguments.vectors, **found)
                if arguments.compare:
                    figures["cosines"] = compare(found, arguments.compare)
    return figures


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    images = find_images(arguments.images)
    figures: dict[str, Any] = {"images": len(images), "processors": PROCESSORS, "model": {}}
    runtime = load_runtime(arguments.runtime, cache_dir=folder / "alone")
    figures |= {"runtime": runtime.name, "device": describe_device(runtime)}
    side = runtime.input_height
    pixels = np.concatenate([decode_image(image, side, side, LIMITS).plain[:1] for image in images[:256]])
    for precision in arguments.precisions:
        if precision != "float32":
            runtime = load_runtime(
                arguments.runtime, cache_dir=folder / "alone", precision=Precision(precision)
            )
        figures["model"][precision] = measure_model(runtime, pixels)
        figures["model"][precision]["same_bits"] = has_same_bits(runtime, pixels)
    print(json.dumps(figures), file=sys.stderr, flush=True)
    figures["passes"] = count_passes(images, side)
    figures["decode"] = measure_decoding(images, runtime)
    print(json.dumps(figures), file=sys.stderr, flush=True)
    return figures | measure_servers(arguments, images, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--runtime", default="auto", choices=["auto", "jax", "openvino"])
    parser.add_argument("--precisions", nargs="+", default=["float32"], choices=list(Precision))
    parser.add_argument("--embedders", nargs="+", type=int, default=[1], help="numbers of servers")
    parser.add_argument("--vectors", type=Path, help="keeps the vectors by the first server there")
    parser.add_argument("--compare", type=Path, help="compares with vectors kept before")
    with tempfile.TemporaryDirectory(prefix="embed-") as folder:
        print(json.dumps(measure(parser.parse_args(), Path(folder))))


if __name__ == "__main__":
    sys.exit(main())
