"""Consensus between dimensions: what near-optimal K-means finds in fewer and in more components alike.

How many whitened components to keep decides much, and nothing in the vectors tells the right number: too few
lose the pathology, too many drown it in noise. So K-means by genetic search is done with 60%, with 80% and
with all of the components, and the three groupings vote. docs/recipe.md has the figures.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering import hg_means
from octcluster_clusterer.clustering.hg_means import SearchedClusters
from octcluster_clusterer.clustering.search_options import K_MEANS, SearchOptions
from octcluster_clusterer.preparation.fitted import scale_to_length
from octcluster_clusterer.scoring.agreement import adjusted_rand_index

SHARES_OF_COMPONENTS = (0.6, 0.8, 1.0)


def search(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> SearchedClusters:
    """Finds the grouping that agrees best with those of the leading components of each part.

    The leading components of each part are scaled to one length in every member. The consensus is K-means on
    the memberships of the groupings: the grouping with the highest mean category utility.

    References:
        Topchy, Jain and Punch, "Clustering ensembles: models of consensus and weak partitions", IEEE TPAMI
        27(12), 2005, doi:10.1109/TPAMI.2005.237.
        Wu et al., "K-means-based consensus clustering: a unified view", IEEE TKDE 27(1), 2015,
        doi:10.1109/TKDE.2014.2316512.
    """
    return search_shares(vectors, n_clusters, seed, report_step, part_dimensions)


def search_shares(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
    options: SearchOptions = K_MEANS,
) -> SearchedClusters:
    """Does what ``search`` does, with other options of the searches."""
    found: list[SearchedClusters] = []
    for share in SHARES_OF_COMPONENTS:
        leading = vectors if share == 1 else _take_leading(vectors, share, part_dimensions)
        found.append(hg_means.search(leading, n_clusters, seed, report_step, part_dimensions, options))
    groupings = [one.labels for one in found]
    memberships = np.concatenate(
        [labels[:, np.newaxis] == np.arange(n_clusters) for labels in groupings], axis=1, dtype=np.float32
    )
    memberships -= memberships.mean(axis=0)
    labels = hg_means.cluster(memberships, n_clusters, seed, report_step, (memberships.shape[1],))
    tables = [_count_members(first, second, n_clusters) for first, second in combinations(groupings, 2)]
    agreements = adjusted_rand_index(np.stack(tables))
    explained = [share for one in found for share in one.explained]
    sizes_count = options.size_weight > 0
    # Three vote, so the two that agree best decide.
    agreement = float(np.max(agreements) if sizes_count else np.mean(agreements))
    return SearchedClusters(labels, explained, agreement, sizes_count=sizes_count)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work beside the vectors, in bytes."""
    return n_members * dimension * 4 + hg_means.estimate_bytes(n_members, dimension)


def _count_members(
    first: NDArray[np.int32], second: NDArray[np.int32], n_clusters: int
) -> NDArray[np.float64]:
    """float64, shape (n_clusters, n_clusters): the members that two clusters of two groupings share."""
    table = np.zeros((n_clusters, n_clusters))
    np.add.at(table, (first, second), 1)
    return table


def _take_leading(
    vectors: NDArray[np.float32], share: float, part_dimensions: Sequence[int]
) -> NDArray[np.float32]:
    """Copies the leading components of each part, scaled to the root of their number."""
    ends = np.cumsum(part_dimensions)
    parts = []
    for end, dimension in zip(ends, part_dimensions, strict=True):
        count = max(1, round(share * dimension))
        part = vectors[:, end - dimension : end - dimension + count].copy()
        scale_to_length(part, float(np.sqrt(count)))
        parts.append(part)
    return np.concatenate(parts, axis=1)
