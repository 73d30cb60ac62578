"""Silhouettes of many clusterings of the same vectors, in one pass over the distances of all pairs.

The pairs grow with the square of the members. So of many members only a random sample has silhouettes: each
is exact, with its distances to all members, and their mean is an estimate with its interval.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks, cut
from octcluster_clusterer.fixed_tree import FixedTree
from octcluster_clusterer.model import Interval, Score
from octcluster_clusterer.scoring.silhouette_sums import (
    Tile,
    find_pair_distances,
    mark_members,
    sum_block_distances,
)
from octcluster_clusterer.tiles import add_into, map_in_order, upper_tiles

EXACT_MEMBERS = 2**17
"""Up to so many, all have a silhouette. As many distances as of a sample of 8192 out of a million."""
SAMPLED_MEMBERS = 2**13
"""Of more, a random sample of so many."""
_STANDARD_ERRORS = 1.96
_MAX_COLUMNS = 1000


def draw_sample(n_members: int, seed: int) -> NDArray[np.int64] | None:
    """Draws the members that have silhouettes.

    Args:
        n_members: Number of members.
        seed: Seed of the sample.

    Returns:
        int64, shape (SAMPLED_MEMBERS,): the sampled members, rising; None: all members.

    Examples:
        >>> draw_sample(84_495, 0) is None, len(draw_sample(1_000_000, 0))
        (True, 8192)
    """
    if n_members <= EXACT_MEMBERS:
        return None
    return np.sort(np.random.default_rng(seed).choice(n_members, SAMPLED_MEMBERS, replace=False))


def find_silhouettes(
    blocks: Blocks,
    label_sets: Sequence[NDArray[np.int32]],
    report: Callable[[int, int], None],
    sample: NDArray[np.int64] | None = None,
) -> list[NDArray[np.float32]]:
    """Computes the silhouette coefficient of each member in each of several clusterings.

    For a member, with a the mean distance to the others of its cluster and b the smallest mean distance to
    the members of another cluster, it is (b - a) / max(a, b): -1 (in the wrong cluster) to 1 (far from all
    others), best 1. Distances are Euclidean. Noise takes no part: noise members have none, and count for no
    other. A member that is alone in its cluster has 0, as has one with a = b = 0.

    All distances are computed once for up to 1000 clusters in all, half of those between all members by
    symmetry, in tiles of 512 x 512; the memory at work is 12 bytes for each cluster and member that has a
    silhouette, and some 12 MB a processor.

    Args:
        blocks: The vectors, mean 0 in each dimension; all come into one memory unless there is a sample.
        label_sets: For each clustering int32, shape (n_members,): clusters from 0, -1 for noise.
        report: Called often with the members done and the members in all.
        sample: int64, shape (n_sampled,): the members whose silhouettes are asked for; None: all.

    Returns:
        For each clustering float32, shape (n_members,): NaN for noise and for members that were not asked
        for, and for all if there are fewer than two clusters.

    References:
        Rousseeuw, "Silhouettes: a graphical aid", 1987, doi:10.1016/0377-0427(87)90125-7. Equal to
        ``sklearn.metrics.silhouette_samples`` to 1e-5.

    Examples:
        >>> from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
        >>> blocks = MemoryBlocks(np.array([[-2.0], [-1.0], [3.0], [0.0]], dtype=np.float32))
        >>> good, noisy = np.array([0, 0, 1, 0]), np.array([0, 0, 1, -1])
        >>> for silhouettes in find_silhouettes(blocks, [good, noisy], lambda done, total: None):
        ...     print(silhouettes)
        [0.7  0.75 0.   0.5 ]
        [0.8  0.75 0.    nan]
    """
    n_members = blocks.n_rows
    silhouettes = [np.full(n_members, np.nan, dtype=np.float32) for _ in label_sets]
    defined = [i for i, labels in enumerate(label_sets) if labels.max(initial=-1) >= 1]
    passes = _group_into_passes([int(label_sets[i].max()) + 1 for i in defined])
    for done_passes, positions in enumerate(passes):
        chosen = [defined[position] for position in positions]

        def report_pass(share: float, before: int = done_passes) -> None:
            report(int(n_members * (before + share) / len(passes)), n_members)

        asked_labels = [label_sets[i] for i in chosen]
        if sample is None:
            vectors = blocks.bring(lambda: report_pass(0))
            sums = _sum_all_distances(vectors, asked_labels, report_pass)
        else:
            sums = _sum_sampled_distances(blocks, asked_labels, report_pass, sample)
        asked = slice(None) if sample is None else sample
        for i, own_sums in zip(chosen, sums, strict=True):
            sizes = np.bincount(label_sets[i][label_sets[i] >= 0])
            silhouettes[i][asked] = _divide(own_sums, label_sets[i][asked], sizes)
    report(n_members, n_members)
    return silhouettes


def summarize(silhouettes: NDArray[np.float32], labels: NDArray[np.int32]) -> Score:
    """Averages the silhouettes of all members that are not noise, or of those of them that were sampled.

    -1 to 1, best 1; around 0 the clusters overlap.

    Args:
        silhouettes: float32, shape (n_members,), from ``find_silhouettes``.
        labels: int32, shape (n_members,), of the same clustering.

    Returns:
        The mean; undefined if there are fewer than two clusters, or if none has two members. The mean of a
        sample has the interval in which that of all members lies in 95% of samples.

    References:
        Rousseeuw, "Silhouettes: a graphical aid", 1987, doi:10.1016/0377-0427(87)90125-7.

    Examples:
        >>> summarize(np.array([0.5, 1.0, 0.0, np.nan], dtype=np.float32), np.array([0, 0, 1, -1])).value
        0.5
        >>> summarize(np.array([np.nan], dtype=np.float32), np.array([-1])).undefined_reason
        'no cluster was found: every image is noise'
    """
    n_clusters = int(labels.max(initial=-1)) + 1
    if n_clusters == 0:
        return Score(undefined_reason="no cluster was found: every image is noise")
    if n_clusters == 1:
        return Score(undefined_reason="only one cluster was found, and a silhouette compares two")
    if n_clusters == np.count_nonzero(labels >= 0):
        return Score(undefined_reason="each image is a cluster of its own, and a silhouette compares several")
    known = silhouettes[(labels >= 0) & ~np.isnan(silhouettes)].astype(np.float64)
    if known.size == np.count_nonzero(labels >= 0):
        return Score(float(known.mean()))
    if known.size < 2:
        return Score(undefined_reason="fewer than two images of the random sample are in a cluster")
    mean, error = float(known.mean()), _STANDARD_ERRORS * float(known.std(ddof=1)) / known.size**0.5
    return Score(mean, interval=Interval(mean - error, mean + error), sampled_members=known.size)


def _group_into_passes(cluster_counts: Sequence[int]) -> list[list[int]]:
    passes: list[list[int]] = []
    columns = _MAX_COLUMNS
    for position, count in enumerate(cluster_counts):
        if columns + count > _MAX_COLUMNS:
            passes.append([])
            columns = 0
        passes[-1].append(position)
        columns += count
    return passes


def _sum_all_distances(
    vectors: NDArray[np.float32],
    label_sets: Sequence[NDArray[np.int32]],
    report_share: Callable[[float], None],
) -> list[NDArray[np.float64]]:
    """For each clustering float64, shape (n_members, n_clusters): sums of distances to each cluster."""
    norms = np.einsum("ij,ij->i", vectors, vectors)
    counts = [int(labels.max()) + 1 for labels in label_sets]
    sums = np.zeros((len(vectors), sum(counts)))
    marks = mark_members(label_sets, counts)

    def sum_tile(tile: Tile) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        rows, columns = tile
        distances = find_pair_distances(vectors[rows], vectors[columns], norms[rows], norms[columns])
        if rows == columns:
            np.fill_diagonal(distances, 0)
            return distances @ marks[columns], None
        return distances @ marks[columns], distances.T @ marks[rows]

    tiles = upper_tiles(len(vectors))
    for done, ((rows, columns), (of_rows, of_columns)) in enumerate(map_in_order(sum_tile, tiles), start=1):
        sums[rows] += of_rows
        if of_columns is not None:
            sums[columns] += of_columns
        report_share(done / len(tiles))
    return np.split(sums, np.cumsum(counts)[:-1], axis=1)


def _sum_sampled_distances(
    blocks: Blocks,
    label_sets: Sequence[NDArray[np.int32]],
    report_share: Callable[[float], None],
    sample: NDArray[np.int64],
) -> list[NDArray[np.float64]]:
    """Does what ``_sum_all_distances`` does, for some members: the distances to all."""
    counts = [int(labels.max()) + 1 for labels in label_sets]
    asked = blocks.take(sample)
    tree = FixedTree[NDArray[np.float64]](add_into)
    found = blocks.map(
        sum_block_distances,
        asked,
        counts,
        each=cut(np.stack(label_sets, axis=1)),
        report_step=lambda: report_share(0),
    )
    for rows, sums in found:
        tree.add(sums)
        report_share(rows.stop / blocks.n_rows)
    return np.split(tree.total(), np.cumsum(counts)[:-1], axis=1)


def _divide(
    sums: NDArray[np.float64], labels: NDArray[np.int32], sizes: NDArray[np.int64]
) -> NDArray[np.float32]:
    """float32, shape (n_asked,): silhouettes from the sums of distances to each cluster, and the sizes."""
    members = np.flatnonzero(labels >= 0)
    own = labels[members]
    means = sums[members]
    within = means[np.arange(members.size), own] / np.maximum(sizes[own] - 1, 1)
    means /= sizes
    means[np.arange(members.size), own] = np.inf
    between = means.min(axis=1)
    larger = np.maximum(within, between)
    values = np.divide(between - within, larger, out=np.zeros_like(larger), where=larger > 0)
    values[sizes[own] == 1] = 0
    silhouettes = np.full(labels.size, np.nan, dtype=np.float32)
    silhouettes[members] = values
    return silhouettes
