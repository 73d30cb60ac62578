"""Matches classes and clusters one to one, as the accuracy counts them."""

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.model import Contingency


def match(table: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Matches classes and clusters one to one so that most members lie in the cluster of their class.

    Of equally good matches, equal tables give the same one. A class and a cluster that share no member are
    not matched.

    Args:
        table: float64, shape (n_classes, n_clusters): the counts without noise.

    Returns:
        Rows and columns that match, each int64, shape (n_matches,), by rising row.

    References:
        Crouse, "On implementing 2D rectangular assignment algorithms", 2016, doi:10.1109/TAES.2016.140952, as
        ``scipy.optimize.linear_sum_assignment``.

    Examples:
        >>> rows, columns = match(np.array([[3.0, 4.0, 0.0], [0.0, 9.0, 0.0]]))
        >>> rows.tolist(), columns.tolist()
        ([0, 1], [0, 1])
    """
    # Imported here: it takes a fifth of a server's start, which needs it not yet.
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    rows, columns = linear_sum_assignment(table, maximize=True)
    counted = table[rows, columns] > 0
    return rows[counted], columns[counted]


def match_classes(contingency: Contingency | None) -> NDArray[np.int32]:
    """Finds the class that each cluster stands for.

    Args:
        contingency: Members by class and cluster; None if no class is known.

    Returns:
        int32, shape (n_clusters,): class indices, -1 for a cluster that stands for no class; empty if no
        class is known. Noise is no cluster.

    Examples:
        >>> clusters = np.array([-1, 0, 1, 2])
        >>> counts = np.array([[7, 3, 4, 0], [0, 0, 9, 0]])
        >>> match_classes(Contingency(np.array([0, 2]), clusters, counts)).tolist()
        [0, 2, -1]
    """
    if contingency is None:
        return np.empty(0, dtype=np.int32)
    counts = contingency.counts[:, contingency.clusters >= 0].astype(np.float64)
    rows, columns = match(counts)
    classes = np.full(counts.shape[1], -1, dtype=np.int32)
    classes[columns] = contingency.class_indices[rows]
    return classes
