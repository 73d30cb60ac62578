"""The clustering algorithms, one file each. A new one: a file with ``cluster``, and a line in METHODS.

One that searches for an optimum has ``search_for_each`` in its place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering import (
    agglomerative,
    consensus,
    gmm,
    hdbscan,
    hg_means,
    kmeans,
    minibatch_kmeans,
    spectral,
    uneven_consensus,
)
from octcluster_clusterer.clustering.hg_means import SearchedClusters
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Algorithm


class ClusterFunction(Protocol):
    """What each algorithm's file offers."""

    def __call__(
        self,
        vectors: NDArray[np.float32],
        n_clusters: int,
        seed: int,
        report_step: Callable[[], None],
        part_dimensions: Sequence[int],
    ) -> NDArray[np.int32]:
        """Clusters vectors.

        Args:
            vectors: float32, shape (n_members, dimension), C-contiguous, mean 0 in each dimension, at least
                two different ones. May be changed for a while, but must be as before at the end, but for
                rounding.
            n_clusters: How many clusters to find, 2 to n_members - 1; 0 for an algorithm that finds the
                number.
            seed: Seed of every random choice.
            report_step: To be called as often as possible; what it raises must get through.
            part_dimensions: Number of values in each of the parts that stand side by side in a vector, for an
                algorithm that looks at each part; their sum is the dimension.

        Returns:
            Integers, shape (n_members,): equal for members of the same cluster, in any numbering; -1 for
            noise.
        """
        ...


class ClusterForEachFunction(Protocol):
    """What the file of an algorithm offers whose work is much the same for every number of clusters."""

    def __call__(
        self,
        vectors: NDArray[np.float32],
        cluster_counts: Sequence[int],
        seed: int,
        report_step: Callable[[], None],
    ) -> Iterator[NDArray[np.int32]]:
        """Clusters vectors once for each number of clusters, in turn, each time as ``cluster`` would."""
        ...


class SearchFunction(Protocol):
    """What the file of an algorithm offers that searches for the optimum of K-means."""

    def __call__(
        self,
        vectors: NDArray[np.float32],
        cluster_counts: Sequence[int],
        seed: int,
        report_step: Callable[[], None],
        part_dimensions: Sequence[int],
    ) -> Iterator[SearchedClusters]:
        """Clusters vectors for each number of clusters, and tells what the search tells of that number."""
        ...


@dataclass(frozen=True)
class Method:
    """One algorithm.

    Attributes:
        cluster: The function that groups vectors.
        finds_cluster_count: Whether it finds the number of clusters itself.
        search_for_each: The function that groups vectors and helps to choose the number of clusters, if there
            is one.
        cluster_for_each: The function for several numbers of clusters, where that saves work.
        estimate_bytes: Estimates the memory at work, beside the vectors, from the number of members and the
            dimension; see memory_estimate.py. None: a few numbers for each member.
    """

    cluster: ClusterFunction
    finds_cluster_count: bool = False
    search_for_each: SearchFunction | None = None
    cluster_for_each: ClusterForEachFunction | None = None
    estimate_bytes: Callable[[int, int], int] | None = None


def _searching(search_for_each: SearchFunction, estimate_bytes: Callable[[int, int], int]) -> Method:
    """An algorithm whose clusters are those that its search finds."""

    def cluster(
        vectors: NDArray[np.float32],
        n_clusters: int,
        seed: int,
        report_step: Callable[[], None],
        part_dimensions: Sequence[int],
    ) -> NDArray[np.int32]:
        return next(search_for_each(vectors, [n_clusters], seed, report_step, part_dimensions)).labels

    return Method(cluster, search_for_each=search_for_each, estimate_bytes=estimate_bytes)


METHODS: Mapping[Algorithm, Method] = MappingProxyType(
    {
        Algorithm.KMEANS: Method(kmeans.cluster),
        Algorithm.MINIBATCH_KMEANS: Method(
            minibatch_kmeans.cluster, estimate_bytes=minibatch_kmeans.estimate_bytes
        ),
        Algorithm.GMM: Method(gmm.cluster, estimate_bytes=gmm.estimate_bytes),
        Algorithm.SPECTRAL: Method(
            spectral.cluster,
            cluster_for_each=spectral.cluster_for_each,
            estimate_bytes=spectral.estimate_bytes,
        ),
        Algorithm.AGGLOMERATIVE: Method(
            agglomerative.cluster,
            cluster_for_each=agglomerative.cluster_for_each,
            estimate_bytes=agglomerative.estimate_bytes,
        ),
        Algorithm.HDBSCAN: Method(
            hdbscan.cluster, finds_cluster_count=True, estimate_bytes=hdbscan.estimate_bytes
        ),
        Algorithm.HG_MEANS: _searching(hg_means.search_for_each, hg_means.estimate_bytes),
        Algorithm.CONSENSUS: _searching(consensus.search_for_each, consensus.estimate_bytes),
        Algorithm.UNEVEN_CONSENSUS: _searching(
            uneven_consensus.search_for_each, uneven_consensus.estimate_bytes
        ),
    }
)


def find_clusters(
    algorithm: Algorithm,
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int] = (),
) -> NDArray[np.int32]:
    """Clusters vectors by an algorithm.

    Vectors that are all the same are one cluster, whatever was asked for; as many clusters as members are one
    for each.

    Args:
        algorithm: The algorithm.
        vectors: float32, shape (n_members, dimension), C-contiguous, mean 0 in each dimension.
        n_clusters: How many clusters to find; ignored by an algorithm that finds the number itself.
        seed: Seed of every random choice.
        report_step: Called between the algorithm's steps.
        part_dimensions: Number of values in each part of a vector; empty: a vector is one part.

    Returns:
        int32, shape (n_members,): -1 for noise, else clusters numbered from 0 by falling size (ties: by first
        member). There may be fewer than asked for.

    Raises:
        InvalidRequest: There are fewer members than clusters.
    """
    n_members, dimension = vectors.shape
    method = METHODS[algorithm]
    if not method.finds_cluster_count:
        check_cluster_count(n_clusters, n_members)
    if np.array_equal(vectors.min(axis=0), vectors.max(axis=0)):
        return np.zeros(n_members, dtype=np.int32)
    if n_clusters == n_members and not method.finds_cluster_count:
        return np.arange(n_members, dtype=np.int32)
    wanted = 0 if method.finds_cluster_count else n_clusters
    return number_by_size(method.cluster(vectors, wanted, seed, report_step, part_dimensions or (dimension,)))


def find_clusters_for_each(
    algorithm: Algorithm,
    vectors: NDArray[np.float32],
    cluster_counts: Sequence[int],
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int] = (),
) -> Iterator[tuple[NDArray[np.int32], SearchedClusters | None]]:
    """Clusters vectors once for each of several numbers of clusters, sharing what can be shared.

    Args:
        algorithm: The algorithm.
        vectors: As for ``find_clusters``.
        cluster_counts: The numbers of clusters.
        seed: Seed of every random choice.
        report_step: Called between the algorithm's steps.
        part_dimensions: As for ``find_clusters``.

    Yields:
        For each number what ``find_clusters`` returns, and what the search for it told, if it was one.

    Raises:
        InvalidRequest: There are fewer members than clusters.
    """
    method = METHODS[algorithm]
    varies = not np.array_equal(vectors.min(axis=0), vectors.max(axis=0))
    is_regular = varies and max(cluster_counts) < len(vectors)
    if is_regular and method.search_for_each:
        parts = part_dimensions or (vectors.shape[1],)
        for found in method.search_for_each(vectors, cluster_counts, seed, report_step, parts):
            yield number_by_size(found.labels), found
    elif is_regular and method.cluster_for_each:
        for labels in method.cluster_for_each(vectors, cluster_counts, seed, report_step):
            yield number_by_size(labels), None
    else:
        for n_clusters in cluster_counts:
            yield find_clusters(algorithm, vectors, n_clusters, seed, report_step, part_dimensions), None


def check_cluster_count(n_clusters: int, n_members: int) -> None:
    """Checks that there are enough members.

    Raises:
        InvalidRequest: There are fewer members than clusters.
    """
    if n_members < n_clusters:
        raise InvalidRequest(
            f"{n_clusters} clusters need at least {n_clusters} images; there are {n_members}"
        )


def number_by_size(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Numbers clusters from 0 by falling size (ties: by first member): equal groupings get equal labels.

    Args:
        labels: Integers, shape (n_members,); -1 for noise.

    Returns:
        int32, shape (n_members,): -1 for noise, as before.
    """
    clusters, first_members, sizes = np.unique(labels, return_index=True, return_counts=True)
    is_cluster = clusters >= 0
    clusters, first_members, sizes = clusters[is_cluster], first_members[is_cluster], sizes[is_cluster]
    order = np.lexsort((first_members, -sizes))
    numbered = np.full(len(labels), -1, dtype=np.int32)
    new_numbers = np.empty(clusters.size, dtype=np.int32)
    new_numbers[order] = np.arange(clusters.size, dtype=np.int32)
    found = np.asarray(labels) >= 0
    numbered[found] = new_numbers[np.searchsorted(clusters, np.asarray(labels)[found])]
    return numbered
