"""How alike the clusterings of random parts of the members are: would other patients give the same clusters?

Each part is clustered from the prepared vectors of the whole run, centred anew: preparing each part from the
start would move the principal axes a little more, but the vectors before preparation are no longer there.
Of many members, the parts are drawn from a random sample of the patients.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.model import Score, Stability
from octcluster_clusterer.scoring.agreement import adjusted_rand_index
from octcluster_clusterer.tiles import slices

SHARE = 0.8
LEAST_PATIENTS = 5
MAX_MEMBERS = 2**17
"""Of more, the parts are drawn from patients with about so many."""
_VALUES_AT_ONCE = 2**20

Vectors = NDArray[np.float32]
Labels = NDArray[np.int32]
Cluster = Callable[[Vectors, int], Labels]
TakePart = Callable[[int], Vectors]


def _cluster_in_turn(take: TakePart, n_parts: int, cluster: Cluster) -> list[Labels]:
    return [cluster(take(number), number) for number in range(n_parts)]


def find_stability(  # noqa: PLR0913 - the last one has a default
    blocks: Blocks,
    labels: Labels,
    patients: NDArray[np.int64],
    n_resamples: int,
    seed: int,
    cluster: Cluster,
    *,
    cluster_all: Callable[[TakePart, int, Cluster], list[Labels]] = _cluster_in_turn,
) -> Stability:
    """Clusters random parts of the members again and compares what is found with each other and the whole.

    Args:
        blocks: The prepared vectors.
        labels: int32, shape (n_members,): the clusters of the whole, from 0; -1 for noise.
        patients: int64, shape (n_members,): numbers from 0, without gaps; a part holds 80% of the patients.
        n_resamples: Number of parts, at least 1.
        seed: Seed of the parts, and of the sample of patients.
        cluster: Clusters vectors (float32, C-contiguous, mean 0 in each dimension); told the part's number.
        cluster_all: Has that done for all parts. It is told how to copy the vectors of a part, by its number
            from 0, how many parts there are, and ``cluster``. Without it they come one after the other.

    Returns:
        The mean adjusted Rand index over pairs of parts on the members that both hold, noise as one cluster
        of its own; undefined for one part. For each cluster the mean over parts of its largest Jaccard
        similarity to a cluster of the part (Hennig: 0.75 and more is stable, under 0.6 is not to be trusted);
        undefined for a single member, or if no part holds a member of it. All undefined with fewer than five
        patients. Two parts with a cluster for each member, or with one for all, are alike whatever they hold
        (noise alone, too): they do not count, and the mean is undefined if there are no others. Scores of a
        sample of patients tell how many members these have.

    References:
        Ben-Hur, Elisseeff and Guyon, "A stability based method for discovering structure in clustered data",
        2002; Hennig, "Cluster-wise assessment of cluster stability", 2007, doi:10.1016/j.csda.2006.11.025.

    Examples:
        >>> from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
        >>> vectors = np.array([[-3], [-2], [-1], [1], [2], [3]], dtype=np.float32)
        >>> labels = (vectors[:, 0] > 0).astype(np.int32)
        >>> stability = find_stability(
        ...     MemoryBlocks(vectors),
        ...     labels,
        ...     np.arange(6),
        ...     4,
        ...     0,
        ...     lambda part, _: (part[:, 0] > 0).astype(np.int32),
        ... )
        >>> stability.overall.value, [cluster.value for cluster in stability.clusters]
        (1.0, [1.0, 1.0])
        >>> two_patients = np.array([0, 0, 0, 1, 1, 1])
        >>> find_stability(
        ...     MemoryBlocks(vectors), labels, two_patients, 4, 0, lambda part, _: part
        ... ).overall.undefined_reason
        'parts of the patients need at least 5 of them; there are 2'
    """
    n_clusters = int(labels.max(initial=-1)) + 1
    n_patients = int(patients.max()) + 1
    if n_patients < LEAST_PATIENTS:
        reason = f"parts of the patients need at least {LEAST_PATIENTS} of them; there are {n_patients}"
        return Stability(Score(undefined_reason=reason), [Score(undefined_reason=reason)] * n_clusters, 0)
    random = np.random.default_rng(seed)
    candidates, rows = np.arange(n_patients), np.arange(len(labels))
    if len(labels) <= MAX_MEMBERS:
        vectors = blocks.bring(lambda: None)
    else:
        candidates = _draw_patients(patients, random)
        rows = np.flatnonzero(np.isin(patients, candidates))
        vectors = blocks.take(rows)
    places = np.cumsum(np.bincount(rows, minlength=len(labels))) - 1
    parts: list[NDArray[np.int64]] = []
    for _ in range(n_resamples):
        drawn = np.zeros(n_patients, dtype=bool)
        drawn[random.permutation(candidates)[: round(SHARE * candidates.size)]] = True
        parts.append(np.flatnonzero(drawn[patients]))

    def take(number: int) -> Vectors:
        return _take_centred(vectors, places[parts[number]])

    found = list(zip(parts, cluster_all(take, n_resamples, cluster), strict=True))
    clusters = np.array([_find_jaccards(labels[members], part, n_clusters) for members, part in found])
    sizes = np.bincount(labels[labels >= 0], minlength=n_clusters)
    scores = [_average(column, int(size)) for column, size in zip(clusters.T, sizes, strict=True)]
    overall = _compare_parts(found)
    if candidates.size < n_patients:
        n_sampled = int(np.bincount(patients)[candidates].sum())
        overall, *scores = (replace(score, sampled_members=n_sampled) for score in (overall, *scores))
    return Stability(overall, scores, n_resamples)


def _draw_patients(patients: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Random patients with MAX_MEMBERS members, or a few fewer, and five patients at least; rising."""
    drawn = random.permutation(int(patients.max()) + 1)
    held = np.bincount(patients)[drawn].cumsum()
    return np.sort(drawn[: max(LEAST_PATIENTS, int(np.searchsorted(held, MAX_MEMBERS, side="right")))])


def _take_centred(vectors: NDArray[np.float32], members: NDArray[np.int64]) -> NDArray[np.float32]:
    part = vectors[members]
    means = part.sum(axis=0, dtype=np.float64) / members.size
    for rows in slices(members.size, max(1, _VALUES_AT_ONCE // part.shape[1])):
        part[rows] -= means
    return part


def _compare_parts(found: Sequence[tuple[NDArray[np.int64], Labels]]) -> Score:
    if len(found) < 2:
        return Score(undefined_reason="one part alone can be compared with no other")
    values = []
    for (members, labels), (other_members, other_labels) in combinations(found, 2):
        _, here, there = np.intersect1d(members, other_members, assume_unique=True, return_indices=True)
        table = _count(labels[here], other_labels[there])
        parts = {int(np.count_nonzero(table.sum(axis=axis))) for axis in (0, 1)}
        if parts not in ({1}, {here.size}):
            values.append(adjusted_rand_index(table[np.newaxis])[0])
    if not values:
        return Score(undefined_reason="each part has a cluster for each image, or puts all into one or none")
    return Score(float(np.mean(values)))


def _count(labels: Labels, others: Labels) -> NDArray[np.float64]:
    """float64, shape (1 + n_clusters, 1 + n_other_clusters): members by both, noise first."""
    n_columns = int(others.max(initial=-1)) + 2
    n_rows = int(labels.max(initial=-1)) + 2
    cells = (labels.astype(np.int64) + 1) * n_columns + others + 1
    return np.bincount(cells, minlength=n_rows * n_columns).reshape(n_rows, n_columns).astype(np.float64)


def _find_jaccards(labels: Labels, part: Labels, n_clusters: int) -> NDArray[np.float64]:
    """float64, shape (n_clusters,): NaN for a cluster without a member in the part."""
    counts = np.zeros((n_clusters + 1, int(part.max(initial=-1)) + 2))
    counted = _count(labels, part)
    counts[: len(counted)] = counted
    both = counts[1:, 1:]
    sizes, part_sizes = counts[1:].sum(axis=1, keepdims=True), counts[:, 1:].sum(axis=0)
    jaccards = (both / np.maximum(sizes + part_sizes - both, 1)).max(axis=1, initial=0)
    return np.where(sizes[:, 0] > 0, jaccards, np.nan)


def _average(values: NDArray[np.float64], size: int) -> Score:
    if size == 1:
        return Score(undefined_reason="it holds one image, which is always like itself")
    defined = values[~np.isnan(values)]
    if not defined.size:
        return Score(undefined_reason="no part holds an image of the cluster")
    return Score(float(defined.mean()))
