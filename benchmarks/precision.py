"""What does bfloat16 gain, and do the clusters of the default recipe stay the same?

Rates are those of the network alone on single images, in rounds that take turns. Then labelled images are
embedded in float32 and in bfloat16, and ten draws of 80% of the patients are clustered in both. Prints one
JSON line. Needs a processor that has bfloat16.

    .venv/bin/python benchmarks/precision.py ../shared/oct2017
"""

import argparse
import itertools
import json
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from octcluster.model.recipes import DEFAULT_RECIPE
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.spaces import Features, Precision
from recipe import Images, cluster, draw_patients, embed, score
from sklearn.metrics import adjusted_rand_score

PRECISIONS = (Precision.FLOAT32, Precision.BFLOAT16)
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


def measure_rates(runtimes: dict[Precision, Runtime]) -> dict[str, float]:
    """The medians of all rounds, and the median of their ratios."""
    side = runtimes[Precision.FLOAT32].input_height
    image = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    rates: dict[Precision, list[float]] = {precision: [] for precision in PRECISIONS}
    for _, precision in itertools.product(range(ROUNDS), PRECISIONS):
        rates[precision].append(measure_rate(runtimes[precision], image))
    ratios = [b / a for a, b in zip(rates[PRECISIONS[0]], rates[PRECISIONS[1]], strict=True)]
    medians = {precision.value: round(statistics.median(found), 1) for precision, found in rates.items()}
    return {**medians, "ratio": round(statistics.median(ratios), 3)}


def find_lowest_cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Of the vectors of the same image."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float((np.einsum("ij,ij->i", a, b, dtype=np.float64) / lengths).min())


def compare_clusters(images: dict[Precision, Images]) -> dict[str, object]:
    """Clusters all images and the draws in both precisions."""
    exact = images[Precision.FLOAT32]
    draws = [draw_patients(exact, SHARE, seed) for seed in range(DRAWS)]
    accuracies, agreements = [], []
    for part in [np.arange(len(exact.classes)), *draws]:
        found = [cluster(images[each], part, DEFAULT_RECIPE, 0).results[0].labels for each in PRECISIONS]
        accuracies.append([score(labels, exact.classes[part]) for labels in found])
        agreements.append(adjusted_rand_score(*found))
    return {
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
    folder = parser.parse_args().images
    runtimes = {precision: load_runtime("openvino", precision=precision) for precision in PRECISIONS}
    rates = measure_rates(runtimes)
    images = {name: embed(folder, DEFAULT_RECIPE, runtime) for name, runtime in runtimes.items()}
    cosine = find_lowest_cosine(*(images[precision].vectors for precision in PRECISIONS))
    line = {"question": "bfloat16 beside float32", "images": len(images[Precision.FLOAT32].classes)}
    found = {"images_a_second": rates, "lowest_cosine": round(cosine, 5), **compare_clusters(images)}
    print(json.dumps({**line, **found}))


if __name__ == "__main__":
    main()
