"""Agglomerative clustering: joins the two clusters whose union spreads least, until enough are left."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering


def cluster(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Joins clusters by Ward's criterion. There is no chance in it: ``seed`` changes nothing.

    References:
        Ward, "Hierarchical grouping to optimize an objective function", 1963, doi:10.2307/2282967;
        ``sklearn.cluster.AgglomerativeClustering``.
    """
    report_step()
    return AgglomerativeClustering(n_clusters, linkage="ward").fit(vectors).labels_


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: distances of all pairs and the vectors, in double precision."""
    return 8 * n_members * (n_members + dimension)
