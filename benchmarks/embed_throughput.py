"""How near is the embedder to the bare model, alone and under load? JPEG bytes in, vectors out.

Prints one JSON line. Images a second, each the median of rounds that take turns, so that other work on the
machine meets all of them alike:

    raw        OpenVINO by itself, compiled for throughput, on tensors that are decoded already
    decode     decoding, measuring and resizing alone, a thread for each processor
    ceiling    1 / (1 / raw + 1 / decode): both fill all processors when they run alone, so an image costs
               the sum of their times; transport, client and server are free in it
    served     the service, 16 images a request, 8 at a time, client and server on the same processors
    singly     the service, one image a request, 32 at a time

Processor milliseconds an image of the same rounds, which other work on the machine hardly moves:

    served_cpu_beyond_ms   of client and server together, less what raw and decode take for an image
    singly_cpu_beyond_ms   the same, one image a request

    tls        with --tls: served, over mutual TLS, in turns with served; asked for: 0.95 of it

Latencies, in milliseconds: one image at a time, against OpenVINO by itself on the same image decoded (the
better of compiled for latency and for throughput); 8 clients at random times at 70% of the ceiling, and what
the same arrivals meet in this process, where threads decode and infer with no service between; a client of
single images beside one that sends many. Cold start, with the converted model on disk. Growth: seconds
against encoded bytes of mosaics of 1 to 16 images, the exponent of a power law, for decoding and for the
service; 1 is linear.

    .venv/bin/python benchmarks/embed_throughput.py ../shared/oct2017 [--model efficientnet-b0]
"""

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import openvino
from embed_load import Send, Target, running_embedder, time_one_by_one, time_open_loop
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.models.registry import PackagedWeights, find_model
from octcluster_embedder.models.weights import WeightsOptions, find_weights
from octcluster_embedder.runtimes.converted_models import ConvertedModelCache
from PIL import Image

PROCESSORS = len(os.sched_getaffinity(0))
MOSAIC_SIDES = (1, 2, 3, 4)
LOAD_SHARE = 0.7


def find_jpegs(folder: Path) -> list[bytes]:
    """The JPEG files of a folder, of all classes mixed."""
    paths = sorted(folder.rglob("*.jp*g"))
    order = np.random.default_rng(0).permutation(len(paths))
    return [paths[place].read_bytes() for place in order]


def make_weights(model: str, folder: Path) -> Path | None:
    """Saves random weights for a model that has none on this machine; None: it brings its own."""
    spec = find_model(model)
    if isinstance(spec.weights, PackagedWeights):
        return None
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    path = folder / f"{model}.weights.h5"
    constructor = getattr(keras.applications, f"EfficientNet{model.rpartition('-')[2].upper()}")
    network = constructor(weights=None, include_top=False, input_shape=(spec.input_side, spec.input_side, 3))
    network.save_weights(path)
    return path


class BareModel:
    """OpenVINO without anything of ours around it, on the same converted model."""

    def __init__(self, model: str, features: str, weights: Path | None, cache_dir: Path) -> None:
        spec = find_model(model)
        converted = ConvertedModelCache(cache_dir, openvino.get_version()).read(
            spec, find_weights(spec, WeightsOptions(weights))
        )
        assert converted is not None, "the server has converted it"
        core = openvino.Core()
        whole = core.read_model(model=converted.network, weights=converted.constants)
        part = openvino.Model([whole.output(features)], whole.get_parameters())
        part.reshape([1, *list(part.input(0).partial_shape)[1:]])
        precision = {"INFERENCE_PRECISION_HINT": "f32"}
        self._for_latency = core.compile_model(part, "CPU", {"PERFORMANCE_HINT": "LATENCY", **precision})
        self._for_throughput = core.compile_model(
            part, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", **precision}
        )
        # Two for each stream, so that none waits for Python between two inferences.
        streams = self._for_throughput.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._queue = openvino.AsyncInferQueue(self._for_throughput, 2 * streams)

    def infer_all(self, tensors: Sequence[np.ndarray]) -> None:
        """Infers all of them, as many at a time as OpenVINO finds best."""
        for tensor in tensors:
            self._queue.start_async({0: tensor}, share_inputs=True)
        self._queue.wait_all()

    @contextmanager
    def answering(self, side: int) -> Iterator[Send]:
        """A function that has one of a few threads decode an image and infer it, with no service between."""
        requests: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        for _ in range(PROCESSORS + 1):
            requests.put(self._for_throughput.create_infer_request())

        def embed(image: bytes) -> None:
            request = requests.get()
            pixels = decode_image(image, side, side, ImageLimits()).plain[:1]  # of a wide image one window
            request.start_async({0: pixels}, share_inputs=True)
            request.wait()
            requests.put(request)

        with ThreadPoolExecutor(PROCESSORS + 1) as threads:
            yield lambda image: threads.submit(embed, image).result()

    def single_latency(self, tensors: Sequence[np.ndarray]) -> float:
        """Median seconds of one inference, the better of both ways to compile."""
        found = []
        for compiled in (self._for_latency, self._for_throughput):
            request = compiled.create_infer_request()
            latencies = []
            for tensor in tensors:
                start = time.perf_counter()
                request.infer({0: tensor}, share_inputs=True, share_outputs=True)
                latencies.append(time.perf_counter() - start)
            found.append(statistics.median(latencies))
        return min(found)


def tell(figures: Mapping[str, object]) -> None:
    """Shows figures as soon as there are some: all of them take minutes."""
    print(dict(figures), file=sys.stderr, flush=True)


def rate(work: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def measure_growth(images: Sequence[bytes], side: int, target: Target) -> dict[str, object]:
    """How the time of an image grows with its encoded bytes."""
    pictures = [Image.open(io.BytesIO(image)).convert("L").resize((512, 496)) for image in images[:16]]
    sizes, decoding, serving = [], [], []
    for n in MOSAIC_SIDES:
        mosaic = Image.new("L", (512 * n, 496 * n))
        for place in range(n * n):
            mosaic.paste(pictures[place], (512 * (place % n), 496 * (place // n)))
        stream = io.BytesIO()
        mosaic.save(stream, "JPEG", quality=90)
        data = stream.getvalue()
        sizes.append(len(data))
        decode = [rate(lambda data=data: decode_image(data, side, side, ImageLimits()), 1) for _ in range(15)]
        decoding.append(1 / statistics.median(decode))
        serving.append(float(np.median(time_one_by_one(target.send, [data] * 15))))
    return {
        "bytes": sizes,
        "nanoseconds_a_byte_decoding": [round(1e9 * s / b, 1) for s, b in zip(decoding, sizes, strict=True)],
        "exponent_decoding": _slope(sizes, decoding),
        "exponent_service": _slope(sizes, serving),
    }


def _slope(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    return round(float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]), 2)


def measure_rates(
    images: Sequence[bytes], side: int, bare: BareModel, targets: Mapping[str, Target], rounds: int
) -> dict[str, float]:
    with ThreadPoolExecutor(PROCESSORS) as threads:

        def decode_all() -> list[np.ndarray]:
            decoded = threads.map(lambda image: decode_image(image, side, side, ImageLimits()), images)
            return [one.plain[:1] for one in decoded]

        tensors = decode_all()
        bare.infer_all(tensors)  # the first inferences are slow
        works: dict[str, Callable[[], object]] = {
            "raw": lambda: bare.infer_all(tensors),
            "decode": decode_all,
            **{name: partial(target.embed_all, images) for name, target in targets.items()},
            "singly": partial(targets["served"].embed_singly, images),
        }
        found: dict[str, list[float]] = {name: [] for name in works}
        processor_ms: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(rounds):
            for name, work in works.items():
                before = targets["served"].processor_seconds()
                found[name].append(rate(work, len(images)))
                taken = targets["served"].processor_seconds() - before
                processor_ms[name].append(1000 * taken / len(images))
    rates = {name: statistics.median(values) for name, values in found.items()}
    for name in ("served", "singly"):
        rates[f"{name}_cpu_beyond_ms"] = statistics.median(
            service - raw - decode
            for service, raw, decode in zip(
                processor_ms[name], processor_ms["raw"], processor_ms["decode"], strict=True
            )
        )
    rates["ceiling"] = 1 / (1 / rates["raw"] + 1 / rates["decode"])
    # The ceiling of each round against that round's service: what disturbs one round disturbs both alike.
    rates["served_over_ceiling"] = statistics.median(
        service * (1 / raw + 1 / decode)
        for service, raw, decode in zip(found["served"], found["raw"], found["decode"], strict=True)
    )
    if "tls" in rates:
        rates["tls_over_served"] = statistics.median(
            tls / plain for tls, plain in zip(found["tls"], found["served"], strict=True)
        )
    return rates


def measure_latencies(
    images: Sequence[bytes], side: int, bare: BareModel, target: Target, ceiling: float, bulk: int
) -> dict[str, float]:
    tensors = [decode_image(image, side, side, ImageLimits()).plain[:1] for image in images[:100]]
    ratios, alone_all, bare_all = [], [], []
    for start in range(0, 300, 100):
        alone = time_one_by_one(
            target.send, [images[place % len(images)] for place in range(start, start + 100)]
        )
        bare_all.append(bare.single_latency(tensors))
        ratios.append(float(np.median(alone)) / bare_all[-1])
        alone_all.append(alone)
    alone = np.concatenate(alone_all)
    many = [*images, *images][:800]
    loaded = time_open_loop(target.send, many, LOAD_SHARE * ceiling)
    with bare.answering(side) as send:
        time_one_by_one(send, images[:20])  # the first inferences are slow
        loaded_bare = time_open_loop(send, many, LOAD_SHARE * ceiling)
    stop = threading.Event()
    bulk_images = [images[place % len(images)] for place in range(bulk)]
    sending = threading.Thread(target=target.embed_all, args=(bulk_images, stop))
    sending.start()
    time.sleep(1)
    beside = []
    while sending.is_alive() and len(beside) < 300:
        beside.extend(time_one_by_one(target.send, [images[len(beside) % len(images)]]))
    stop.set()
    sending.join()
    p99_alone, p99_beside = np.percentile(alone, 99), np.percentile(beside, 99)
    return {
        "bare_ms": 1000 * statistics.median(bare_all),
        "single_ms": 1000 * float(np.median(alone)),
        "single_over_bare": statistics.median(ratios),
        "single_p99_ms": 1000 * p99_alone,
        "loaded_p99_ms": 1000 * np.percentile(loaded, 99),
        "loaded_bare_p99_ms": 1000 * np.percentile(loaded_bare, 99),
        "loaded_p99_over_unloaded_median": np.percentile(loaded, 99) / np.median(alone),
        "beside_bulk_p99_ms": 1000 * p99_beside,
        "beside_bulk_p99_over_alone": p99_beside / p99_alone,
    }


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    images = find_jpegs(arguments.images)[: arguments.count]
    weights = make_weights(arguments.model, folder)
    side = find_model(arguments.model).input_side
    flags = ["--models", arguments.model, "--cache-dir", str(folder / "cache")]
    flags += ["--weights", str(weights)] if weights else []
    with running_embedder(arguments.features, *flags):
        pass  # converts the model
    bare = BareModel(arguments.model, arguments.features, weights, folder / "cache")
    figures: dict[str, object] = {
        "model": arguments.model,
        "features": arguments.features,
        "images": len(images),
    }
    with ExitStack() as servers:
        target = servers.enter_context(running_embedder(arguments.features, *flags))
        targets = {"served": target}
        if arguments.tls:
            from certificates import make_certificates  # found by embed_load

            certificates = make_certificates(folder / "certificates")
            targets["tls"] = servers.enter_context(
                running_embedder(arguments.features, *flags, certificates=certificates)
            )
            targets["tls"].embed_all(images[:64])
        figures["seconds_to_serving"] = target.seconds_to_serving
        target.embed_all(images[:64])
        figures |= measure_rates(images, side, bare, targets, arguments.rounds)
        tell(figures)
        if not arguments.rates_only:
            figures |= measure_latencies(images, side, bare, target, figures["ceiling"], arguments.bulk)
            tell(figures)
            figures["growth"] = measure_growth(images, side, target)
            tell(figures)
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--features", default="pooled")
    parser.add_argument("--count", type=int, default=516, help="most images of the folder")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of raw, decode and served")
    parser.add_argument("--bulk", type=int, default=10_000, help="images of the client that sends many")
    parser.add_argument("--rates-only", action="store_true", help="raw, decode, ceiling and served only")
    parser.add_argument("--tls", action="store_true", help="also over mutual TLS")
    with tempfile.TemporaryDirectory(prefix="embed-") as folder:
        print(json.dumps(measure(parser.parse_args(), Path(folder))))


if __name__ == "__main__":
    sys.exit(main())
