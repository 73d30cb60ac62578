"""How fast is PCA to 95% of the variance, and is it the same? Ours and scikit-learn's ``svd_solver="full"``.

Both find the components and the vectors' coordinates along them. Prints one JSON line: seconds and peak
memory of both, the numbers of components and the largest relative difference of an explained variance.

    python benchmarks/pca.py --vectors 8000 --dimension 22500
"""

import argparse
import json
from collections.abc import Callable

import numpy as np
from contest import Arrays, hold, take_part
from numpy.typing import NDArray

SHARE = 0.95


def make_images(n_vectors: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    """Makes vectors whose variance falls like that of images' pixels: float32, mean 0 in each dimension."""
    random = np.random.default_rng(seed)
    n_axes = min(n_vectors, dimension, 1500)
    axes = random.standard_normal((n_axes, dimension), dtype=np.float32)
    axes *= (np.arange(1, n_axes + 1, dtype=np.float32) ** -0.75)[:, np.newaxis]
    vectors = random.standard_normal((n_vectors, n_axes), dtype=np.float32) @ axes
    vectors += random.standard_normal(vectors.shape, dtype=np.float32) * np.float32(0.2)
    vectors -= vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    return vectors


def ours(data: Arrays) -> Callable[[], Arrays]:
    from octcluster_clusterer.preparation.principal_components import find_principal_components
    from threadpoolctl import threadpool_limits

    def work() -> Arrays:
        with threadpool_limits(1):  # as in a run: the tiles are what is shared out
            vectors = data["vectors"]
            found = find_principal_components(vectors, SHARE, 0, lambda: None)
            count = found.count_for_share(SHARE)
            found.coordinates(vectors, count)
            return {"variances": found.variances[:count]}

    return work


def peer(data: Arrays) -> Callable[[], Arrays]:
    from sklearn.decomposition import PCA

    def work() -> Arrays:
        model = PCA(SHARE, svd_solver="full")
        model.fit_transform(data["vectors"])
        return {"variances": model.explained_variance_}

    return work


CONTENDERS = {"ours": ours, "sklearn": peer}


def main() -> None:
    take_part(CONTENDERS)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=8000)
    parser.add_argument("--dimension", type=int, default=22_500)
    arguments = parser.parse_args()
    outcomes = hold(
        __file__, list(CONTENDERS), {"vectors": make_images(arguments.vectors, arguments.dimension)}
    )
    variances, expected = (outcomes[name].found["variances"] for name in CONTENDERS)
    shared = min(variances.size, expected.size)
    line = {
        "question": "pca",
        "vectors": arguments.vectors,
        "dimension": arguments.dimension,
        "ours": outcomes["ours"].figures() | {"components": variances.size},
        "sklearn": outcomes["sklearn"].figures()
        | {
            "components": expected.size,
            "times_ours": round(outcomes["sklearn"].seconds / outcomes["ours"].seconds, 1),
            "largest_difference": float(np.abs(variances[:shared] / expected[:shared] - 1).max()),
        },
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
