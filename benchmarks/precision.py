"""What do bfloat16 and int8 gain, and do the clusters of the default recipe stay the same?

Rates are those of the network alone on single images, in rounds that take turns. Then labelled images are
embedded in float32 and in the others, and ten draws of 80% of the patients are clustered in each. The network
in int8 is made with 64 phantoms, or the images of a folder. Prints one JSON line. Needs a processor that has
both (avx512_bf16 and avx512_vnni, or amx_bf16 and amx_int8, in /proc/cpuinfo).

    .venv/bin/python benchmarks/precision.py ../shared/oct2017
"""

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from octcluster.images.phantoms import write_phantoms
from octcluster.model.recipes import DEFAULT_RECIPE
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.spaces import Features, Precision
from recipe import Images, cluster, draw_patients, embed, score
from sklearn.metrics import adjusted_rand_score

EXACT = Precision.FLOAT32
PRECISIONS = (EXACT, Precision.BFLOAT16, Precision.INT8)
PHANTOMS_A_CLASS = 16
DRAWS = 10
SHARE = 0.8
ROUNDS = 7
IMAGES_A_ROUND = 256
PROCESSORS = len(os.sched_getaffinity(0))


def measure_rate(runtime: Runtime, image: NDArray[np.uint8]) -> float:
    """Images a second, each an inference of its own, a thread for each processor."""
    began = time.monotonic()
    with ThreadPoolExecutor(PROCESSORS) as threads:
        list(threads.map(lambda _: runtime.infer(image, Features.BLOCKS), range(IMAGES_A_ROUND)))
    return IMAGES_A_ROUND / (time.monotonic() - began)


def load(precision: Precision, images: Path) -> Runtime:
    calibration_images = images if precision is Precision.INT8 else None
    return load_runtime("openvino", precision=precision, calibration_images=calibration_images)


def measure_rates(runtimes: dict[Precision, Runtime]) -> dict[Precision, dict[str, float]]:
    """The medians of all rounds, and those of their ratios to float32."""
    side = runtimes[EXACT].input_height
    image = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    rates: dict[Precision, list[float]] = {precision: [] for precision in PRECISIONS}
    for _, precision in itertools.product(range(ROUNDS), PRECISIONS):
        rates[precision].append(measure_rate(runtimes[precision], image))
    return {
        precision: {
            "images_a_second": round(statistics.median(found), 1),
            "over_float32": round(
                statistics.median(b / a for a, b in zip(rates[EXACT], found, strict=True)), 3
            ),
        }
        for precision, found in rates.items()
    }


def find_lowest_cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Of the vectors of the same image."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float((np.einsum("ij,ij->i", a, b, dtype=np.float64) / lengths).min())


def compare_clusters(exact: Images, rounded: Images) -> dict[str, object]:
    """Clusters all images and the draws in both precisions; accuracies of float32 come first."""
    draws = [draw_patients(exact, SHARE, seed) for seed in range(DRAWS)]
    accuracies, agreements = [], []
    for part in [np.arange(len(exact.classes)), *draws]:
        found = [cluster(each, part, DEFAULT_RECIPE, 0).results[0].labels for each in (exact, rounded)]
        accuracies.append([score(labels, exact.classes[part]) for labels in found])
        agreements.append(adjusted_rand_score(*found))
    return {
        "lowest_cosine": round(find_lowest_cosine(exact.vectors, rounded.vectors), 5),
        "all": {"accuracy": np.round(accuracies[0], 4).tolist(), "ari_between": round(agreements[0], 4)},
        "draws": {
            "mean_accuracy": np.mean(accuracies[1:], axis=0).round(4).tolist(),
            "mean_ari_between": round(float(np.mean(agreements[1:])), 4),
            "lowest_ari_between": round(float(np.min(agreements[1:])), 4),
        },
    }


def main() -> None:
    """Measures all and prints one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder of labelled images")
    parser.add_argument("--calibration-images", type=Path, help="in place of phantoms")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_phantoms(Path(folder), PHANTOMS_A_CLASS, seed=0)
        calibration_images = arguments.calibration_images or Path(folder)
        runtimes = {precision: load(precision, calibration_images) for precision in PRECISIONS}
    figures: dict[Precision, dict[str, object]] = {**measure_rates(runtimes)}
    images = {name: embed(arguments.images, DEFAULT_RECIPE, runtime) for name, runtime in runtimes.items()}
    for precision in PRECISIONS[1:]:
        figures[precision] |= compare_clusters(images[EXACT], images[precision])
    line = {"question": "16 and 8 bits beside float32", "images": len(images[EXACT].classes)}
    print(json.dumps({**line, **figures}))


if __name__ == "__main__":
    main()
