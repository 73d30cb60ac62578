"""The nearest images of each image as a graph, along which labels spread."""

import os
import secrets
import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from octcluster.explorer.vectors import VectorArray
from octcluster.model.progress import Progress

NEIGHBOURS = 10
_VALUES_AT_ONCE = 16 << 20
_GROUP = 64
_TINY = 1e-12


@dataclass(frozen=True)
class NearestGraph:
    """A graph in which two images are joined if either is among the nearest of the other.

    Attributes:
        sources: int32, shape (n_edges,): an end of each edge; each edge is there in both directions.
        targets: int32, shape (n_edges,): its other end.
        weights: float32, shape (n_edges,): exp(-d^2 / (s t)), d the distance of both, s and t those of
            each to its farthest neighbour (Zelnik-Manor and Perona, NIPS 2004).
        images: Number of images, with and without edges.
    """

    sources: NDArray[np.int32]
    targets: NDArray[np.int32]
    weights: NDArray[np.float32]
    images: int


def make_graph(vectors: VectorArray, progress: Progress, neighbours: int = NEIGHBOURS) -> NearestGraph:
    """Joins each image with its nearest ones.

    Args:
        vectors: float32, shape (n_images, dimension); NaN rows have no edges.
        progress: Told how far it is.
        neighbours: How many nearest images.
    """
    known = np.flatnonzero(np.isfinite(vectors[:, 0])).astype(np.int32)
    points = np.asarray(vectors[known], dtype=np.float32)
    points -= points.mean(axis=0)
    count = min(neighbours, len(known) - 1)
    if count < 1:
        nothing = np.empty(0, dtype=np.int32)
        return NearestGraph(nothing, nothing, np.empty(0, dtype=np.float32), len(vectors))
    nearest, squares = _find_nearest(points, count, progress)
    scales = np.sqrt(np.maximum(squares[:, -1], _TINY))
    weights = np.exp(-squares / np.maximum(scales[:, np.newaxis] * scales[nearest], _TINY))
    own = np.repeat(np.arange(len(known), dtype=np.int64), count)
    others = nearest.ravel().astype(np.int64)
    keys = np.concatenate([own * len(known) + others, others * len(known) + own])
    distinct, first = np.unique(keys, return_index=True)  # the weight is the same in both directions
    return NearestGraph(
        known[distinct // len(known)],
        known[distinct % len(known)],
        np.concatenate([weights.ravel()] * 2)[first].astype(np.float32),
        len(vectors),
    )


def _find_nearest(
    points: VectorArray, count: int, progress: Progress
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Rows of the nearest points of each point, the nearest first, and their squared distances."""
    lengths = np.einsum("ij,ij->i", points, points)
    # One product gives -2 x.y + |y|^2, which orders the points y by their distance to x.
    left = np.column_stack([-2 * points, np.ones(len(points), dtype=np.float32)])
    right = np.column_stack([points, lengths])
    nearest = np.empty((len(points), count), dtype=np.int32)
    squares = np.empty((len(points), count), dtype=np.float32)
    rows = max(1, _VALUES_AT_ONCE // len(points))
    progress.stage("Finding neighbours", len(points), "images")
    for start in range(0, len(points), rows):
        stop = min(start + rows, len(points))
        block = left[start:stop] @ right.T
        block[np.arange(stop - start), np.arange(start, stop)] = np.inf
        nearest[start:stop], squares[start:stop] = _choose_smallest(block, count)
        progress.update(stop, len(points))
    squares += lengths[:, np.newaxis]
    return nearest, np.maximum(squares, 0)


def _choose_smallest(block: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Columns of the smallest values of each row, the smallest first, and these values.

    The smallest values of groups of columns bound the values to look at: in a wide block that is one pass
    over it, in place of a partition of each row.
    """
    groups = block.shape[1] // _GROUP
    if groups > count:
        smallest = block[:, : groups * _GROUP].reshape(len(block), groups, _GROUP).min(axis=2)
        bounds = np.partition(smallest, count - 1, axis=1)[:, count - 1]
        rows, columns = np.nonzero(block <= bounds[:, np.newaxis])
    else:
        rows, columns = np.indices(block.shape).reshape(2, -1)
    values = block[rows, columns]
    order = np.lexsort((columns, values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    first = np.searchsorted(rows, np.arange(len(block)))[:, np.newaxis] + np.arange(count)
    return columns[first], values[first]


def write_graph(graph: NearestGraph, path: Path) -> None:
    """Keeps a graph in a file of this user's alone; raises OSError."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            np.savez(file, images=graph.images, **{name: getattr(graph, name) for name in _ARRAYS})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_graph(path: Path, images: int) -> NearestGraph | None:
    """Reads what ``write_graph`` wrote; None if it is not there, damaged, or of other images."""
    try:
        with np.load(path, allow_pickle=False) as file:
            graph = NearestGraph(**{name: file[name] for name in _ARRAYS}, images=int(file["images"]))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        return None
    return graph if graph.images == images else None


_ARRAYS = ("sources", "targets", "weights")
