"""The map of many members: a random sample is laid out, and all others placed by their neighbours in it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering.joining import find_nearest
from octcluster_clusterer.mapping.neighbor_graph import find_memberships

WHOLE_MEMBERS = 2**17
"""Up to so many, all members are laid out: the work grows with their square."""
SAMPLED_MEMBERS = 2**14
"""Of more, a random sample of so many."""
_NEIGHBORS = 5
"""In the sample, of each member that is placed: with more, members near the edge of a group drift inwards."""


def draw_laid_out(n_members: int, seed: int) -> NDArray[np.int64] | None:
    """Draws the members that are laid out.

    Args:
        n_members: Number of members.
        seed: Seed of the sample.

    Returns:
        int64, shape (SAMPLED_MEMBERS,): the sampled members, rising; None: all members.

    Examples:
        >>> draw_laid_out(84_495, 0) is None, len(draw_laid_out(1_000_000, 0))
        (True, 16384)
    """
    if n_members <= WHOLE_MEMBERS:
        return None
    return np.sort(np.random.default_rng(seed).choice(n_members, SAMPLED_MEMBERS, replace=False))


def place_members(
    block: NDArray[np.float32],
    sampled: NDArray[np.float32],
    places: NDArray[np.float32],
    *,
    report_step: Callable[[], None],
) -> NDArray[np.float32]:
    """Places members at the mean of their nearest sampled members, the nearer the heavier.

    The weights are those by which UMAP joins a member to its neighbours; umap-learn places new members so,
    too, before it moves them on.

    Args:
        block: float32, shape (n_members, dimension): the members to be placed.
        sampled: float32, shape (n_sampled, dimension): the members that were laid out, at least one.
        places: float32, shape (n_sampled, 2): where they lie.
        report_step: Called often.

    Returns:
        float32, shape (n_members, 2).

    References:
        McInnes, Healy and Melville, "UMAP: uniform manifold approximation and projection for dimension
        reduction", 2018, arXiv:1802.03426.

    Examples:
        >>> block, sampled = np.array([[1.0], [8.0]], np.float32), np.array([[0.0], [9.0]], np.float32)
        >>> places = np.array([[-5, 0], [5, 0]], np.float32)
        >>> place_members(block, sampled, places, report_step=lambda: None).round().tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
    """
    n_neighbors = min(_NEIGHBORS, len(sampled))
    placed = np.empty((len(block), 2), dtype=np.float32)
    for rows, distances, nearest in find_nearest(block, sampled, n_neighbors, report_step):
        weights = find_memberships(distances, report_step).astype(np.float64)
        weights /= weights.sum(axis=1, keepdims=True)
        placed[rows] = np.einsum("ij,ijk->ik", weights, places[nearest])
    return placed


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the sample of the vectors and the places of all members, where not all are laid out."""
    return 4 * SAMPLED_MEMBERS * dimension + 16 * n_members if n_members > WHOLE_MEMBERS else 0
