"""How many near-duplicates the buckets hold: all pairs of a random sample of the images, found exactly."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from octcluster_clusterer.model import Interval, Score
from octcluster_clusterer.tiles import TILE_SIDE, map_in_order, slices
from octcluster_clusterer.trust.similarities import LEAST_BOUND

SAMPLED_IMAGES = 2**13
"""With a million others as many pairs as all of 2**17 images have."""
MAX_PAIRS_OF_AN_IMAGE = 64
"""Of more likely pairs of an image, so many are drawn at random."""

SAMPLE_BYTES = 48 * SAMPLED_IMAGES * MAX_PAIRS_OF_AN_IMAGE
"""Memory of the most pairs that a sample can have."""
_ROWS = 4 * TILE_SIDE

_Ends = tuple[NDArray[np.int32], NDArray[np.int32]]


@dataclass(frozen=True)
class SampledPairs:
    """Likely pairs of the images of a random sample with all images.

    Attributes:
        images: int32, shape (n_pairs,): the sampled image of each pair, as its place in the sample.
        firsts: int32, shape (n_pairs,): the smaller image of the pair.
        seconds: int32, shape (n_pairs,): the larger image.
        weights: float64, shape (n_sampled,): likely pairs of a sampled image over those that were drawn.
    """

    images: NDArray[np.int32]
    firsts: NDArray[np.int32]
    seconds: NDArray[np.int32]
    weights: NDArray[np.float64]


def sample_pairs(bounds: NDArray[np.float32], seed: int, report_step: Callable[[], None]) -> SampledPairs:
    """Compares the bounds of a random sample of the images with those of all images.

    Args:
        bounds: float32, shape (n_images, n_values).
        seed: Seed of the sample.
        report_step: Called often.

    Returns:
        All pairs of each sampled image whose bound reaches the threshold, or 64 of them at random. A pair of
        two sampled images is there for each of them.
    """
    # Drawn apart from the buckets, whose recall is asked for. Other images come in random order, so that the
    # first pairs of an image are a random part of its pairs.
    order = np.random.default_rng([seed, 1]).permutation(len(bounds)).astype(np.int32)
    sample = order[:SAMPLED_IMAGES].copy()
    own = bounds[sample]

    def search(tile: tuple[slice, slice]) -> _Ends:
        rows, columns = tile
        others = order[columns]
        places = np.flatnonzero((own[rows] @ bounds[others].T).ravel() >= LEAST_BOUND)
        images, places = np.divmod(places, others.size)
        return (images + rows.start).astype(np.int32), others[places]

    counts = np.zeros(len(own), dtype=np.int64)
    kept: list[_Ends] = []
    tiles = [(rows, columns) for columns in slices(len(order), TILE_SIDE) for rows in slices(len(own), _ROWS)]
    for _, found in map_in_order(search, tiles):
        report_step()
        another = sample[found[0]] != found[1]
        images, others = found[0][another], found[1][another]
        own_counts = np.bincount(images, minlength=len(own))
        numbers = np.arange(images.size) - np.repeat(np.cumsum(own_counts) - own_counts, own_counts)
        early = counts[images] + numbers < MAX_PAIRS_OF_AN_IMAGE
        kept.append((images[early], others[early]))
        counts += own_counts
    images, others = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    firsts, seconds = np.sort([sample[images], others], axis=0)
    weights = np.maximum(counts / MAX_PAIRS_OF_AN_IMAGE, 1)
    return SampledPairs(images, firsts, seconds, weights)


def estimate_recall(
    weights: NDArray[np.float64], found: NDArray[np.bool_], images: NDArray[np.int32]
) -> Score:
    """Estimates the share of all near-duplicates that a search has found, from those of a sample of images.

    0 to 1, best 1. The pairs of one image may be found or missed together. So they count as one if the image
    has many, and the exact binomial interval is that of the effective number of pairs (Kish).

    Args:
        weights: float64, shape (n_sampled,): of each sampled image.
        found: bool, shape (n_pairs,): which near-duplicates of the sample were found.
        images: int64, shape (n_pairs,): the sampled image of each, as its place in the sample.

    Returns:
        The share with its 95% interval; undefined without a pair.

    References:
        Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts
        estimated from survey data", Survey Methodology 24, 1998.

    Examples:
        >>> recall = estimate_recall(np.ones(9), np.array([True, True, False, True]), np.array([1, 2, 5, 7]))
        >>> recall.value, round(recall.interval.low, 3), round(recall.interval.high, 3)
        (0.75, 0.194, 0.994)
    """
    if not found.size:
        return Score(undefined_reason="no image of the random sample has a near-duplicate")
    pairs = np.bincount(images, minlength=weights.size) * weights
    share = float((found * weights[images]).sum() / pairs.sum())
    effective = float(np.square(pairs.sum()) / np.square(pairs).sum())
    hits, misses = effective * share, effective * (1 - share)
    low = float(betaincinv(hits, misses + 1, 0.025)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, misses, 0.975)) if misses > 0 else 1.0
    return Score(share, interval=Interval(low, high), sampled_members=weights.size)
