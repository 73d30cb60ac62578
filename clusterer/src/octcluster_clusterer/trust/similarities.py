"""Similarities of images: cosines of the directions of their vectors, see ``near_duplicates``, and bounds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks, find_bounds
from octcluster_clusterer.trust.directions import bound, find_scales, measure_left, turn

THRESHOLD = 0.95
LEAST_BOUND = THRESHOLD - 1e-4
"""Pairs with a lower product of their bounds cannot reach the threshold, however these were rounded."""
AXES = 64
_TURNS = 3
"""Products with the sample, each of which turns random directions nearer to its leading axes."""
_MAX_SAMPLE = 2048
_MAX_SAMPLE_VALUES = 2**23
_NOTHING = 1e-5
"""Length of a unit vector less the mean that is a rounding error: the least spread."""


@dataclass(frozen=True)
class Directions:
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


def count_sample(n_images: int, dimension: int) -> int:
    """Number of images whose leading axes stand for those of all."""
    return min(n_images, _MAX_SAMPLE, max(1, _MAX_SAMPLE_VALUES // dimension))


def find_directions(
    blocks: Blocks,
    image_keys: NDArray[np.uint8],
    usual_spread: float,
    report_step: Callable[[], None],
) -> Directions:
    """Finds the directions of all images.

    Args:
        blocks: The vectors.
        image_keys: uint8, shape (n_members, 32).
        usual_spread: Length that unit vectors less their mean seldom exceed among different images, or 0.
        report_step: Called often.
    """
    rows = _find_first_members(np.ascontiguousarray(image_keys))
    report_step()
    scales, left = np.empty(blocks.n_rows), np.empty(blocks.n_rows)
    mean = np.zeros(blocks.dimension)
    for block, (own_scales, total) in blocks.map(find_scales, report_step=report_step):
        scales[block] = own_scales
        mean += total
    mean /= blocks.n_rows
    for block, own_left in blocks.map(measure_left, mean, each=_cut(scales), report_step=report_step):
        left[block] = own_left
    rescales = 1 / np.maximum(left, max(usual_spread, _NOTHING))
    lifts = np.sqrt(np.maximum(1 - np.square(left * rescales), 0))
    return Directions(blocks, rows, scales, mean, rescales, lifts)


def find_similarity_bounds(
    directions: Directions, seed: int, report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """float32, shape (n_images, n_axes + 2): products of two rows are at least the cosine of their images."""
    n_images, dimension = directions.rows.size, directions.mean.size
    n_sampled = count_sample(n_images, dimension)
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
    n_axes = min(AXES, *sample.shape)
    axes = np.random.default_rng(seed).standard_normal((sample.shape[1], n_axes))
    for _ in range(_TURNS):
        places = sample @ axes.astype(np.float32)
        report_step()
        axes = np.linalg.qr((sample.T @ places).astype(np.float64))[0]
        report_step()
    return axes


def _find_first_members(image_keys: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The first member of each image, in the members' order."""
    # Equal beginnings are found faster than equal keys, and hardly ever are of different images.
    _, numbers, counts = np.unique(image_keys.view(np.uint64)[:, 0], return_inverse=True, return_counts=True)
    shares = counts[numbers] > 1
    sharing = np.flatnonzero(shares)
    keys = image_keys[sharing].view(np.dtype((np.void, image_keys.shape[1]))).ravel()
    firsts = sharing[np.unique(keys, return_index=True)[1]]
    return np.sort(np.concatenate([np.flatnonzero(~shares), firsts]))


def _cut(values: NDArray[Any]) -> list[NDArray[Any]]:
    """The values of the rows of each block."""
    return [values[rows] for rows in find_bounds(len(values))]
