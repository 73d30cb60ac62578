"""Consensus between dimensions: what near-optimal K-means finds in fewer and in more components alike.

How many whitened components to keep decides much, and nothing in the vectors tells the right number: too few
lose the pathology, too many drown it in noise. So K-means by genetic search is done with 60%, with 80% and
with all of the components, and the three groupings vote. docs/recipe.md has the figures.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering import hg_means
from octcluster_clusterer.clustering.hg_means import SearchedClusters
from octcluster_clusterer.clustering.search_options import K_MEANS, SearchOptions
from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.preparation.fitted import scale_to_length
from octcluster_clusterer.preparation.part import cut_parts
from octcluster_clusterer.scoring.agreement import adjusted_rand_index

SHARES_OF_COMPONENTS = (0.6, 0.8, 1.0)


def search_for_each(
    blocks: Blocks,
    cluster_counts: Sequence[int],
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
    options: SearchOptions = K_MEANS,
) -> Iterator[SearchedClusters]:
    """Finds the groupings that agree best with those of the leading components of each part.

    The leading components of each part are scaled to one length in every member. The consensus is K-means on
    the memberships of the groupings: the grouping with the highest mean category utility.

    Args:
        blocks: The vectors.
        cluster_counts: The numbers of clusters.
        seed: Seed of every search.
        report_step: Called often.
        part_dimensions: Number of values in each part.
        options: How to search.

    Yields:
        One consensus for each number of clusters, in turn.

    References:
        Topchy, Jain and Punch, "Clustering ensembles: models of consensus and weak partitions", IEEE TPAMI
        27(12), 2005, doi:10.1109/TPAMI.2005.237.
        Wu et al., "K-means-based consensus clustering: a unified view", IEEE TKDE 27(1), 2015,
        doi:10.1109/TKDE.2014.2316512.
    """
    shares = [
        blocks if share == 1 else _derive_leading(blocks, share, part_dimensions, report_step)
        for share in SHARES_OF_COMPONENTS
    ]
    for n_clusters in cluster_counts:
        found = [
            hg_means.search(leading, n_clusters, seed, report_step, part_dimensions, options)
            for leading in shares
        ]
        yield _vote(found, n_clusters, seed, report_step, sizes_count=options.size_weight > 0)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work beside the vectors, in bytes."""
    copies = int(sum(share for share in SHARES_OF_COMPONENTS if share < 1) * n_members * dimension * 4)
    return copies + hg_means.estimate_bytes(n_members, dimension)


def _vote(
    found: Sequence[SearchedClusters],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    *,
    sizes_count: bool,
) -> SearchedClusters:
    """The consensus of what was found."""
    groupings = [one.labels for one in found]
    memberships = np.concatenate(
        [labels[:, np.newaxis] == np.arange(n_clusters) for labels in groupings], axis=1, dtype=np.float32
    )
    memberships -= memberships.mean(axis=0)
    labels = hg_means.cluster(
        MemoryBlocks(memberships), n_clusters, seed, report_step, (memberships.shape[1],)
    )
    tables = [_count_members(first, second, n_clusters) for first, second in combinations(groupings, 2)]
    agreements = adjusted_rand_index(np.stack(tables))
    explained = [share for one in found for share in one.explained]
    # Where sizes count, three vote, and the two that agree best decide.
    agreement = float(np.max(agreements) if sizes_count else np.mean(agreements))
    return SearchedClusters(labels, explained, agreement, sizes_count=sizes_count)


def _count_members(
    first: NDArray[np.int32], second: NDArray[np.int32], n_clusters: int
) -> NDArray[np.float64]:
    """float64, shape (n_clusters, n_clusters): the members that two clusters of two groupings share."""
    table = np.zeros((n_clusters, n_clusters))
    np.add.at(table, (first, second), 1)
    return table


def _derive_leading(
    blocks: Blocks, share: float, part_dimensions: Sequence[int], report_step: Callable[[], None]
) -> Blocks:
    leading = [
        slice(part.start, part.start + max(1, round(share * dimension)))
        for part, dimension in zip(cut_parts(part_dimensions), part_dimensions, strict=True)
    ]
    width = sum(part.stop - part.start for part in leading)
    return blocks.derive(take_leading, leading, width=width, report_step=report_step)


def take_leading(
    block: NDArray[np.float32], leading: Sequence[slice], *, report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """Copies the leading components of each part of a block, scaled to the root of their number."""
    parts = []
    for columns in leading:
        part = block[:, columns].copy()
        scale_to_length(part, float(np.sqrt(part.shape[1])), report_step)
        parts.append(part)
    return np.concatenate(parts, axis=1)
