"""Distances between vectors in tiles, and their sums by cluster: what silhouettes are made of."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.tiles import TILE_SIDE, map_in_order, slices

_NEAR = 0.01
"""Squared distances under this share of the squared norms lose too many digits and are computed anew."""
_MAX_NEAR_PAIRS = 1024
"""Up to so many a tile from the differences of the vectors, else the whole tile in double precision."""

Tile = tuple[slice, slice]


def sum_block_distances(
    block: NDArray[np.float32],
    asked: NDArray[np.float32],
    counts: Sequence[int],
    labels: NDArray[np.int32],
    *,
    report_step: Callable[[], None],
) -> NDArray[np.float64]:
    """Sums of the distances of some vectors to the members of a block, by their clusters.

    Args:
        block: float32, shape (n_rows, dimension).
        asked: float32, shape (n_asked, dimension).
        counts: Number of clusters of each clustering.
        labels: int32, shape (n_rows, n_clusterings); -1 for noise.
        report_step: Called often.

    Returns:
        float64, shape (n_asked, sum of counts).
    """
    asked_norms, norms = (np.einsum("ij,ij->i", each, each) for each in (asked, block))
    marks = mark_members(list(labels.T), counts)
    sums = np.zeros((len(asked), sum(counts)))

    def sum_tile(tile: Tile) -> NDArray[np.float32]:
        rows, columns = tile
        distances = find_pair_distances(asked[rows], block[columns], asked_norms[rows], norms[columns])
        return np.asarray(distances @ marks[columns])

    for (rows, _), of_rows in map_in_order(sum_tile, _all_tiles(len(asked), len(block))):
        sums[rows] += of_rows
        report_step()
    return sums


def mark_members(label_sets: Sequence[NDArray[np.int32]], counts: Sequence[int]) -> NDArray[np.float32]:
    """float32, shape (n_members, n_clusters of all sets): 1 for the members of each cluster."""
    marks = [labels[:, np.newaxis] == np.arange(k) for labels, k in zip(label_sets, counts, strict=True)]
    return np.hstack(marks, dtype=np.float32, casting="unsafe")


def _all_tiles(n_rows: int, n_columns: int) -> list[Tile]:
    return [(rows, columns) for rows in slices(n_rows, TILE_SIDE) for columns in slices(n_columns, TILE_SIDE)]


def find_pair_distances(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    left_norms: NDArray[np.float32],
    right_norms: NDArray[np.float32],
) -> NDArray[np.float32]:
    """float32, shape (len(left), len(right)): the Euclidean distances; the norms are squared."""
    norm_sums = left_norms[:, np.newaxis] + right_norms
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
    return np.sqrt(np.maximum(squared, 0, out=squared), out=squared)


def _square_distances_precisely(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32, shape (len(left), len(right)): squared Euclidean distances by way of double precision."""
    left, right = left.astype(np.float64), right.astype(np.float64)
    squared = left @ right.T
    squared *= -2
    squared += np.einsum("ij,ij->i", left, left)[:, np.newaxis]
    squared += np.einsum("ij,ij->i", right, right)
    return squared.astype(np.float32)
