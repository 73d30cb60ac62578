"""How does the cost of each stage grow with the number of vectors n, the dimension d and the clusters k?

Times each stage at three sizes of one of them, the others fixed, and fits seconds ~ size ** exponent by least
squares on logarithms. Processor seconds of all threads: steadier than the clock. Prints one JSON
line: for each stage the exponents and the seconds.

    python benchmarks/growth.py
"""

import json
import os
from collections.abc import Callable

import numpy as np
from embeddings import make_embeddings
from numpy.typing import NDArray
from octcluster_clusterer.clustering import agglomerative, hdbscan, kmeans, spectral
from octcluster_clusterer.preparation.principal_components import find_principal_components
from octcluster_clusterer.scoring.silhouette import find_silhouettes
from threadpoolctl import threadpool_limits

N, D, K = 8000, 256, 8
SIZES = {"n": (4000, 8000, 16_000), "d": (64, 256, 1024), "k": (4, 16, 64)}
Stage = Callable[[NDArray[np.float32], NDArray[np.int32], int], object]

STAGES: dict[str, Stage] = {
    "silhouette": lambda vectors, groups, k: find_silhouettes(vectors, [groups % k], lambda *_: None),
    "pca": lambda vectors, groups, k: find_principal_components(vectors, 0.95, 0, lambda: None),
    "kmeans": lambda vectors, groups, k: kmeans.cluster(vectors, k, 0, lambda: None, ()),
    "hdbscan": lambda vectors, groups, k: hdbscan.cluster(vectors, 0, 0, lambda: None, ()),
    "agglomerative": lambda vectors, groups, k: agglomerative.build_tree(vectors, lambda: None),
    "spectral": lambda vectors, groups, k: spectral.cluster(vectors, k, 0, lambda: None, ()),
}


def measure(stage: Stage, n: int, d: int, k: int) -> float:
    """Processor seconds of a stage."""
    vectors, _ = make_embeddings(n, d)
    groups = np.arange(n, dtype=np.int32)
    before = sum(os.times()[:2])
    with threadpool_limits(1):
        stage(vectors, groups, k)
    return max(sum(os.times()[:2]) - before, 0.01)


def main() -> None:
    line: dict[str, object] = {"question": "growth", "n": N, "d": D, "k": K}
    for name, stage in STAGES.items():
        found: dict[str, object] = {}
        for axis, sizes in SIZES.items():
            seconds = [measure(stage, **({"n": N, "d": D, "k": K} | {axis: size})) for size in sizes]
            exponent = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
            shown = {str(size): round(value, 2) for size, value in zip(sizes, seconds, strict=True)}
            found[axis] = {"exponent": round(float(exponent), 2), "cpu_seconds": shown}
        line[name] = found
    print(json.dumps(line))


if __name__ == "__main__":
    main()
