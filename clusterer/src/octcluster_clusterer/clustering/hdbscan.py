"""HDBSCAN: finds dense groups and their number, and leaves what lies between them as noise."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering import joining
from octcluster_clusterer.clustering.density_tree import find_dense_clusters
from octcluster_clusterer.clustering.spanning_tree import find_spanning_tree
from octcluster_clusterer.model import Algorithm

MIN_SAMPLES = 3
"""Members, itself among them, that make a member's surroundings dense.

A member's core distance is that to its second neighbour. (The package ``hdbscan`` does not count the member
itself and calls this 2.) On OCT features 5 leave nearly all images as noise.
"""
_BYTES_A_MEMBER = 2000


def cluster(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Finds dense clusters, and their number, without chance: ``n_clusters`` and ``seed`` change nothing.

    A cluster has at least max(5, 1% of the members) members. The same clusters as those of the package
    ``hdbscan``, but where distances are equal, in memory that grows with the number of members.

    Of more than ``joining.WHOLE_MEMBERS`` members a random sample, drawn by ``seed``, is clustered. Each
    other member joins its nearest sampled one. It is noise if that one is, or if it is farther from it than
    the sparsest member of that cluster has its second neighbour in the sample.

    References:
        Campello, Moulavi and Sander, "Density-based clustering based on hierarchical density estimates",
        PAKDD 2013, doi:10.1007/978-3-642-37456-2_14.
    """
    sample = joining.draw_clustered(len(vectors), seed)
    if sample is None:
        return _cluster_all(vectors, report_step)
    sampled = vectors[sample]
    labels = _cluster_all(sampled, report_step)
    joined = joining.join(vectors, sample, report_step, _find_reaches(sampled, labels, report_step))
    return np.where(joined < 0, -1, labels[joined]).astype(np.int32)


def _find_reaches(
    sampled: NDArray[np.float32], labels: NDArray[np.int32], report_step: Callable[[], None]
) -> NDArray[np.float64]:
    """The largest core distance in the cluster of each sampled member: float64, shape (n_sampled,)."""
    cores = np.empty(len(sampled))
    for rows, distances, _ in joining.find_nearest(sampled, sampled, MIN_SAMPLES, report_step):
        cores[rows] = distances[:, -1]
    largest = np.zeros(labels.max() + 2)
    np.maximum.at(largest, labels, cores)  # of noise, number -1, the last one
    return largest[labels]


def _cluster_all(vectors: NDArray[np.float32], report_step: Callable[[], None]) -> NDArray[np.int32]:
    """The dense clusters of all these members."""
    report_step()
    n_members = len(vectors)
    min_cluster_size = max(5, n_members // 100)
    if n_members < min_cluster_size:
        return np.full(n_members, -1, dtype=np.int32)
    tree = find_spanning_tree(vectors, MIN_SAMPLES, report_step)
    return find_dense_clusters(tree.left, tree.right, np.sqrt(tree.squared_weights), min_cluster_size)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: neighbours, edges and tables of every member."""
    n_clustered = joining.count_clustered(Algorithm.HDBSCAN, n_members)
    if n_clustered is None:
        return _BYTES_A_MEMBER * n_members
    return (_BYTES_A_MEMBER + 4 * dimension) * n_clustered + 16 * n_members
