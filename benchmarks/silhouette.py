"""How fast are silhouettes of nine clusterings (k = 2 to 10), and are they right? Ours and scikit-learn.

scikit-learn computes one clustering after the other, the first ``--repeats`` of the nine; its time for nine
is extrapolated from those, and the JSON line says so. Prints one JSON line: seconds and peak memory of both,
and the largest difference.

    python benchmarks/silhouette.py --vectors 20000 --dimension 1280 --repeats 9
"""

import argparse
import json
from collections.abc import Callable

import numpy as np
from contest import Arrays, hold, take_part
from embeddings import make_embeddings

COUNTS = range(2, 11)


def ours(data: Arrays) -> Callable[[], Arrays]:
    from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
    from octcluster_clusterer.scoring.silhouette import find_silhouettes
    from threadpoolctl import threadpool_limits

    def work() -> Arrays:
        with threadpool_limits(1):  # as in a run: the tiles are what is shared out
            found = find_silhouettes(
                MemoryBlocks(data["vectors"]), list(data["labels"]), lambda done, total: None
            )
            return {"silhouettes": np.array(found)}

    return work


def peer(data: Arrays) -> Callable[[], Arrays]:
    from sklearn.metrics import silhouette_samples

    vectors, label_sets = data["vectors"], data["labels"][: int(data["repeats"])]
    return lambda: {"silhouettes": np.array([silhouette_samples(vectors, own) for own in label_sets])}


CONTENDERS = {"ours": ours, "sklearn": peer}


def main() -> None:
    take_part(CONTENDERS)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=1280)
    parser.add_argument(
        "--repeats", type=int, default=9, help="clusterings for scikit-learn; 0: leave it out"
    )
    arguments = parser.parse_args()
    vectors, groups = make_embeddings(arguments.vectors, arguments.dimension)
    labels = np.array([groups % count for count in COUNTS], dtype=np.int32)
    peers = ["sklearn"] if arguments.repeats else []
    data = {"vectors": vectors, "labels": labels, "repeats": np.array(arguments.repeats)}
    outcomes = hold(__file__, ["ours", *peers], data)
    line: dict[str, object] = {
        "question": "silhouette",
        "vectors": arguments.vectors,
        "dimension": arguments.dimension,
        "clusterings": len(COUNTS),
        "ours": outcomes["ours"].figures(),
    }
    if peers:
        reference = outcomes["sklearn"]
        own = outcomes["ours"].found["silhouettes"][: arguments.repeats]
        seconds_of_nine = reference.seconds * len(COUNTS) / arguments.repeats
        line["sklearn"] = reference.figures() | {
            "clusterings": arguments.repeats,
            "seconds_of_nine": round(seconds_of_nine, 1),
            "times_ours": round(seconds_of_nine / outcomes["ours"].seconds, 1),
            "largest_difference": float(np.abs(own - reference.found["silhouettes"]).max()),
        }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
