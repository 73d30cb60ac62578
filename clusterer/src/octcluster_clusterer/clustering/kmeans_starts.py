"""Where K-means begins: k-means++, for several starts at once."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.tiles import SHORT_TOGETHER, map_in_order, slices

_ROWS_AT_ONCE = 512


def choose_centers(
    vectors: NDArray[np.float32],
    squared_lengths: NDArray[np.float32],
    n_clusters: int,
    randoms: Sequence[np.random.Generator],
    report_step: Callable[[], None],
) -> NDArray[np.float32]:
    """Chooses members far from each other as centers, by chance.

    Each further center is, of a few members drawn with chances like their squared distances to the nearest
    center so far, the one that leaves the smallest sum of those distances.

    Args:
        vectors: float32, shape (n_members, dimension).
        squared_lengths: float32, shape (n_members,): of the vectors.
        n_clusters: Number of centers.
        randoms: The source of chance of each start.
        report_step: Called often.

    Returns:
        float32, shape (n_starts, n_clusters, dimension); centers may be equal where there are fewer different
        vectors.

    References:
        Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007, with the greedy
        choice of its section 5, and as many draws as scikit-learn makes.
    """
    n_members, n_starts = len(vectors), len(randoms)
    n_draws = 2 + int(np.log(n_clusters))
    chosen = np.empty((n_starts, n_clusters), dtype=np.intp)
    chosen[:, 0] = [random.integers(n_members) for random in randoms]
    nearest = np.full((n_starts, n_members), np.inf, dtype=np.float32)
    nearest = _approach(vectors, squared_lengths, nearest, chosen[:, :1], report_step)[0][:, 0]
    for number in range(1, n_clusters):
        drawn = np.empty((n_starts, n_draws), dtype=np.intp)
        for start, random in enumerate(randoms):
            shares = np.cumsum(nearest[start], dtype=np.float64)
            drawn[start] = np.searchsorted(shares, random.random(n_draws) * shares[-1])
        np.minimum(drawn, n_members - 1, out=drawn)
        approached, sums = _approach(vectors, squared_lengths, nearest, drawn, report_step)
        best = sums.argmin(axis=1)
        chosen[:, number] = drawn[np.arange(n_starts), best]
        nearest = approached[np.arange(n_starts), best]
    return vectors[chosen]


def _approach(
    vectors: NDArray[np.float32],
    squared_lengths: NDArray[np.float32],
    nearest: NDArray[np.float32],
    drawn: NDArray[np.intp],
    report_step: Callable[[], None],
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Squared distances to the nearest center, were each drawn member one more, and their sums.

    Returns:
        float32, shape (n_starts, n_draws, n_members), and float64, shape (n_starts, n_draws).
    """
    candidates, lengths = vectors[drawn.ravel()], squared_lengths[drawn]
    approached = np.empty((*drawn.shape, len(vectors)), dtype=np.float32)

    def approach_rows(rows: slice) -> NDArray[np.float64]:
        squared = (candidates @ vectors[rows].T).reshape(*drawn.shape, -1)
        squared *= -2
        squared += lengths[:, :, np.newaxis]
        squared += squared_lengths[rows]
        np.maximum(squared, 0, out=squared)
        np.minimum(squared, nearest[:, np.newaxis, rows], out=approached[:, :, rows])
        return approached[:, :, rows].sum(axis=2, dtype=np.float64)

    sums = np.zeros(drawn.shape)
    for _, of_block in map_in_order(approach_rows, slices(len(vectors), _ROWS_AT_ONCE), SHORT_TOGETHER):
        sums += of_block
        report_step()
    return approached, sums
