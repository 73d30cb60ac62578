"""How fast is K-means with ten starts, and how good? Ours, scikit-learn and faiss on the same vectors.

All run Lloyd's algorithm on all vectors, ten starts. Ours and scikit-learn begin with k-means++ and stop a
start when its centers hardly move (ours then goes on with the best one until no member moves); faiss begins
with random members and makes its default of 25 iterations, with no sampling of the vectors. Prints one JSON
line: seconds, peak memory and inertia (sum of squared distances to the cluster means, in double precision).

    python benchmarks/kmeans.py --vectors 84495 --dimension 1280 --clusters 4
"""

import argparse
import json
from collections.abc import Callable

import numpy as np
from contest import THREADS, Arrays, hold, take_part
from embeddings import make_embeddings
from numpy.typing import NDArray

STARTS = 10


def ours(data: Arrays) -> Callable[[], Arrays]:
    from octcluster_clusterer.clustering import kmeans
    from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
    from threadpoolctl import threadpool_limits

    def work() -> Arrays:
        with threadpool_limits(1):  # as in a run: the tiles are what is shared out
            vectors, n_clusters = data["vectors"], int(data["clusters"])
            return {
                "labels": kmeans.cluster(
                    MemoryBlocks(vectors), n_clusters, 0, lambda: None, [vectors.shape[1]]
                )
            }

    return work


def sklearn_peer(data: Arrays) -> Callable[[], Arrays]:
    from sklearn.cluster import KMeans

    model = KMeans(int(data["clusters"]), n_init=STARTS, random_state=0)
    return lambda: {"labels": model.fit(data["vectors"]).labels_}


def faiss_peer(data: Arrays) -> Callable[[], Arrays]:
    import faiss

    faiss.omp_set_num_threads(THREADS)
    vectors, n_clusters = data["vectors"], int(data["clusters"])
    every = {"max_points_per_centroid": len(vectors)}
    model = faiss.Kmeans(vectors.shape[1], n_clusters, nredo=STARTS, seed=0, **every)

    def work() -> Arrays:
        model.train(vectors)
        return {"labels": model.index.search(vectors, 1)[1][:, 0]}

    return work


CONTENDERS = {"ours": ours, "sklearn": sklearn_peer, "faiss": faiss_peer}


def measure_inertia(vectors: NDArray[np.float32], labels: NDArray[np.generic]) -> float:
    """Sum of the squared distances of members to the mean of their cluster."""
    inertia = 0.0
    for cluster in np.unique(labels):
        members = vectors[labels == cluster].astype(np.float64)
        inertia += float(np.square(members - members.mean(axis=0)).sum())
    return inertia


def main() -> None:
    take_part(CONTENDERS)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=84_495)
    parser.add_argument("--dimension", type=int, default=1280)
    parser.add_argument("--clusters", type=int, default=4)
    arguments = parser.parse_args()
    vectors, _ = make_embeddings(arguments.vectors, arguments.dimension)
    data = {"vectors": vectors, "clusters": np.array(arguments.clusters)}
    outcomes = hold(__file__, list(CONTENDERS), data)
    line: dict[str, object] = {
        "question": "kmeans",
        "vectors": arguments.vectors,
        "dimension": arguments.dimension,
        "clusters": arguments.clusters,
        "starts": STARTS,
    }
    for name, outcome in outcomes.items():
        inertia = measure_inertia(vectors, outcome.found["labels"])
        line[name] = outcome.figures() | {
            "inertia": round(inertia, 2),
            "times_ours": round(outcome.seconds / outcomes["ours"].seconds, 1),
        }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
