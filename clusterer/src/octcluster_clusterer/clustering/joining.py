"""Algorithms that compare all pairs, on many members: they cluster a sample, and all others join it."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.model import Algorithm
from octcluster_clusterer.tiles import map_in_order, slices

WHOLE_MEMBERS = 2**17
"""Up to so many, all are clustered: HDBSCAN takes some 4 minutes of a processor, of a million 4 hours."""
SAMPLED_MEMBERS = 2**15
"""Of more, a random sample of so many."""
_BY_SAMPLE = (Algorithm.HDBSCAN, Algorithm.SPECTRAL)
_ROWS_AT_ONCE = 1024


def count_clustered(algorithm: Algorithm, n_members: int) -> int | None:
    """The size of the sample that an algorithm clusters, all others joining it; None: it clusters all.

    Examples:
        >>> count_clustered(Algorithm.HDBSCAN, 1_000_000), count_clustered(Algorithm.KMEANS, 1_000_000)
        (32768, None)
    """
    return SAMPLED_MEMBERS if algorithm in _BY_SAMPLE and n_members > WHOLE_MEMBERS else None


def draw_clustered(n_members: int, seed: int) -> NDArray[np.int64] | None:
    """Draws the members that are clustered: int64, shape (SAMPLED_MEMBERS,), rising; None: all are."""
    if n_members <= WHOLE_MEMBERS:
        return None
    return np.sort(np.random.default_rng(seed).choice(n_members, SAMPLED_MEMBERS, replace=False))


def find_nearest(
    block: NDArray[np.float32],
    sampled: NDArray[np.float32],
    n_neighbors: int,
    report_step: Callable[[], None],
) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.int64]]]:
    """Finds the nearest sampled members of each member of a block.

    Args:
        block: float32, shape (n_members, dimension).
        sampled: float32, shape (n_sampled, dimension).
        n_neighbors: How many, at most n_sampled.
        report_step: Called often.

    Yields:
        Some rows, with their distances to the nearest ones, rising, float64, and the numbers of these, int64,
        both of shape (n_rows, n_neighbors).
    """
    # Imported here: scikit-learn takes two seconds of processor time, and most runs do without.
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415

    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(sampled)
    parts = slices(len(block), _ROWS_AT_ONCE)
    for rows, (distances, nearest) in map_in_order(lambda rows: search.kneighbors(block[rows]), parts):
        yield rows, distances.astype(np.float64), nearest
        report_step()


def join(
    vectors: NDArray[np.float32],
    sample: NDArray[np.int64],
    report_step: Callable[[], None],
    reaches: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """Finds whom each member joins: its nearest sampled member.

    Args:
        vectors: float32, shape (n_members, dimension).
        sample: int64, shape (n_sampled,): the members that were clustered.
        report_step: Called often.
        reaches: float64, shape (n_sampled,): how near one must be to join each; None: anyhow.

    Returns:
        int64, shape (n_members,): a number among the sampled ones, -1 for a member that joins nobody. A
        sampled member joins itself.
    """
    joined = np.empty(len(vectors), dtype=np.int64)
    for rows, distances, nearest in find_nearest(vectors, vectors[sample], 1, report_step):
        joined[rows] = nearest[:, 0]
        if reaches is not None:
            joined[rows][distances[:, 0] > reaches[nearest[:, 0]]] = -1
    joined[sample] = np.arange(len(sample))
    return joined
