"""The clustering algorithms, one file each. A new one: a file with ``cluster``, and a line in METHODS.

One that searches for an optimum has ``search_for_each`` in its place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

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
from octcluster_clusterer.clustering.method import (
    ClusterFunction,
    ClusterHereFunction,
    Method,
    SearchFunction,
)
from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Algorithm
from octcluster_clusterer.preparation.block_steps import join_columns, measure_columns


def _searching(search_for_each: SearchFunction, estimate_bytes: Callable[[int, int], int]) -> Method:
    """An algorithm whose clusters are those that its search finds."""

    def cluster(
        blocks: Blocks,
        n_clusters: int,
        seed: int,
        report_step: Callable[[], None],
        part_dimensions: Sequence[int],
    ) -> NDArray[np.int32]:
        return next(search_for_each(blocks, [n_clusters], seed, report_step, part_dimensions)).labels

    return Method(cluster, search_for_each=search_for_each, estimate_bytes=estimate_bytes)


def _here(cluster: ClusterHereFunction) -> ClusterFunction:
    """Has an algorithm that needs all vectors get them in the memory of this process."""

    def cluster_here(
        blocks: Blocks,
        n_clusters: int,
        seed: int,
        report_step: Callable[[], None],
        part_dimensions: Sequence[int],
    ) -> NDArray[np.int32]:
        return cluster(blocks.bring(report_step), n_clusters, seed, report_step, part_dimensions)

    return cluster_here


METHODS: Mapping[Algorithm, Method] = MappingProxyType(
    {
        Algorithm.KMEANS: Method(kmeans.cluster),
        Algorithm.MINIBATCH_KMEANS: Method(
            minibatch_kmeans.cluster, estimate_bytes=minibatch_kmeans.estimate_bytes
        ),
        Algorithm.GMM: Method(gmm.cluster, estimate_bytes=gmm.estimate_bytes),
        Algorithm.SPECTRAL: Method(
            _here(spectral.cluster),
            needs_all=True,
            cluster_for_each=spectral.cluster_for_each,
            estimate_bytes=spectral.estimate_bytes,
        ),
        Algorithm.AGGLOMERATIVE: Method(
            _here(agglomerative.cluster),
            needs_all=True,
            cluster_for_each=agglomerative.cluster_for_each,
            estimate_bytes=agglomerative.estimate_bytes,
        ),
        Algorithm.HDBSCAN: Method(
            _here(hdbscan.cluster),
            needs_all=True,
            finds_cluster_count=True,
            estimate_bytes=hdbscan.estimate_bytes,
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
    blocks: Blocks,
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
        blocks: The vectors, mean 0 in each dimension; left as they are.
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
    n_members = blocks.n_rows
    method = METHODS[algorithm]
    if not method.finds_cluster_count:
        check_cluster_count(n_clusters, n_members)
    if not _vary(blocks, report_step):
        return np.zeros(n_members, dtype=np.int32)
    if n_clusters == n_members and not method.finds_cluster_count:
        return np.arange(n_members, dtype=np.int32)
    wanted = 0 if method.finds_cluster_count else n_clusters
    parts = part_dimensions or (blocks.dimension,)
    return number_by_size(method.cluster(blocks, wanted, seed, report_step, parts))


def find_clusters_for_each(
    algorithm: Algorithm,
    blocks: Blocks,
    cluster_counts: Sequence[int],
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int] = (),
) -> Iterator[tuple[NDArray[np.int32], SearchedClusters | None]]:
    """Clusters vectors once for each of several numbers of clusters, sharing what can be shared.

    Args:
        algorithm: The algorithm.
        blocks: As for ``find_clusters``.
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
    is_regular = max(cluster_counts) < blocks.n_rows and _vary(blocks, report_step)
    if is_regular and method.search_for_each:
        parts = part_dimensions or (blocks.dimension,)
        for found in method.search_for_each(blocks, cluster_counts, seed, report_step, parts):
            yield number_by_size(found.labels), found
    elif is_regular and method.cluster_for_each:
        vectors = blocks.bring(report_step)
        for labels in method.cluster_for_each(vectors, cluster_counts, seed, report_step):
            yield number_by_size(labels), None
    else:
        for n_clusters in cluster_counts:
            yield find_clusters(algorithm, blocks, n_clusters, seed, report_step, part_dimensions), None


def _vary(blocks: Blocks, report_step: Callable[[], None]) -> bool:
    """Whether there are two different vectors."""
    columns = blocks.reduce(measure_columns, join_columns, report_step=report_step)
    return not np.array_equal(columns.smallest, columns.largest)


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
