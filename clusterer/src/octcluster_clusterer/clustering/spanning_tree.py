"""The minimum spanning tree of mutual reachability, exactly, in memory that grows with the number of vectors.

The mutual reachability of two vectors is the largest of their distance and their two core distances. A tree
of short edges comes from the nearest neighbours. Then one pass over all pairs looks for edges that are
shorter than the longest edge on the tree's way between their ends: with these, and no others, the tree can be
improved (the cycle property of minimum spanning trees). What a whole tile of pairs can reach is bounded by
way of one vector between them, since the longest edges on a tree's ways are ultrametric; so the pass costs
hardly more than the matrix products, and memory is needed only for the few edges that it finds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree

from octcluster_clusterer.clustering.neighbors import find_neighbors
from octcluster_clusterer.clustering.pair_distances import Indices, PairDistances
from octcluster_clusterer.tiles import TILE_SIDE, map_in_order, slices

NEIGHBORS = 8
"""Neighbours that the first tree is made of."""
_FIRST_BATCHES = 64
"""The first batch is this part of all tiles, and each further one twice as large as the one before."""
_MAX_EDGES = 8192
"""A tile with more edges than this gives only the best of each vector, and is looked at again later."""
_PRECISE_ROUND = 2
"""From this time on a tile is computed in double precision."""
_LAST_ROUND = 4
"""From this time on a tile gives all its edges, however many."""


@dataclass(frozen=True)
class Edges:
    """Edges between vectors.

    Attributes:
        left: intp, shape (n_edges,): one end, the smaller index.
        right: intp, shape (n_edges,): the other end.
        squared_distances: float64, shape (n_edges,): between the ends.
        squared_weights: float64, shape (n_edges,): the squared mutual reachability.
    """

    left: Indices
    right: Indices
    squared_distances: NDArray[np.float64]
    squared_weights: NDArray[np.float64]

    def take(self, positions: NDArray[np.integer]) -> "Edges":
        """Picks edges by position."""
        return Edges(
            self.left[positions],
            self.right[positions],
            self.squared_distances[positions],
            self.squared_weights[positions],
        )


def find_spanning_tree(
    vectors: NDArray[np.float32], min_samples: int, report_step: Callable[[], None]
) -> Edges:
    """Finds a minimum spanning tree of the vectors under mutual reachability.

    Among edges of the same weight the shorter one is preferred, then the one between smaller indices.

    Args:
        vectors: float32, shape (n_vectors, dimension), mean 0 in each dimension, n_vectors > min_samples.
        min_samples: A vector's core distance is that to its neighbour of this rank, itself being the first;
            at least 2.
        report_step: Called often.

    Returns:
        n_vectors - 1 edges, the shortest first.

    References:
        Campello, Moulavi, Zimek and Sander, "Hierarchical density estimates for data clustering,
        visualization, and outlier detection", TKDD 2015, doi:10.1145/2733381.
    """
    n_vectors = len(vectors)
    pairs = PairDistances(vectors)
    n_neighbors = min(max(NEIGHBORS, min_samples - 1), n_vectors - 1)
    neighbors = find_neighbors(pairs, n_neighbors, min_samples - 1, report_step)
    squared_cores = neighbors.squared_distances[:, min_samples - 2].copy()
    edges = _join(
        np.repeat(np.arange(n_vectors), n_neighbors),
        neighbors.indices.ravel(),
        neighbors.squared_distances.ravel(),
        squared_cores,
    )
    search = _ShorterEdges(pairs, squared_cores, _reduce_to_tree(edges, n_vectors))
    search.run(report_step)
    return search.tree


def _join(
    left: Indices, right: Indices, squared: NDArray[np.float64], squared_cores: NDArray[np.float64]
) -> Edges:
    weights = np.maximum(squared, np.maximum(squared_cores[left], squared_cores[right]))
    return Edges(np.minimum(left, right), np.maximum(left, right), squared, weights)


def _reduce_to_tree(edges: Edges, n_vectors: int) -> Edges:
    """Keeps the edges of the minimum spanning tree (or of one for each part), the shortest first."""
    _, first = np.unique(edges.left * n_vectors + edges.right, return_index=True)
    edges = edges.take(first)
    edges = edges.take(np.lexsort((edges.right, edges.left, edges.squared_distances, edges.squared_weights)))
    ranks = np.arange(1.0, edges.left.size + 1)  # weights that are all different, and none of them 0
    graph = csr_array((ranks, (edges.left, edges.right)), shape=(n_vectors, n_vectors))
    return edges.take(np.sort(minimum_spanning_tree(graph).data).astype(np.intp) - 1)


class _ShorterEdges:
    """The search for edges that make a spanning tree shorter."""

    def __init__(self, pairs: PairDistances, squared_cores: NDArray[np.float64], tree: Edges) -> None:
        self.tree = tree
        self._pairs = pairs
        self._squared_cores = squared_cores
        self._heights = JoinHeights(tree, len(squared_cores))
        self._blocks: list[Indices] = []
        self._round = 0

    def run(self, report_step: Callable[[], None]) -> None:
        """Improves the tree until no edge of any pair of vectors can make it shorter."""
        order = self._heights.order
        self._blocks = [order[part] for part in slices(order.size, TILE_SIDE)]
        n_blocks = len(self._blocks)
        pending = [(i, j) for i in range(n_blocks) for j in range(i, n_blocks)]
        # In random order the first batches already see every part of the data, and join what is apart.
        np.random.default_rng(0).shuffle(pending)
        while pending:
            pending = self._pass_over(pending, report_step)
            self._round += 1

    def _pass_over(
        self, tiles: list[tuple[int, int]], report_step: Callable[[], None]
    ) -> list[tuple[int, int]]:
        """Looks at tiles once, with the tree fixed during each batch; returns those to look at again."""
        unfinished: list[tuple[int, int]] = []
        found: list[Edges] = []
        start, size = 0, -(-len(tiles) // _FIRST_BATCHES)
        while start < len(tiles):
            for tile, (edges, complete) in map_in_order(self._search_tile, tiles[start : start + size]):
                found.append(edges)
                if not complete:
                    unfinished.append(tile)
                report_step()
            start, size = start + size, 2 * size
            # A tree that few edges can improve serves well enough as it is for the rest of the pass.
            n_found = sum(edges.left.size for edges in found)
            if n_found > len(self._squared_cores) // 20 or (n_found and start >= len(tiles)):
                self._improve(found)
                found = []
        return unfinished

    def _improve(self, found: list[Edges]) -> None:
        together = [self.tree, *found]
        names = Edges.__dataclass_fields__
        edges = Edges(*(np.concatenate([getattr(part, name) for part in together]) for name in names))
        self.tree = _reduce_to_tree(edges, len(self._squared_cores))
        self._heights = JoinHeights(self.tree, len(self._squared_cores))

    def _search_tile(self, tile: tuple[int, int]) -> tuple[Edges, bool]:
        """Finds the pairs of a tile that are shorter than the tree's way; False if only the best of them."""
        rows, columns = self._blocks[tile[0]], self._blocks[tile[1]]
        bounds = self._pairs.bound_tile(rows, columns, precise=self._round >= _PRECISE_ROUND)
        if tile[0] == tile[1]:
            np.fill_diagonal(bounds, np.inf)
        between = columns[self._squared_cores[columns].argmin()]
        reach_of_rows = self._heights.find(rows, np.full(rows.size, between))
        reach_of_columns = self._heights.find(columns, np.full(columns.size, between))
        row, column = _find_under(bounds, reach_of_rows)
        if tile[0] != tile[1]:
            other_column, other_row = _find_under(bounds.T, reach_of_columns)
            new = bounds[other_row, other_column] >= reach_of_rows[other_row]
            row, column = np.append(row, other_row[new]), np.append(column, other_column[new])
        left, right = rows[row], columns[column]
        squared = bounds[row, column].astype(np.float64)
        weights = np.maximum(squared, np.maximum(self._squared_cores[left], self._squared_cores[right]))
        chosen = np.flatnonzero(weights < self._heights.find(left, right))
        complete = chosen.size <= _MAX_EDGES or self._round >= _LAST_ROUND
        if not complete:
            by_weight = chosen[np.lexsort((column[chosen], row[chosen], weights[chosen]))]
            first_of_row = by_weight[np.unique(row[by_weight], return_index=True)[1]]
            first_of_column = by_weight[np.unique(column[by_weight], return_index=True)[1]]
            chosen = np.union1d(first_of_row, first_of_column)
        left, right = left[chosen], right[chosen]
        edges = _join(left, right, self._pairs.measure(left, right), self._squared_cores)
        shorter = edges.squared_weights < self._heights.find(left, right)
        return edges.take(np.flatnonzero(shorter)), complete


def _find_under(values: NDArray[np.floating], limits: NDArray[np.float64]) -> tuple[Indices, Indices]:
    """Finds (row, column) of the values under their row's limit."""
    hit = np.flatnonzero(values.min(axis=1) < limits)
    row, column = np.nonzero(values[hit] < limits[hit, np.newaxis])
    return hit[row], column


class JoinHeights:
    """The longest edge on the way between any two vectors in a tree (or forest), found in constant time.

    The vectors are put in an order in which each part that a longest edge leaves whole stands together. Then
    the longest edge between two is the highest of the gaps between their places, and a table holds the
    highest of every 1, 2, 4, 8... gaps in a row.
    """

    def __init__(self, tree: Edges, n_vectors: int) -> None:
        """Takes the tree's edges, shortest first."""
        self.order, gaps = _line_up(tree, n_vectors)
        self._places = np.empty(n_vectors, dtype=np.intp)
        self._places[self.order] = np.arange(n_vectors)
        levels = [gaps]
        while 2 ** len(levels) <= n_vectors:
            last, step = levels[-1], 2 ** (len(levels) - 1)
            levels.append(np.append(np.maximum(last[:-step], last[step:]), last[-step:]))
        self._table = np.vstack(levels)

    def find(self, left: Indices, right: Indices) -> NDArray[np.float64]:
        """Finds the squared weight of the longest edge between pairs: 0 for the same one, inf if apart."""
        places = self._places[left], self._places[right]
        start, stop = np.minimum(*places), np.maximum(*places)
        level = np.frexp(np.maximum(stop - start, 1))[1] - 1
        highest = np.maximum(self._table[level, start], self._table[level, stop - (1 << level)])
        return np.where(start == stop, 0.0, highest)


def _line_up(tree: Edges, n_vectors: int) -> tuple[Indices, NDArray[np.float64]]:
    """Joins rows of vectors, each named for its first: the order in the end, and the gap after each place."""
    parents, lasts, followers = list(range(n_vectors)), list(range(n_vectors)), [-1] * n_vectors
    gaps = [np.inf] * n_vectors
    sizes = [1] * n_vectors

    def find_head(vector: int) -> int:
        while parents[vector] != vector:
            parents[vector] = parents[parents[vector]]
            vector = parents[vector]
        return vector

    for left, right, weight in zip(
        tree.left.tolist(), tree.right.tolist(), tree.squared_weights.tolist(), strict=True
    ):
        head, tail = find_head(left), find_head(right)
        if sizes[head] < sizes[tail]:
            head, tail = tail, head
        followers[lasts[head]], gaps[lasts[head]] = tail, weight
        lasts[head] = lasts[tail]
        sizes[head] += sizes[tail]
        parents[tail] = head
    order = []
    for first in range(n_vectors):
        if parents[first] == first:
            vector = first
            while vector >= 0:
                order.append(vector)
                vector = followers[vector]
    lined_up = np.array(order, dtype=np.intp)
    return lined_up, np.array(gaps)[lined_up]
