"""Is the mean silhouette of a random sample near that of all, inside its interval as often as it says?

Computes the silhouettes of all vectors in clusterings with k = 2 to 10, then those of one sample anew: each
must equal its own among all. So the estimates of all other samples are means of silhouettes that are known.
Prints one JSON line: in how many of ``--seeds`` samples the mean of all lies in the interval of the estimate
(the fewest and the mean over the clusterings), the largest error, and what a sample costs beside all.

    .venv/bin/python benchmarks/silhouette_sample.py --vectors 84495 --dimension 144
"""

import argparse
import json

import numpy as np
from contest import Arrays, hold, take_part
from embeddings import make_embeddings

COUNTS = range(2, 11)


def _label_sets(data: Arrays) -> list[np.ndarray]:
    return [np.asarray(own, dtype=np.int32) for own in data["labels"]]


def find_all(data: Arrays):
    from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
    from octcluster_clusterer.scoring.silhouette import find_silhouettes
    from threadpoolctl import threadpool_limits

    def work() -> Arrays:
        with threadpool_limits(1):  # as in a run
            found = find_silhouettes(
                MemoryBlocks(data["vectors"]), _label_sets(data), lambda done, total: None
            )
            return {"silhouettes": np.array(found)}

    return work


def find_sample(data: Arrays):
    from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
    from octcluster_clusterer.scoring.silhouette import find_silhouettes
    from threadpoolctl import threadpool_limits

    def work() -> Arrays:
        with threadpool_limits(1):
            found = find_silhouettes(
                MemoryBlocks(data["vectors"]), _label_sets(data), lambda done, total: None, data["sample"]
            )
            return {"silhouettes": np.array(found)}

    return work


CONTENDERS = {"all": find_all, "sample": find_sample}


def main() -> None:
    take_part(CONTENDERS)
    from octcluster_clusterer.scoring.silhouette import SAMPLED_MEMBERS, summarize

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=144)
    parser.add_argument("--seeds", type=int, default=100)
    arguments = parser.parse_args()
    vectors, groups = make_embeddings(arguments.vectors, arguments.dimension)
    labels = np.array([groups % count for count in COUNTS], dtype=np.int32)

    def draw(seed: int) -> np.ndarray:
        drawn = np.random.default_rng(seed).choice(len(vectors), SAMPLED_MEMBERS, replace=False)
        return np.sort(drawn)

    data = {"vectors": vectors, "labels": labels, "sample": draw(0)}
    outcomes = hold(__file__, list(CONTENDERS), data)
    exact, sampled = (outcomes[name].found["silhouettes"] for name in ("all", "sample"))
    means = [summarize(own, of_set).value for own, of_set in zip(exact, labels, strict=True)]
    inside, errors = np.zeros(len(labels), dtype=int), []
    for seed in range(arguments.seeds):
        kept = np.full_like(exact, np.nan)
        sample = draw(seed)
        kept[:, sample] = exact[:, sample]
        for i, mean in enumerate(means):
            estimate = summarize(kept[i], labels[i])
            inside[i] += estimate.interval.low <= mean <= estimate.interval.high
            errors.append(abs(estimate.value - mean))
    line = {
        "question": "silhouette by sample",
        "vectors": arguments.vectors,
        "dimension": arguments.dimension,
        "clusterings": len(labels),
        "sampled": SAMPLED_MEMBERS,
        "seeds": arguments.seeds,
        "inside_mean": round(float(inside.mean()) / arguments.seeds, 4),
        "inside_fewest": round(int(inside.min()) / arguments.seeds, 4),
        "largest_error": round(float(max(errors)), 5),
        "largest_difference_of_a_sampled_one": float(np.nanmax(np.abs(sampled - exact))),
        "all": outcomes["all"].figures(),
        "sample": outcomes["sample"].figures(),
        "cpu_seconds_ratio": round(outcomes["sample"].cpu_seconds / outcomes["all"].cpu_seconds, 3),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
