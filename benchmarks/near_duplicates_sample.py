"""How many near-duplicates do buckets find, does the result say so rightly, and how does the cost grow?

Makes vectors with clusters (see embeddings.py), and plants copies of one image in twenty, as if they had been
stored anew: with noise in all dimensions, or noise as one image differs from another, similarities 0.94 to
0.999. Compares all pairs, then searches in buckets, each in a process of its own. Prints one JSON line: the
share of all pairs that the buckets hold, also by similarity, in how many of ``--seeds`` random samples the
interval of the estimate holds that share, and processor seconds of both searches and of the bounds, which
both need, at each number of vectors, with the exponents of growth.

    .venv/bin/python benchmarks/near_duplicates_sample.py --vectors 60000 --more 120000,240000
"""

import argparse
import json
import math
from itertools import pairwise

import numpy as np
from contest import Arrays, Outcome, hold, take_part
from full_size import make_parts

CUTS = (0.95, 0.96, 0.98, 1.01)
ALL_PAIRS = 10**9


def _search(data: Arrays, n_exact: int):
    """The whole search with all its pairs, of more than so many vectors in buckets."""
    from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
    from octcluster_clusterer.trust import near_duplicates
    from threadpoolctl import threadpool_limits

    near_duplicates.EXACT_IMAGES = n_exact
    _limit_tables(data)
    near_duplicates.MAX_PAIRS = ALL_PAIRS

    def work() -> Arrays:
        with threadpool_limits(1):  # as in a run
            found = near_duplicates.find_duplicates(
                MemoryBlocks(data["vectors"]), data["keys"], 0, lambda: None
            )
        values = [(pair.first_member, pair.second_member, pair.similarity) for pair in found.pairs]
        exceeded = found.search is not None and found.search.exceeded
        return {"pairs": np.array(values).reshape(-1, 3), "exceeded": np.array(exceeded)}

    return work


def _limit_tables(data: Arrays) -> None:
    from octcluster_clusterer.trust import near_duplicates

    if tables := int(data["tables"]):
        near_duplicates.count_tables = lambda n_images: tables


def search_all(data: Arrays):
    return _search(data, ALL_PAIRS)


def search_buckets(data: Arrays):
    return _search(data, 0)


def find_bounds(data: Arrays):
    from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
    from octcluster_clusterer.trust.similarities import find_directions, find_similarity_bounds
    from threadpoolctl import threadpool_limits

    def work() -> Arrays:
        with threadpool_limits(1):
            directions = find_directions(MemoryBlocks(data["vectors"]), data["keys"], 0.0, lambda: None)
            find_similarity_bounds(directions, 0, lambda: None)
        return {}

    return work


def look_into_buckets(data: Arrays):
    """The pairs in buckets alone, without those of the sample."""
    from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
    from octcluster_clusterer.trust import near_duplicates
    from octcluster_clusterer.trust.similarities import find_directions, find_similarity_bounds
    from threadpoolctl import threadpool_limits

    near_duplicates.MAX_PAIRS = ALL_PAIRS
    _limit_tables(data)

    def work() -> Arrays:
        with threadpool_limits(1):
            directions = find_directions(MemoryBlocks(data["vectors"]), data["keys"], 0.0, lambda: None)
            bounds = find_similarity_bounds(directions, 0, lambda: None)
            best, _, _ = near_duplicates.find_in_buckets(directions, bounds, 0, lambda: None)
        return {"firsts": best[0], "seconds": best[1]}

    return work


CONTENDERS = {
    "bounds": find_bounds,
    "all": search_all,
    "buckets": search_buckets,
    "tables": look_into_buckets,
}


def make_data(count: int, parts: tuple[int, ...]) -> Arrays:
    """Vectors with planted copies, and image keys."""
    vectors, random = make_parts(count, parts), np.random.default_rng(5)
    n_copies = count // 20
    images, copies, others = np.split(random.permutation(count)[: 3 * n_copies], 3)
    lengths = np.linalg.norm(vectors[images], axis=1, keepdims=True)
    directions = vectors[images] / lengths
    noise = np.where(
        random.random((n_copies, 1)) < 0.5, random.standard_normal(directions.shape), vectors[others]
    )
    noise -= np.einsum("ij,ij->i", noise, directions)[:, np.newaxis] * directions
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    cosines = random.uniform(0.94, 0.999, (n_copies, 1))
    vectors[copies] = lengths * (cosines * directions + np.sqrt(1 - cosines**2) * noise)
    vectors += 0.5
    return {"vectors": vectors, "keys": random.integers(0, 256, (count, 32), dtype=np.uint8)}


def judge(exact: np.ndarray, held: np.ndarray, count: int, seeds: int) -> dict[str, object]:
    """The recall of the buckets, and how often the interval of a sample holds it."""
    from octcluster_clusterer.trust.near_duplicate_sample import SAMPLED_IMAGES, estimate_recall

    firsts, seconds = exact[:, :2].astype(np.int64).T
    is_held = np.isin(firsts * count + seconds, held)
    assert np.isin(held, firsts * count + seconds).all(), "a pair that is none"
    inside, widths = 0, []
    ends, twice = np.concatenate([firsts, seconds]), np.tile(is_held, 2)
    for seed in range(seeds):
        place = np.full(count, -1, dtype=np.int32)
        place[np.random.default_rng(seed).permutation(count)[:SAMPLED_IMAGES]] = np.arange(SAMPLED_IMAGES)
        own = place[ends] >= 0
        recall = estimate_recall(np.ones(SAMPLED_IMAGES), twice[own], place[ends[own]])
        inside += recall.interval.low <= is_held.mean() <= recall.interval.high
        widths.append(recall.interval.high - recall.interval.low)
    by_similarity = {}
    for low, high in pairwise(CUTS):
        own = (exact[:, 2] >= low) & (exact[:, 2] < high)
        by_similarity[f"{low} to {min(high, 1)}"] = [int(own.sum()), round(float(is_held[own].mean()), 4)]
    return {
        "pairs": len(exact),
        "recall": round(float(is_held.mean()), 4),
        "pairs_and_recall_by_similarity": by_similarity,
        "seeds": seeds,
        "inside": round(inside / seeds, 4),
        "interval_width_mean": round(float(np.mean(widths)), 4),
    }


def find_exponents(outcomes: dict[int, dict[str, Outcome]], name: str) -> list[float]:
    """Exponents of the processor seconds beyond the bounds, from each number of vectors to the next."""
    beyond = {
        count: own[name].cpu_seconds - own["bounds"].cpu_seconds
        for count, own in outcomes.items()
        if name in own
    }
    return [
        round(math.log(more / less) / math.log(n / m), 2) for (m, less), (n, more) in pairwise(beyond.items())
    ]


def main() -> None:
    take_part(CONTENDERS)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=60_000, help="how many are compared exactly, too")
    parser.add_argument(
        "--parts", default="128,128,256", help="dimensions; one part has many similar vectors"
    )
    parser.add_argument("--more", default="", help="other numbers, for the growth: 120000,240000")
    parser.add_argument("--tables", type=int, default=0, help="fewer than the search takes: more is missed")
    parser.add_argument("--most-exact", type=int, default=120_000, help="all pairs are compared up to here")
    parser.add_argument("--seeds", type=int, default=1000)
    arguments = parser.parse_args()
    counts = [arguments.vectors, *map(int, filter(None, arguments.more.split(",")))]
    parts = tuple(map(int, arguments.parts.split(",")))
    outcomes: dict[int, dict[str, Outcome]] = {}
    found: dict[str, object] = {}
    for count in counts:
        names = ["bounds", "buckets", *(["all"] if count <= arguments.most_exact else [])]
        data = {**make_data(count, parts), "tables": np.array(arguments.tables)}
        outcomes[count] = hold(__file__, names + (["tables"] if count == counts[0] else []), data)
        if count == counts[0]:
            tables = outcomes[count]["tables"].found
            held = tables["firsts"] * count + tables["seconds"]
            found = judge(outcomes[count]["all"].found["pairs"], held, count, arguments.seeds)
    line = {
        "question": "near-duplicates in buckets",
        "parts": parts,
        "vectors": arguments.vectors,
        "tables": arguments.tables or "as many as the search takes",
        **found,
        "pairs_left_out": [bool(own["buckets"].found["exceeded"]) for own in outcomes.values()],
        "figures": {
            count: {name: outcome.figures() for name, outcome in own.items()}
            for count, own in outcomes.items()
        },
        "exponents_all": find_exponents(outcomes, "all"),
        "exponents_buckets": find_exponents(outcomes, "buckets"),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
