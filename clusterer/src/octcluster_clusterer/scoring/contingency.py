"""Counts members by known class and cluster."""

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.model import Contingency


def count_members(classes: NDArray[np.int32], labels: NDArray[np.int32]) -> Contingency | None:
    """Counts members by class and cluster.

    Args:
        classes: int32, shape (n_members,): known classes, -1 unknown.
        labels: int32, shape (n_members,): clusters, -1 noise.

    Returns:
        One row for each class that occurs, one column for each cluster, noise first if there is any, even
        where no member of the column has a known class. None if no class is known.

    Examples:
        >>> table = count_members(np.array([0, 0, 2, -1]), np.array([0, -1, 1, 1]))
        >>> table.class_indices.tolist(), table.clusters.tolist()
        ([0, 2], [-1, 0, 1])
        >>> table.counts.tolist()
        [[1, 1, 0], [0, 0, 1]]
    """
    known = classes >= 0
    if not known.any():
        return None
    clusters = np.unique(labels)
    class_indices, rows = np.unique(classes[known], return_inverse=True)
    counts = np.zeros((class_indices.size, clusters.size), dtype=np.int64)
    np.add.at(counts, (rows, np.searchsorted(clusters, labels[known])), 1)
    return Contingency(class_indices.astype(np.int32), clusters.astype(np.int32), counts)
