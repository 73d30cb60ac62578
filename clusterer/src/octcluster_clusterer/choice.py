"""The choice of one result of a run, without a look at any class.

K-means by genetic search comes so close to its optimum that the shares of the variance that it explains can
be compared between numbers of clusters: while a further cluster takes apart what is apart, it explains much
more of the variance; once it cuts through what belongs together, it explains little more, and about as much
as the next one. Some fall of that gain is there without any groups, most of all after two clusters: it is
measured on random vectors. So the number of clusters is chosen after which the gain falls most, compared with
random vectors. All other results are chosen among by their silhouettes.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering import hg_means
from octcluster_clusterer.runs import Algorithm, ClusteringResult
from octcluster_clusterer.tiles import slices

MAX_OTHERS_SHOWN = 9
_NEAR_OPTIMAL = (Algorithm.HG_MEANS, Algorithm.CONSENSUS)
_JUDGED_MEMBERS = 1024
_VALUES_AT_ONCE = 2**18


def choose(
    results: Sequence[ClusteringResult],
    vectors: NDArray[np.float32],
    seed: int,
    report_step: Callable[[], None],
) -> tuple[int, str]:
    """Chooses a result and says why.

    Args:
        results: The results, those of one algorithm side by side by rising number of clusters.
        vectors: float32, shape (n_members, dimension): what was clustered.
        seed: Seed of the random vectors and of the searches.
        report_step: Called often.

    Returns:
        Index of the result, and the reason for people.

    References:
        Krzanowski and Lai, "A criterion for determining the number of groups in a data set using
        sum-of-squares clustering", Biometrics 44, 1988, doi:10.2307/2531893: the fall of the gain.
        Tibshirani, Walther and Hastie, "Estimating the number of clusters in a data set via the gap
        statistic", JRSS B 63, 2001, doi:10.1111/1467-9868.00293: the comparison with random vectors.
    """
    if len(results) == 1:
        return 0, "the only one asked for"
    if len({result.algorithm for result in results}) > 1 or results[0].algorithm not in _NEAR_OPTIMAL:
        return _choose_by_silhouette(results)
    counts = [result.requested_clusters or 0 for result in results]
    falls = _compare_falls(counts, vectors, seed, report_step)
    return _choose_by_fall(counts, falls) if falls else _choose_by_silhouette(results)


def _compare_falls(
    counts: Sequence[int], vectors: NDArray[np.float32], seed: int, report_step: Callable[[], None]
) -> dict[int, float]:
    """By number of clusters, the fall of the gain after it, in terms of that in random vectors."""
    judged = [count for count in counts if count == 2 or count - 1 in counts]
    judged = [count for count in judged if count + 1 in counts and count + 1 < len(vectors)]
    if not judged:
        return {}
    random = np.random.default_rng(seed)
    sample = vectors
    if len(vectors) > _JUDGED_MEMBERS:
        sample = vectors[np.sort(random.choice(len(vectors), _JUDGED_MEMBERS, replace=False))]
    scattered = random.standard_normal(sample.shape, dtype=np.float32)
    scattered *= np.linalg.norm(sample, axis=1, keepdims=True) / np.linalg.norm(
        scattered, axis=1, keepdims=True
    )
    falls, falls_by_chance = (_find_falls(judged, part, seed, report_step) for part in (sample, scattered))
    return {
        count: falls[count] / falls_by_chance[count]
        for count in judged
        if np.isfinite(falls[count]) and falls_by_chance[count] > 0
    }


def _find_falls(
    counts: Sequence[int], vectors: NDArray[np.float32], seed: int, report_step: Callable[[], None]
) -> dict[int, float]:
    """The gain in explained variance by each number of clusters, over the gain by one more."""
    explained = {1: 0.0}
    needed = {near for count in counts for near in (count - 1, count, count + 1)} - {1}
    for n_clusters in sorted(needed):
        labels = hg_means.cluster(vectors, n_clusters, seed, report_step, (vectors.shape[1],))
        explained[n_clusters] = _find_explained(labels, vectors)
    falls = {}
    for count in counts:
        next_gain = explained[count + 1] - explained[count]
        falls[count] = (explained[count] - explained[count - 1]) / next_gain if next_gain > 0 else np.inf
    return falls


def _find_explained(labels: NDArray[np.int32], vectors: NDArray[np.float32]) -> float:
    """The share of the vectors' sum of squares that the clusters' means hold, 0 to 1."""
    n_clusters, dimension = int(labels.max()) + 1, vectors.shape[1]
    sums, total = np.zeros((n_clusters, dimension)), 0.0
    for rows in slices(len(vectors), max(1, _VALUES_AT_ONCE // dimension)):
        block = vectors[rows].astype(np.float64)
        sums += (labels[rows] == np.arange(n_clusters)[:, np.newaxis]).astype(np.float64) @ block
        total += float(np.square(block).sum())
    sizes = np.maximum(np.bincount(labels, minlength=n_clusters), 1)
    held = float((np.square(sums).sum(axis=1) / sizes).sum())
    return held / total if total else 0.0


def _choose_by_fall(counts: Sequence[int], falls: dict[int, float]) -> tuple[int, str]:
    best = max(falls, key=lambda count: round(falls[count], 6))
    others = ", ".join(f"k = {count}: {fall:.2f}" for count, fall in falls.items() if count != best)
    return counts.index(best), (
        f"k = {best}: after it the gain in explained variance by a further cluster falls most, "
        f"{falls[best]:.2f} times as much as in random vectors{f' ({others})' if others else ''}"
    )


def _choose_by_silhouette(results: Sequence[ClusteringResult]) -> tuple[int, str]:
    """Chooses the result with the highest mean silhouette (the first of equals) and says why.

    Noise counts as 0 here: else few members in dense spots would beat a clustering of all.
    """
    values = [_average_silhouette(result) for result in results]
    # Rounded: equal groupings at different places of a matrix product differ in their last digits.
    defined = [i for i, value in enumerate(values) if value is not None]
    ranking = sorted(defined, key=lambda i: -round(values[i] or 0.0, 6))
    if not ranking:
        return (
            0,
            f"the first one: no result has a silhouette ({results[0].scores.silhouette.undefined_reason})",
        )
    one_algorithm = len({result.algorithm for result in results}) == 1
    ranking += [i for i, value in enumerate(values) if value is None]
    shown = [
        f"{_name(results[i], one_algorithm)}: {'undefined' if values[i] is None else f'{values[i]:.3f}'}"
        for i in sorted(ranking[1 : MAX_OTHERS_SHOWN + 1])
    ]
    if len(ranking) - 1 > MAX_OTHERS_SHOWN:
        shown.append(f"{len(ranking) - 1 - MAX_OTHERS_SHOWN} more below")
    has_noise = any((result.labels < 0).any() for result in results)
    best = ranking[0]
    return best, (
        f"{_name(results[best], one_algorithm)} has the highest mean silhouette, {values[best]:.3f} "
        f"({', '.join(shown)}{'; noise counts as 0' if has_noise else ''})"
    )


def _average_silhouette(result: ClusteringResult) -> float | None:
    """Averages over all members, noise as 0; None if undefined."""
    value = result.scores.silhouette.value
    return None if value is None else value * float(np.mean(result.labels >= 0))


def _name(result: ClusteringResult, one_algorithm: bool) -> str:
    if result.requested_clusters is None:
        return str(result.algorithm)
    return f"{'' if one_algorithm else f'{result.algorithm}, '}k = {result.requested_clusters}"
