"""The nearest neighbours of every vector, exactly, in memory that grows with the number of vectors."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from octcluster_clusterer.clustering.pair_distances import Indices, PairDistances
from octcluster_clusterer.tiles import TILE_SIDE, map_in_order, slices

_SAMPLE = 512
_AXES = 16

Keys = NDArray[np.uint64]
"""A bound and an index in one number: the bits of the float32 bound (which is not negative), then the index.
Their order is that of the bounds, among equals that of the indices: the same list whoever comes first."""


@dataclass(frozen=True)
class Neighbors:
    """Near vectors of every vector.

    Attributes:
        indices: intp, shape (n_vectors, n_neighbors): the neighbours, nearest first; not the vector itself.
        squared_distances: float64, of the same shape.
    """

    indices: Indices
    squared_distances: NDArray[np.float64]


def find_neighbors(
    pairs: PairDistances, n_neighbors: int, n_exact: int, report_step: Callable[[], None]
) -> Neighbors:
    """Finds neighbours of every vector: the nearest few for certain, the others nearly so.

    Args:
        pairs: The vectors.
        n_neighbors: How many neighbours to list, at most n_vectors - 1.
        n_exact: So many of them are certain to be the nearest ones (among equals: any).
        report_step: Called often.

    Returns:
        The neighbours.
    """
    n_vectors = len(pairs.vectors)
    order = order_by_place(pairs.vectors)
    blocks = [order[part] for part in slices(n_vectors, TILE_SIDE)]
    nearest = _NearestKeys(n_vectors, n_neighbors)

    def find_near(tile: tuple[int, int]) -> list[tuple[Indices, Keys]]:
        rows, columns = blocks[tile[0]], blocks[tile[1]]
        bounds = pairs.bound_tile(rows, columns)
        if tile[0] == tile[1]:
            np.fill_diagonal(bounds, np.inf)
            return [nearest.select(bounds, rows, columns)]
        return [nearest.select(bounds, rows, columns), nearest.select(bounds.T, columns, rows)]

    # From the diagonal outwards: near blocks first, and few vectors of later ones are near enough.
    tiles = [(i, i + offset) for offset in range(len(blocks)) for i in range(len(blocks) - offset)]
    for _, found in map_in_order(find_near, tiles):
        for rows, keys in found:
            nearest.add(rows, keys)
        report_step()
    indices = nearest.indices
    squared = _measure_neighbors(pairs, indices, report_step)
    unproven = np.flatnonzero((squared[:, n_exact - 1] > nearest.limits) & (squared[:, n_exact - 1] > 0))
    for part in slices(unproven.size, TILE_SIDE):
        rows = unproven[part]
        indices[rows], squared[rows] = _search_precisely(pairs, rows, n_neighbors, report_step)
    return Neighbors(indices, squared)


def order_by_place(vectors: NDArray[np.float32]) -> Indices:
    """Orders vectors so that near ones mostly stand near: halved again and again along the widest axis.

    The axes are the principal ones of a sample of the vectors.
    """
    sample = vectors[:: len(vectors) // _SAMPLE + 1]
    largest = [max(0, len(sample) - _AXES), len(sample) - 1]
    axes = sample.T @ scipy.linalg.eigh(sample @ sample.T, subset_by_index=largest)[1]
    places = np.vstack([vectors[rows] @ axes for rows in slices(len(vectors), 4096)])
    parts = [np.arange(len(vectors))]
    while len(parts[0]) > TILE_SIDE:
        halves = []
        for part in parts:
            widest = int(np.ptp(places[part], axis=0).argmax())
            middle = part.size // 2
            turned = part[np.argpartition(places[part, widest], middle)]
            halves += [turned[:middle], turned[middle:]]
        parts = halves
    return np.concatenate(parts)


class _NearestKeys:
    """The nearest neighbours found so far of every vector."""

    def __init__(self, n_vectors: int, n_neighbors: int) -> None:
        self._keys: Keys = np.full((n_vectors, n_neighbors), np.iinfo(np.uint64).max, dtype=np.uint64)
        self.limits: NDArray[np.float32] = np.full(n_vectors, np.inf, dtype=np.float32)
        """float32, shape (n_vectors,): the bound of the last one listed."""

    @property
    def indices(self) -> Indices:
        """intp, shape (n_vectors, n_neighbors)."""
        return (self._keys & np.uint64(0xFFFFFFFF)).astype(np.intp)

    def select(self, bounds: NDArray[np.floating], rows: Indices, columns: Indices) -> tuple[Indices, Keys]:
        """Picks what may belong into the lists: the rows concerned, and keys padded with the largest."""
        limits = self.limits[rows]
        hit = np.flatnonzero(bounds.min(axis=1) <= limits)
        near = np.ascontiguousarray(bounds[hit])
        limits = limits[hit]
        n_neighbors = self._keys.shape[1]
        if columns.size > n_neighbors:
            loose = np.flatnonzero(np.isinf(limits))
            limits[loose] = np.partition(near[loose], n_neighbors - 1, axis=1)[:, n_neighbors - 1]
        flat = np.flatnonzero(near <= limits[:, np.newaxis])
        row, column = np.divmod(flat, columns.size)
        counts = np.bincount(row, minlength=hit.size)
        keys = np.full((hit.size, counts.max(initial=0)), np.iinfo(np.uint64).max, dtype=np.uint64)
        place = np.arange(flat.size) - np.repeat(np.cumsum(counts) - counts, counts)
        values = np.maximum(near.ravel()[flat], np.float32(0))
        bits = values.view(np.uint32).astype(np.uint64)
        keys[row, place] = (bits << np.uint64(32)) | columns[column].astype(np.uint64)
        return rows[hit], keys

    def add(self, rows: Indices, keys: Keys) -> None:
        """Merges keys into the lists of some rows."""
        if not rows.size:
            return
        n_neighbors = self._keys.shape[1]
        merged = np.sort(np.hstack([self._keys[rows], keys]), axis=1)[:, :n_neighbors]
        self._keys[rows] = merged
        last = merged[:, -1]
        limits = (last >> np.uint64(32)).astype(np.uint32).view(np.float32)
        self.limits[rows] = np.where(last == np.iinfo(np.uint64).max, np.float32(np.inf), limits)


def _measure_neighbors(
    pairs: PairDistances, indices: Indices, report_step: Callable[[], None]
) -> NDArray[np.float64]:
    """Measures the neighbours and puts each row's in order of distance (ties: of index), in place."""
    n_vectors, n_neighbors = indices.shape
    owners = np.repeat(np.arange(n_vectors), n_neighbors)
    squared = pairs.measure_many(owners, indices.ravel(), report_step)
    order = np.lexsort((indices.ravel(), squared, owners))
    indices[:] = indices.ravel()[order].reshape(indices.shape)
    return squared[order].reshape(indices.shape)


def _search_precisely(
    pairs: PairDistances, rows: Indices, n_neighbors: int, report_step: Callable[[], None]
) -> tuple[Indices, NDArray[np.float64]]:
    """Finds neighbours of a few vectors in double precision, for groups far smaller than their distance."""
    everything = np.arange(len(pairs.vectors))
    bounds = np.hstack(
        [
            tile
            for _, tile in map_in_order(
                lambda part: pairs.bound_tile(rows, everything[part], precise=True),
                slices(everything.size, TILE_SIDE),
            )
        ]
    )
    bounds[np.arange(rows.size), rows] = np.inf
    report_step()
    indices = np.argpartition(bounds, n_neighbors - 1, axis=1)[:, :n_neighbors]
    squared = pairs.measure(np.repeat(rows, n_neighbors), indices.ravel()).reshape(indices.shape)
    order = np.lexsort((indices, squared), axis=1)
    return np.take_along_axis(indices, order, axis=1), np.take_along_axis(squared, order, axis=1)
