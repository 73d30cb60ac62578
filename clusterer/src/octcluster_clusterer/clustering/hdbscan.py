"""HDBSCAN: finds dense groups and their number, and leaves what lies between them as noise."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN

MIN_SAMPLES = 3
"""Neighbours that make a member's surroundings dense; on OCT features 5 leave nearly all images as noise."""
MAX_TREE_DIMENSION = 50
"""Most dimensions in which a k-d tree is faster than the distances of all pairs."""


def cluster(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Finds dense clusters, and their number, without chance: ``n_clusters`` and ``seed`` change nothing.

    A cluster has at least max(5, 1% of the members) members.

    References:
        Campello, Moulavi and Sander, "Density-based clustering based on hierarchical density estimates",
        PAKDD 2013, doi:10.1007/978-3-642-37456-2_14; ``sklearn.cluster.HDBSCAN``.
    """
    report_step()
    n_members, dimension = vectors.shape
    min_cluster_size = max(5, n_members // 100)
    if n_members < min_cluster_size:
        return np.full(n_members, -1, dtype=np.int32)
    algorithm = "kd_tree" if dimension <= MAX_TREE_DIMENSION else "brute"
    return (
        HDBSCAN(min_cluster_size, min_samples=MIN_SAMPLES, algorithm=algorithm, copy=True)
        .fit(vectors)
        .labels_
    )


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: the vectors and, in many dimensions, two numbers for each pair."""
    all_pairs = 0 if dimension <= MAX_TREE_DIMENSION else 16 * n_members**2
    return all_pairs + 8 * n_members * dimension
