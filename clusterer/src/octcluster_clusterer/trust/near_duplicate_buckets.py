"""Likely near-duplicates among many images: those that fall into one bucket of random projections.

The bounds of the similarities are unit vectors whose product is at least the similarity, so near-duplicates
are near there, too. A table of buckets halves the images again and again: each time at the median of their
products with a random direction, until a bucket has at most 256. So no bucket is large, wherever images lie
densely, and the pairs in all buckets of a table are at most 128 an image. Other tables have other directions.

Two vectors with the angle a lie on one side of a random direction with probability 1 - a / pi (Goemans and
Williamson): 0.9 for a similarity of 0.95, and 0.28 for all 12 halvings of a million. There are as many tables
as leave out one such pair of 100,000. Where images lie densely, the halves are nearer to each other, and more
are left out: ``near_duplicate_sample`` measures how many.

References:
    Charikar, "Similarity estimation techniques from rounding algorithms", 2002, doi:10.1145/509907.509965.
    Dasgupta and Freund, "Random projection trees and low dimensional manifolds", 2008,
    doi:10.1145/1374376.1374452.
"""

from collections.abc import Callable, Iterator
from math import acos, ceil, log, log2, pi

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.tiles import map_in_order, slices
from octcluster_clusterer.trust.similarities import LEAST_BOUND, THRESHOLD

BUCKET_IMAGES = 256
"""A bucket has at most so many images, and half of them at least."""
_MISSED = 1e-5
_SAME_SIDE = 1 - acos(THRESHOLD) / pi
_BUCKETS_AT_ONCE = 4
_ROWS_AT_ONCE = 2**14
PAIRS_OF_AN_IMAGE = 4
"""So many likely pairs for each image are compared, in all."""
_MOST_AT_ONCE = 2**13
_MANY_ENDS = 64
"""An image with so many likely pairs lies among many that are alike."""

ImagePairs = tuple[NDArray[np.int32], NDArray[np.int32]]
"""The smaller and the larger image of each pair."""


def count_halvings(n_images: int) -> int:
    """How often a table halves the images.

    Examples:
        >>> count_halvings(256), count_halvings(257), count_halvings(1_000_000)
        (0, 1, 12)
    """
    return max(0, ceil(log2(n_images / BUCKET_IMAGES)))


def count_tables(n_images: int) -> int:
    """How many tables leave out one pair of 100,000 that is just similar enough.

    Examples:
        >>> count_tables(256), count_tables(200_000), count_tables(1_000_000), count_tables(10_000_000)
        (1, 28, 36, 58)
    """
    same_bucket = _SAME_SIDE ** count_halvings(n_images)
    return 1 if same_bucket == 1 else ceil(log(_MISSED) / log(1 - same_bucket))


def draw_buckets(
    bounds: NDArray[np.float32], random: np.random.Generator, report_step: Callable[[], None]
) -> tuple[NDArray[np.int32], list[slice]]:
    """Draws a table of buckets.

    Args:
        bounds: float32, shape (n_images, n_values).
        random: Draws the directions.
        report_step: Called often.

    Returns:
        int32, shape (n_images,): the images, bucket by bucket; and where each bucket lies there.
    """
    n_images, width = bounds.shape
    directions = random.standard_normal((width, count_halvings(n_images)), dtype=np.float32)
    places = np.empty((directions.shape[1], n_images), dtype=np.float32)
    for rows in slices(n_images, _ROWS_AT_ONCE):
        places[:, rows] = (bounds[rows] @ directions).T
        report_step()
    # In arbitrary order at first, so that equal vectors are not halved in the same way in each table.
    order = random.permutation(n_images).astype(np.int32)
    buckets = [slice(0, n_images)]
    for own_places in places:
        halves = []
        for bucket in buckets:
            report_step()
            images = order[bucket]
            middle = images.size // 2
            order[bucket] = images[np.argpartition(own_places[images], middle)]
            halves += [slice(bucket.start, bucket.start + middle), slice(bucket.start + middle, bucket.stop)]
        buckets = halves
    return order, buckets


def find_likely_pairs(
    bounds: NDArray[np.float32],
    order: NDArray[np.int32],
    buckets: list[slice],
    report_step: Callable[[], None],
) -> Iterator[ImagePairs]:
    """Finds the pairs of each bucket whose bound reaches the threshold, some buckets at a time.

    Args:
        bounds: float32, shape (n_images, n_values).
        order: As ``draw_buckets`` returns it, with the buckets.
        buckets: The same.
        report_step: Called often.

    Yields:
        The pairs of some buckets.
    """

    def search(part: slice) -> ImagePairs:
        found = [_find_in_bucket(bounds, np.sort(order[bucket])) for bucket in buckets[part]]
        firsts, seconds = zip(*found, strict=True)
        return np.concatenate(firsts), np.concatenate(seconds)

    for _, pairs in map_in_order(search, slices(len(buckets), _BUCKETS_AT_ONCE)):
        report_step()
        yield pairs


def _find_in_bucket(bounds: NDArray[np.float32], images: NDArray[np.int32]) -> ImagePairs:
    own = bounds[images]
    places = np.flatnonzero((own @ own.T).ravel() >= LEAST_BOUND)
    firsts, seconds = np.divmod(places, images.size)
    once = firsts < seconds
    return images[firsts[once]], images[seconds[once]]


class PairBudget:
    """Bounds the pairs that are compared in all dimensions, and so time and memory.

    All likely pairs are admitted until half of the budget is used. Then those between images that have 64
    each are not, and no more at once than an eighth of what is left: so piles of images that are all alike
    leave room for others.

    Attributes:
        exceeded: Whether likely pairs were left out.
    """

    def __init__(self, n_images: int) -> None:
        """Begins with 4 pairs an image."""
        self.exceeded = False
        self._left = PAIRS_OF_AN_IMAGE * n_images
        self._much = self._left // 2
        self._ends = np.zeros(n_images, dtype=np.int32)

    def admit(self, pairs: ImagePairs, random: np.random.Generator) -> ImagePairs:
        """Takes out the pairs that are not to be compared, and counts the others.

        Args:
            pairs: None was admitted before.
            random: Draws among pairs of a pile.
        """
        firsts, seconds = pairs
        admitted = np.arange(firsts.size)
        if self._left - firsts.size < self._much:
            few = np.minimum(self._ends[firsts], self._ends[seconds]) < _MANY_ENDS
            admitted = np.flatnonzero(few)
            most = min(self._left // 8, _MOST_AT_ONCE)
            if admitted.size > most:
                admitted = np.sort(random.choice(admitted, most, replace=False))
            self.exceeded |= admitted.size < firsts.size
        firsts, seconds = firsts[admitted], seconds[admitted]
        self._left -= firsts.size
        np.add.at(self._ends, firsts, 1)
        np.add.at(self._ends, seconds, 1)
        return firsts, seconds
