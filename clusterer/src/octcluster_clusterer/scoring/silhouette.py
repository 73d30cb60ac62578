"""Silhouettes of many clusterings of the same vectors, in one pass over the distances of all pairs."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.model import Score
from octcluster_clusterer.tiles import map_in_order, upper_tiles

_MAX_COLUMNS = 1000
_NEAR = 0.01
"""Squared distances under this share of the squared norms lose too many digits and are computed anew."""
_MAX_NEAR_PAIRS = 1024
"""Up to so many a tile from the differences of the vectors, else the whole tile in double precision."""

Tile = tuple[slice, slice]


def find_silhouettes(
    vectors: NDArray[np.float32], label_sets: Sequence[NDArray[np.int32]], report: Callable[[int, int], None]
) -> list[NDArray[np.float32]]:
    """Computes the silhouette coefficient of each member in each of several clusterings.

    For a member, with a the mean distance to the others of its cluster and b the smallest mean distance to
    the members of another cluster, it is (b - a) / max(a, b): -1 (in the wrong cluster) to 1 (far from all
    others), best 1. Distances are Euclidean. Noise takes no part: noise members have none, and count for no
    other. A member that is alone in its cluster has 0, as has one with a = b = 0.

    All distances are computed once for up to 1000 clusters in all, half of them by symmetry, in tiles of 512
    x 512; the memory at work is 12 bytes for each member and cluster, and some 12 MB a processor.

    Args:
        vectors: float32, shape (n_members, dimension), mean 0 in each dimension.
        label_sets: For each clustering int32, shape (n_members,): clusters from 0, -1 for noise.
        report: Called often with the members done and the members in all.

    Returns:
        For each clustering float32, shape (n_members,): NaN for noise, and for all if there are fewer than
        two clusters.

    References:
        Rousseeuw, "Silhouettes: a graphical aid", 1987, doi:10.1016/0377-0427(87)90125-7. Equal to
        ``sklearn.metrics.silhouette_samples`` to 1e-5.

    Examples:
        >>> vectors = np.array([[-2.0], [-1.0], [3.0], [0.0]], dtype=np.float32)
        >>> good, noisy = np.array([0, 0, 1, 0]), np.array([0, 0, 1, -1])
        >>> for silhouettes in find_silhouettes(vectors, [good, noisy], lambda done, total: None):
        ...     print(silhouettes)
        [0.7  0.75 0.   0.5 ]
        [0.8  0.75 0.    nan]
    """
    n_members = len(vectors)
    silhouettes = [np.full(n_members, np.nan, dtype=np.float32) for _ in label_sets]
    defined = [i for i, labels in enumerate(label_sets) if labels.max(initial=-1) >= 1]
    passes = _group_into_passes([int(label_sets[i].max()) + 1 for i in defined])
    for done_passes, positions in enumerate(passes):
        chosen = [defined[position] for position in positions]

        def report_pass(share: float, before: int = done_passes) -> None:
            report(int(n_members * (before + share) / len(passes)), n_members)

        sums = _sum_distances(vectors, [label_sets[i] for i in chosen], report_pass)
        for i, own_sums in zip(chosen, sums, strict=True):
            silhouettes[i] = _divide(own_sums, label_sets[i])
    report(n_members, n_members)
    return silhouettes


def summarize(silhouettes: NDArray[np.float32], labels: NDArray[np.int32]) -> Score:
    """Averages the silhouettes of all members that are not noise.

    -1 to 1, best 1; around 0 the clusters overlap.

    Args:
        silhouettes: float32, shape (n_members,), from ``find_silhouettes``.
        labels: int32, shape (n_members,), of the same clustering.

    Returns:
        The mean; undefined if there are fewer than two clusters, or if none has two members.

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
    return Score(float(silhouettes[labels >= 0].mean(dtype=np.float64)))


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


def _sum_distances(
    vectors: NDArray[np.float32],
    label_sets: Sequence[NDArray[np.int32]],
    report_share: Callable[[float], None],
) -> list[NDArray[np.float64]]:
    """For each clustering float64, shape (n_members, n_clusters): sums of distances to each cluster."""
    memberships = np.hstack([_mark_members(labels) for labels in label_sets])
    squared_norms = np.einsum("ij,ij->i", vectors, vectors)
    sums = np.zeros(memberships.shape)

    def sum_tile(tile: Tile) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        rows, columns = tile
        distances = _find_distances(vectors, squared_norms, tile)
        return distances @ memberships[columns], None if rows == columns else distances.T @ memberships[rows]

    tiles = upper_tiles(len(vectors))
    for done, ((rows, columns), (of_rows, of_columns)) in enumerate(map_in_order(sum_tile, tiles), start=1):
        sums[rows] += of_rows
        if of_columns is not None:
            sums[columns] += of_columns
        report_share(done / len(tiles))
    last_columns = np.cumsum([labels.max() + 1 for labels in label_sets])
    return np.split(sums, last_columns[:-1], axis=1)


def _mark_members(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """float32, shape (n_members, n_clusters): 1 for the members of each cluster."""
    return (labels[:, np.newaxis] == np.arange(labels.max() + 1)).astype(np.float32)


def _find_distances(
    vectors: NDArray[np.float32], squared_norms: NDArray[np.float32], tile: Tile
) -> NDArray[np.float32]:
    """float32: the Euclidean distances of the tile's rows to its columns."""
    left, right = vectors[tile[0]], vectors[tile[1]]
    norm_sums = squared_norms[tile[0], np.newaxis] + squared_norms[tile[1]]
    squared = left @ right.T
    squared *= -2
    squared += norm_sums
    norm_sums *= _NEAR
    near_rows, near_columns = np.nonzero(squared < norm_sums)
    if near_rows.size > _MAX_NEAR_PAIRS:
        squared = _square_distances_precisely(left, right)
    elif near_rows.size:
        differences = left[near_rows] - right[near_columns]
        squared[near_rows, near_columns] = np.einsum("ij,ij->i", differences, differences)
    if tile[0] == tile[1]:
        np.fill_diagonal(squared, 0)
    return np.sqrt(np.maximum(squared, 0, out=squared), out=squared)


def _square_distances_precisely(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32, shape (len(left), len(right)): squared Euclidean distances by way of double precision."""
    left, right = left.astype(np.float64), right.astype(np.float64)
    squared = left @ right.T
    squared *= -2
    squared += np.einsum("ij,ij->i", left, left)[:, np.newaxis]
    squared += np.einsum("ij,ij->i", right, right)
    return squared.astype(np.float32)


def _divide(sums: NDArray[np.float64], labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """float32, shape (n_members,): silhouettes from the sums of distances to each cluster."""
    members = np.flatnonzero(labels >= 0)
    own = labels[members]
    sizes = np.bincount(own)
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
