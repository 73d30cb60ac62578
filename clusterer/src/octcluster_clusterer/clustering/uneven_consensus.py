"""Consensus for uneven clusters: neighbours tell what to look away from, and sizes may differ.

Two things are done otherwise than in ``consensus``. Each part is whitened between members that are neighbours
by the other parts (``neighbor_whitening``). And the searches do not take clusters to be of one size
(``cluster_sizes``). Smaller populations find the same optima here, in a third of the time. docs/recipe.md has
the figures.
"""

from collections.abc import Callable, Iterator, Sequence

from octcluster_clusterer.clustering import consensus, neighbor_whitening
from octcluster_clusterer.clustering.hg_means import SearchedClusters
from octcluster_clusterer.clustering.search_options import SearchOptions
from octcluster_clusterer.engine.blocks import Blocks

SIZE_WEIGHT = 4.0
"""What a member's log share is worth, with variance 1 in each dimension: 2 if all of them are independent.

Layers and views of one image repeat each other, as if each fact was told about twice.
"""
_DIMENSIONS_A_UNIT = 24
"""Fewer dimensions hold less than the log share of an empty cluster is worth: the weight falls with them."""


def search_for_each(
    blocks: Blocks,
    cluster_counts: Sequence[int],
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> Iterator[SearchedClusters]:
    """Does what ``consensus.search_for_each`` does, with neighbours and sizes."""
    whitened = neighbor_whitening.whiten_between_neighbors(blocks, part_dimensions, seed, report_step)
    weight = min(SIZE_WEIGHT, blocks.dimension / _DIMENSIONS_A_UNIT)
    options = SearchOptions(weight, population=16, children=8, patience=5)
    yield from consensus.search_for_each(
        whitened, cluster_counts, seed, report_step, part_dimensions, options
    )


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work beside the vectors, in bytes."""
    searched = min(n_members, neighbor_whitening.SEARCHED_MEMBERS)
    pairs = searched * searched * (4 + 4 + 4 + 1)
    copy = n_members * dimension * 4
    return copy + max(pairs, consensus.estimate_bytes(n_members, dimension))
