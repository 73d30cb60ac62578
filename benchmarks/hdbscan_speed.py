"""How fast is HDBSCAN, and is it the same? Ours, ``hdbscan``, scikit-learn and ``fast_hdbscan`` side by side.

All find clusters of at least 1% of the vectors, with the distance to the second neighbour as core distance.
``hdbscan`` is told to find the exact tree (its default below 60 dimensions is an approximate one).
``fast_hdbscan`` beyond 30 dimensions finds approximate neighbours; "fast_hdbscan-exact" makes it use its tree
of the vectors all the same. Its compilation is part of its time. Prints one JSON line: seconds and peak
memory of each, and for each peer how many members ours puts elsewhere (clusters matched one to one).

    python benchmarks/hdbscan_speed.py --vectors 5000 --dimension 1280 --peers hdbscan,sklearn
"""

import argparse
import json
from collections.abc import Callable

import numpy as np
from contest import Arrays, hold, take_part
from embeddings import make_embeddings
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

NEIGHBOR = 2


def _smallest(vectors: NDArray[np.generic]) -> int:
    return max(5, len(vectors) // 100)


def ours(data: Arrays) -> Callable[[], Arrays]:
    from octcluster_clusterer.clustering import hdbscan
    from threadpoolctl import threadpool_limits

    def work() -> Arrays:
        with threadpool_limits(1):  # as in a run: the tiles are what is shared out
            vectors = data["vectors"]
            return {"labels": hdbscan.cluster(vectors, 0, 0, lambda: None, [vectors.shape[1]])}

    return work


def peer(data: Arrays) -> Callable[[], Arrays]:
    import hdbscan

    options = {"approx_min_span_tree": False, "core_dist_n_jobs": 2}
    model = hdbscan.HDBSCAN(_smallest(data["vectors"]), min_samples=NEIGHBOR, **options)
    return lambda: {"labels": model.fit(data["vectors"]).labels_}


def sklearn_peer(data: Arrays) -> Callable[[], Arrays]:
    from sklearn.cluster import HDBSCAN

    vectors = data["vectors"]
    algorithm = "brute" if vectors.shape[1] > 50 else "kd_tree"
    options = {"min_samples": NEIGHBOR + 1, "algorithm": algorithm, "n_jobs": 2, "copy": True}
    model = HDBSCAN(_smallest(vectors), **options)
    return lambda: {"labels": model.fit(vectors).labels_}


def fast_peer(data: Arrays, exact: bool = False) -> Callable[[], Arrays]:
    def work() -> Arrays:
        import fast_hdbscan  # compiles while it is imported, too

        vectors = data["vectors"]
        model = fast_hdbscan.HDBSCAN(min_cluster_size=_smallest(vectors), min_samples=NEIGHBOR)
        weights = np.ones(len(vectors), dtype=np.float32) if exact else None
        return {"labels": model.fit(vectors, sample_weight=weights).labels_}

    return work


CONTENDERS = {
    "ours": ours,
    "hdbscan": peer,
    "sklearn": sklearn_peer,
    "fast_hdbscan": fast_peer,
    "fast_hdbscan-exact": lambda data: fast_peer(data, exact=True),
}


def count_moved(labels: NDArray[np.generic], others: NDArray[np.generic]) -> int:
    """Members that stand elsewhere, noise being a place too, under the best match of clusters."""
    counts = np.zeros((labels.max() + 2, others.max() + 2), dtype=np.int64)
    np.add.at(counts, (labels + 1, others + 1), 1)
    rows, columns = linear_sum_assignment(-counts[1:, 1:])
    return int(labels.size - counts[0, 0] - counts[1:, 1:][rows, columns].sum())


def main() -> None:
    take_part(CONTENDERS)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=5000)
    parser.add_argument("--dimension", type=int, default=1280)
    parser.add_argument("--peers", default="hdbscan,sklearn", help="names, with commas")
    arguments = parser.parse_args()
    vectors, _ = make_embeddings(arguments.vectors, arguments.dimension)
    peers = [name for name in arguments.peers.split(",") if name]
    outcomes = hold(__file__, ["ours", *peers], {"vectors": vectors})
    labels = outcomes["ours"].found["labels"]
    line: dict[str, object] = {
        "question": "hdbscan",
        "vectors": arguments.vectors,
        "dimension": arguments.dimension,
        "clusters": int(labels.max()) + 1,
        "noise": round(float((labels < 0).mean()), 3),
        "ours": outcomes["ours"].figures(),
    }
    for name in peers:
        line[name] = outcomes[name].figures() | {
            "times_ours": round(outcomes[name].seconds / outcomes["ours"].seconds, 1),
            "members_elsewhere": count_moved(labels, outcomes[name].found["labels"]),
        }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
