"""Pairs of different images that are nearly the same: copies that were stored anew, or scans of one spot.

Similarity is the cosine of two vectors that were scaled to unit length, less the mean of all. Without the
mean it says little: features of a network are never negative, and any two OCT images have some 0.94
(``blocks``) or 0.67 (``pooled``). The threshold is measured on 516 images of 313 patients and
EfficientNet-Lite0:

    pair                                              blocks          pooled
    neighbouring scans of one patient, most similar   0.85            0.84
    scans of two patients, most similar               0.82            0.84
    the image and itself as JPEG of quality 75        0.99 and more   0.99 and more
    ... at 90% of its size                            0.98 and more   0.98 and more
    ... brighter by 5 of 255, or by 10%               0.98 and more   0.97 and more
    ... at half its size (first percentile)           0.96            0.96
    ... as JPEG of quality 40 (median)                0.98            0.98
    ... cut by 2% on each side, or its mirror image   0.87 (median)   0.87 (median)

So 0.95 finds images that were stored anew, and neither neighbouring scans nor mirror images.

Where most or all members are copies of one image, their mean is that image, and what is left of each is noise
that is like no other. So lengths less the mean count as no shorter than among different images, the usual
spread of the space, as far as that is known. A vector that is nearer to the mean is lifted onto the sphere:
what it lacks in length it gets as one more value, the same for all. With x and y so near, the similarity is
1 - |x - y|^2 / (2 spread^2). The spread is 0.25 for ``blocks`` and 0.66 for ``pooled`` (a tenth of the 516
images have more; smallest 0.145 and 0.40), and no pair of the 516 becomes one. Of 12 copies of one scan with
noise of 5 of 255 all 66 pairs are found; with noise of 20, whose strongest grain a network sees, 21 and 3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks, find_bounds
from octcluster_clusterer.model import Duplicates, NearDuplicate
from octcluster_clusterer.tiles import map_in_order, slices, upper_tiles
from octcluster_clusterer.trust.directions import bound, find_scales, measure_left, turn

THRESHOLD = 0.95
MAX_PAIRS = 1000
_AXES = 64
_TURNS = 3
"""Products with the sample, each of which turns random directions nearer to its leading axes."""
_MAX_SAMPLE = 2048
_VALUES_AT_ONCE = 2**18
_MAX_SAMPLE_VALUES = 2**23
_COLUMNS_AT_ONCE = 1024
_MAX_SINGLE_PAIRS = 1024
"""Up to so many a tile are checked one by one, else the whole tile is multiplied."""
_ROUNDING = 1e-4
_NOTHING = 1e-5
"""Length of a unit vector less the mean that is a rounding error: the least spread."""

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class _Directions:
    """Vectors scaled to unit length, less their mean, and scaled to unit length again, without a copy.

    Attributes:
        blocks: The vectors, shape (n_members, dimension), as they are.
        rows: int64, shape (n_images,): a member of each image.
        scales: float64, shape (n_members,): 1 / length; 0 for a vector of length 0.
        mean: float64, shape (dimension,): of the scaled vectors.
        rescales: float64, shape (n_members,): 1 / length less the mean, or 1 / usual spread if that is less.
        lifts: float64, shape (n_members,): what is missing to unit length, as one more value.
    """

    blocks: Blocks
    rows: NDArray[np.int64]
    scales: NDArray[np.float64]
    mean: NDArray[np.float64]
    rescales: NDArray[np.float64]
    lifts: NDArray[np.float64]

    def take(self, images: NDArray[np.int64], columns: slice = slice(None)) -> NDArray[np.float64]:
        """float64, shape (n_taken, n_columns): some values of some directions, without the lift."""
        rows = self.rows[images]
        taken = self.blocks.take(rows, columns)
        return turn(taken, self.mean[columns], self.scales[rows], self.rescales[rows])


def find_duplicates(
    blocks: Blocks,
    image_keys: NDArray[np.uint8],
    seed: int,
    report_step: Callable[[], None],
    *,
    usual_spread: float = 0.0,
) -> Duplicates:
    """Finds all pairs of different images whose vectors have a similarity of 0.95 or more; see the module.

    Exact, but few pairs are looked at in all dimensions: with p the part of a direction x in the leading
    axes, l the lift and r the length of what is left, the cosine of x and y is at most p(x) p(y) + l(x) l(y)
    + r(x) r(y), a product of vectors of 66 values (Cauchy and Schwarz). Without a usual spread, two images
    alone have no mean but their own, and only equal vectors are similar.

    Args:
        blocks: The vectors, before preparation; left as they are.
        image_keys: uint8, shape (n_members, 32). Members of the same image count once, as the first of them.
        seed: Seed of the axes, which change the time only.
        report_step: Called often; what it raises gets through.
        usual_spread: Length that unit vectors less their mean seldom exceed among different images; 0: not
            known.

    Returns:
        The most similar 1000 pairs, most similar first, and the number of all. A similarity is at most 1, for
        vectors of one direction.

    References:
        Manning, Raghavan and Schuetze, "Introduction to Information Retrieval", 2008, section 6.3.

    Examples:
        >>> from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
        >>> vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 2]], dtype=np.float32)
        >>> image_keys = np.arange(4 * 32, dtype=np.uint8).reshape(4, 32)
        >>> found = find_duplicates(MemoryBlocks(vectors), image_keys, 0, lambda: None)
        >>> [(pair.first_member, pair.second_member, round(pair.similarity, 3)) for pair in found.pairs]
        [(2, 3, 1.0)]
    """
    directions = _find_directions(blocks, image_keys, max(usual_spread, _NOTHING), report_step)
    bounds = _find_bounds(directions, seed, report_step)
    best: Pairs = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    total = 0

    def search(tile: tuple[slice, slice]) -> Pairs:
        return _search_tile(directions, bounds, tile)

    for _, found in map_in_order(search, upper_tiles(len(directions.rows))):
        if found[0].size:
            total += found[0].size
            best = _keep_best(best, found)
        report_step()
    pairs = [
        NearDuplicate(int(first), int(second), float(similarity))
        for first, second, similarity in zip(*best, strict=True)
    ]
    return Duplicates(pairs, total, THRESHOLD)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: the sample that gives the axes, then what bounds the similarities."""
    return max(16 * _count_sample(n_members, dimension) * dimension, 4 * n_members * (_AXES + 10))


def _cut(values: NDArray[Any]) -> list[NDArray[Any]]:
    """The values of the rows of each block."""
    return [values[rows] for rows in find_bounds(len(values))]


def _count_sample(n_images: int, dimension: int) -> int:
    return min(n_images, _MAX_SAMPLE, max(1, _MAX_SAMPLE_VALUES // dimension))


def _find_directions(
    blocks: Blocks,
    image_keys: NDArray[np.uint8],
    least_length: float,
    report_step: Callable[[], None],
) -> _Directions:
    keys = np.ascontiguousarray(image_keys).view(np.dtype((np.void, image_keys.shape[1]))).ravel()
    rows = np.sort(np.unique(keys, return_index=True)[1])
    scales, left = np.empty(blocks.n_rows), np.empty(blocks.n_rows)
    mean = np.zeros(blocks.dimension)
    for block, (own_scales, total) in blocks.map(find_scales, report_step=report_step):
        scales[block] = own_scales
        mean += total
    mean /= blocks.n_rows
    for block, own_left in blocks.map(measure_left, mean, each=_cut(scales), report_step=report_step):
        left[block] = own_left
    rescales = 1 / np.maximum(left, least_length)
    lifts = np.sqrt(np.maximum(1 - np.square(left * rescales), 0))
    return _Directions(blocks, rows, scales, mean, rescales, lifts)


def _find_bounds(directions: _Directions, seed: int, report_step: Callable[[], None]) -> NDArray[np.float32]:
    """float32, shape (n_images, n_axes + 2): products of two rows are at least the cosine of their images."""
    n_images, dimension = directions.rows.size, directions.mean.size
    n_sampled = _count_sample(n_images, dimension)
    sample = directions.take(np.linspace(0, n_images - 1, n_sampled).astype(np.int64)).astype(np.float32)
    report_step()
    axes = _find_axes(sample, seed, report_step)
    is_first = np.zeros(directions.blocks.n_rows, dtype=np.bool_)
    is_first[directions.rows] = True
    bounds = np.empty((n_images, axes.shape[1] + 2), dtype=np.float32)
    each = list(zip(_cut(is_first), _cut(directions.scales), _cut(directions.rescales), strict=True))
    filled = 0
    for _, own in directions.blocks.map(bound, directions.mean, axes, each=each, report_step=report_step):
        bounds[filled : filled + len(own), [*range(axes.shape[1]), -1]] = own
        filled += len(own)
    bounds[:, -2] = directions.lifts[directions.rows]
    return bounds


def _find_axes(
    sample: NDArray[np.float32], seed: int, report_step: Callable[[], None]
) -> NDArray[np.float64]:
    """float64, shape (dimension, n_axes): orthonormal, near the leading axes of the sample."""
    n_axes = min(_AXES, *sample.shape)
    axes = np.random.default_rng(seed).standard_normal((sample.shape[1], n_axes))
    for _ in range(_TURNS):
        places = sample @ axes.astype(np.float32)
        report_step()
        axes = np.linalg.qr((sample.T @ places).astype(np.float64))[0]
        report_step()
    return axes


def _search_tile(directions: _Directions, bounds: NDArray[np.float32], tile: tuple[slice, slice]) -> Pairs:
    """The pairs of a tile: members and similarities."""
    upper = bounds[tile[0]] @ bounds[tile[1]].T
    firsts, seconds = np.nonzero(upper >= THRESHOLD - _ROUNDING)
    firsts, seconds = firsts + tile[0].start, seconds + tile[1].start
    once = firsts < seconds
    firsts, seconds = firsts[once], seconds[once]
    if firsts.size > _MAX_SINGLE_PAIRS:
        similarities = _multiply(directions, tile)[firsts - tile[0].start, seconds - tile[1].start]
    else:
        similarities = _compare(directions, firsts, seconds)
    firsts, seconds = directions.rows[firsts], directions.rows[seconds]
    similarities += directions.lifts[firsts] * directions.lifts[seconds]
    near = similarities >= THRESHOLD
    return firsts[near], seconds[near], np.minimum(similarities[near], 1)


def _compare(
    directions: _Directions, firsts: NDArray[np.int64], seconds: NDArray[np.int64]
) -> NDArray[np.float64]:
    similarities = np.empty(firsts.size)
    for part in slices(firsts.size, max(1, _VALUES_AT_ONCE // directions.mean.size)):
        left, right = directions.take(firsts[part]), directions.take(seconds[part])
        similarities[part] = np.einsum("ij,ij->i", left, right)
    return similarities


def _multiply(directions: _Directions, tile: tuple[slice, slice]) -> NDArray[np.float64]:
    rows, columns = (np.arange(part.start, part.stop) for part in tile)
    similarities = np.zeros((rows.size, columns.size))
    for values in slices(directions.mean.size, _COLUMNS_AT_ONCE):
        left, right = (directions.take(images, values).astype(np.float32) for images in (rows, columns))
        similarities += left @ right.T
    return similarities


def _keep_best(best: Pairs, found: Pairs) -> Pairs:
    firsts, seconds, similarities = (np.concatenate(both) for both in zip(best, found, strict=True))
    order = np.lexsort((seconds, firsts, -similarities))[:MAX_PAIRS]
    return firsts[order], seconds[order], similarities[order]
