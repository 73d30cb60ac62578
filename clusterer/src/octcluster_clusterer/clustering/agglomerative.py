"""Agglomerative clustering: joins the two clusters whose union spreads least, until enough are left."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from octcluster_clusterer.clustering.pair_distances import PairDistances
from octcluster_clusterer.tiles import map_in_order, upper_tiles


@dataclass(frozen=True)
class JoinTree:
    """All joins, the one that spreads least first.

    Attributes:
        kept: intp, shape (n_members - 1,): a member of one of the two clusters of each join.
        joined: intp, shape (n_members - 1,): a member of the other.
    """

    kept: NDArray[np.intp]
    joined: NDArray[np.intp]

    def cut(self, n_clusters: int) -> NDArray[np.int32]:
        """Goes along the joins until so many clusters are left: int32, shape (n_members,)."""
        n_members = self.kept.size + 1
        count = n_members - n_clusters
        graph = coo_array(
            (np.ones(count), (self.kept[:count], self.joined[:count])), shape=(n_members, n_members)
        )
        return connected_components(graph, directed=False)[1]


def cluster(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Joins clusters by Ward's criterion. There is no chance in it: ``seed`` changes nothing.

    References:
        Ward, "Hierarchical grouping to optimize an objective function", 1963, doi:10.2307/2282967.
    """
    return build_tree(vectors, report_step).cut(n_clusters)


def cluster_for_each(
    vectors: NDArray[np.float32], cluster_counts: Sequence[int], seed: int, report_step: Callable[[], None]
) -> Iterator[NDArray[np.int32]]:
    """Like ``cluster``, for several numbers of clusters from one tree."""
    tree = build_tree(vectors, report_step)
    for n_clusters in cluster_counts:
        yield tree.cut(n_clusters)


def build_tree(vectors: NDArray[np.float32], report_step: Callable[[], None]) -> JoinTree:
    """Joins members until one cluster is left.

    Follows each cluster to its nearest one until two are nearest to each other, which can be joined whatever
    else is joined first; distances to the union come from those to its parts.

    References:
        Murtagh and Contreras, "Algorithms for hierarchical clustering: an overview", 2012,
        doi:10.1002/widm.53; the update is that of Lance and Williams, 1967, doi:10.1093/comjnl/9.4.373.
    """
    n_members = len(vectors)
    spreads = _square_distances(vectors, report_step)  # of two clusters: twice what their union adds
    sizes = np.ones(n_members)
    gone = np.zeros(n_members)  # infinite for a cluster that has been joined to another
    chain: list[int] = []
    joins = np.empty((n_members - 1, 2), dtype=np.intp)
    heights = np.empty(n_members - 1)
    for step in range(n_members - 1):
        report_step()
        if not chain:
            chain.append(int(gone.argmin()))
        while True:
            last = chain[-1]
            row = spreads[last] + gone
            nearest = int(row.argmin())
            if len(chain) > 1 and row[chain[-2]] <= row[nearest]:
                break
            chain.append(nearest)
        kept, joined = chain[-2], last
        del chain[-2:]
        joins[step], heights[step] = (kept, joined), row[kept]
        union = sizes + sizes[kept] + sizes[joined]
        merged = (sizes + sizes[kept]) * spreads[kept] + (sizes + sizes[joined]) * spreads[joined]
        merged = (merged - sizes * heights[step]) / union
        merged[kept] = np.inf
        spreads[kept], spreads[:, kept] = merged, merged
        sizes[kept] += sizes[joined]
        gone[joined] = np.inf
    order = np.argsort(heights, kind="stable")
    return JoinTree(joins[order, 0], joins[order, 1])


def _square_distances(vectors: NDArray[np.float32], report_step: Callable[[], None]) -> NDArray[np.float64]:
    """float64, shape (n_members, n_members): squared distances, infinite of a member to itself."""
    pairs = PairDistances(vectors)
    everything = np.arange(len(vectors))
    squared = np.empty((len(vectors), len(vectors)))
    tiles = upper_tiles(len(vectors))
    for (rows, columns), tile in map_in_order(
        lambda tile: pairs.bound_tile(everything[tile[0]], everything[tile[1]], precise=True), tiles
    ):
        squared[rows, columns] = tile
        squared[columns, rows] = tile.T
        report_step()
    np.fill_diagonal(squared, np.inf)
    return squared


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: the distances of all pairs, in double precision."""
    return 8 * n_members**2
