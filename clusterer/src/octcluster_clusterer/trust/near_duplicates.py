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

Up to 131,072 images the bounds of all pairs are compared, and the result is exact. Of more, pairs are looked
for in buckets (``near_duplicate_buckets``) and among all pairs of a random sample of the images, which also
measures how many the buckets hold (``near_duplicate_sample``). Every pair is verified in all dimensions.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.tiles import map_in_order, slices, upper_tiles
from octcluster_clusterer.trust.compared_pairs import TAKEN_BYTES, ComparedPairs
from octcluster_clusterer.trust.duplicates import Duplicates, DuplicateSearch, NearDuplicate
from octcluster_clusterer.trust.near_duplicate_buckets import (
    PAIRS_OF_AN_IMAGE,
    ImagePairs,
    PairBudget,
    count_halvings,
    count_tables,
    draw_buckets,
    find_likely_pairs,
)
from octcluster_clusterer.trust.near_duplicate_sample import SAMPLE_BYTES, estimate_recall, sample_pairs
from octcluster_clusterer.trust.similarities import (
    AXES,
    LEAST_BOUND,
    THRESHOLD,
    Directions,
    count_sample,
    find_directions,
    find_similarity_bounds,
)

EXACT_IMAGES = 2**17
"""Up to so many, all pairs are compared; see ``near_duplicate_sample`` for what more cost."""
MAX_PAIRS = 1000
_VALUES_AT_ONCE = 2**18
_COLUMNS_AT_ONCE = 1024
_MAX_SINGLE_PAIRS = 1024
"""Up to so many a tile are checked one by one, else the whole tile is multiplied."""

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
_NO_PAIRS: Pairs = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def find_duplicates(
    blocks: Blocks,
    image_keys: NDArray[np.uint8],
    seed: int,
    report_step: Callable[[], None],
    *,
    usual_spread: float = 0.0,
) -> Duplicates:
    """Finds the pairs of different images whose vectors have a similarity of 0.95 or more; see the module.

    Few pairs are looked at in all dimensions: with p the part of a direction x in the leading
    axes, l the lift and r the length of what is left, the cosine of x and y is at most p(x) p(y) + l(x) l(y)
    + r(x) r(y), a product of vectors of 66 values (Cauchy and Schwarz). Without a usual spread, two images
    alone have no mean but their own, and only equal vectors are similar.

    Args:
        blocks: The vectors, before preparation; left as they are.
        image_keys: uint8, shape (n_members, 32). Members of the same image count once, as the first of them.
        seed: Seed of the axes, which change the time only, and of buckets and sample.
        report_step: Called often; what it raises gets through.
        usual_spread: Length that unit vectors less their mean seldom exceed among different images; 0: not
            known.

    Returns:
        The most similar 1000 pairs, most similar first, and the number of all that were found. A similarity
        is at most 1, for vectors of one direction.

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
    directions = find_directions(blocks, image_keys, usual_spread, report_step)
    bounds = find_similarity_bounds(directions, seed, report_step)
    if len(directions.rows) > EXACT_IMAGES:
        return _search_buckets(directions, bounds, seed, report_step)
    return _search_all(directions, bounds, report_step)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: the sample that gives the axes, then what bounds the similarities."""
    at_work = 4 * n_members * (AXES + 10)
    if n_members > EXACT_IMAGES:
        # A table of buckets and the pairs compared before, or these while others are merged into them.
        values = max(count_halvings(n_members) + 3 + 2 * PAIRS_OF_AN_IMAGE, 7 * PAIRS_OF_AN_IMAGE)
        at_work += TAKEN_BYTES + SAMPLE_BYTES + 4 * n_members * values
    return max(16 * count_sample(n_members, dimension) * dimension, at_work)


def _search_all(
    directions: Directions, bounds: NDArray[np.float32], report_step: Callable[[], None]
) -> Duplicates:
    best, total = _NO_PAIRS, 0

    def search(tile: tuple[slice, slice]) -> Pairs:
        return _search_tile(directions, bounds, tile)

    for _, found in map_in_order(search, upper_tiles(len(directions.rows))):
        if found[0].size:
            total += found[0].size
            best = _keep_best(best, found)
        report_step()
    return Duplicates(_list_pairs(best), total, THRESHOLD)


def find_in_buckets(
    directions: Directions, bounds: NDArray[np.float32], seed: int, report_step: Callable[[], None]
) -> tuple[Pairs, ComparedPairs, bool]:
    """Finds near-duplicates among the pairs of images that share a bucket.

    Args:
        directions: Of all images.
        bounds: float32, shape (n_images, n_values), of their similarities.
        seed: Seed of the buckets.
        report_step: Called often.

    Returns:
        The most similar 1000 pairs of members, all pairs of images that were compared, and whether likely
        pairs were left out.
    """
    best, compared = _NO_PAIRS, ComparedPairs(directions)
    random, budget = np.random.default_rng(seed), PairBudget(len(bounds))

    def find_likely() -> ImagePairs:
        order, buckets = draw_buckets(bounds, random, report_step)
        likely = [
            budget.admit(compared.leave_out_compared(*pairs), random)
            for pairs in find_likely_pairs(bounds, order, buckets, report_step)
        ]
        firsts, seconds = zip(*likely, strict=True)
        return np.concatenate(firsts), np.concatenate(seconds)

    for _ in range(count_tables(len(bounds))):
        for found in compared.compare(*find_likely(), report_step):
            best = _keep_best(best, found)
    return best, compared, budget.exceeded


def _search_buckets(
    directions: Directions, bounds: NDArray[np.float32], seed: int, report_step: Callable[[], None]
) -> Duplicates:
    """The pairs in buckets, and those of a sample, which tell how many the buckets hold."""
    best, compared, exceeded = find_in_buckets(directions, bounds, seed, report_step)
    sampled = sample_pairs(bounds, seed, report_step)
    in_buckets = compared.are_near(sampled.firsts, sampled.seconds)
    firsts, seconds = _list_once(*compared.leave_out_compared(sampled.firsts, sampled.seconds))
    for found in compared.compare(firsts, seconds, report_step):
        best = _keep_best(best, found)
    near = compared.are_near(sampled.firsts, sampled.seconds)
    search = DuplicateSearch(
        sampled_members=sampled.weights.size,
        sampled_pairs=int(np.count_nonzero(near)),
        recall=estimate_recall(sampled.weights, in_buckets[near], sampled.images[near]),
        exceeded=exceeded,
    )
    return Duplicates(_list_pairs(best), compared.near, THRESHOLD, search)


def _list_once(firsts: NDArray[np.int32], seconds: NDArray[np.int32]) -> ImagePairs:
    """The pairs in order, each once."""
    order = np.lexsort((seconds, firsts))
    firsts, seconds = firsts[order], seconds[order]
    another = np.ones(order.size, dtype=np.bool_)
    another[1:] = (firsts[1:] != firsts[:-1]) | (seconds[1:] != seconds[:-1])
    return firsts[another], seconds[another]


def _list_pairs(pairs: Pairs) -> list[NearDuplicate]:
    return [
        NearDuplicate(int(first), int(second), float(similarity))
        for first, second, similarity in zip(*pairs, strict=True)
    ]


def _search_tile(directions: Directions, bounds: NDArray[np.float32], tile: tuple[slice, slice]) -> Pairs:
    """The pairs of a tile: members and similarities."""
    upper = bounds[tile[0]] @ bounds[tile[1]].T
    firsts, seconds = np.nonzero(upper >= LEAST_BOUND)
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
    directions: Directions, firsts: NDArray[np.int64], seconds: NDArray[np.int64]
) -> NDArray[np.float64]:
    similarities = np.empty(firsts.size)
    for part in slices(firsts.size, max(1, _VALUES_AT_ONCE // directions.mean.size)):
        left, right = directions.take(firsts[part]), directions.take(seconds[part])
        similarities[part] = np.einsum("ij,ij->i", left, right)
    return similarities


def _multiply(directions: Directions, tile: tuple[slice, slice]) -> NDArray[np.float64]:
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
