"""Buckets of random projections: none is large, each image is in one, and the pairs are bounded."""

import numpy as np
import pytest
from octcluster_clusterer.trust.near_duplicate_buckets import (
    BUCKET_IMAGES,
    PAIRS_OF_AN_IMAGE,
    PairBudget,
    count_halvings,
    count_tables,
    draw_buckets,
    find_likely_pairs,
)
from octcluster_clusterer.trust.similarities import LEAST_BOUND


def make_bounds(n: int = 1300, width: int = 12, spread: float = 1.0) -> np.ndarray:
    """Unit vectors: in all directions, or near one."""
    random = np.random.default_rng(0)
    bounds = spread * random.standard_normal((n, width)) + random.standard_normal(width)
    return np.asarray(bounds / np.linalg.norm(bounds, axis=1, keepdims=True), dtype=np.float32)


def nothing() -> None:
    pass


@pytest.mark.parametrize("spread", [1.0, 0.01, 0.0])
def test_each_image_is_in_one_bucket_and_none_is_large(spread: float) -> None:
    order, buckets = draw_buckets(make_bounds(spread=spread), np.random.default_rng(0), nothing)
    assert sorted(order) == list(range(1300))
    sizes = [bucket.stop - bucket.start for bucket in buckets]
    assert sum(sizes) == 1300
    assert [bucket.start for bucket in buckets] == list(np.cumsum([0, *sizes[:-1]]))
    assert BUCKET_IMAGES // 2 <= min(sizes) <= max(sizes) <= BUCKET_IMAGES


def test_equal_images_lie_in_other_buckets_in_another_table() -> None:
    random, bounds = np.random.default_rng(0), make_bounds(spread=0.0)
    tables = [draw_buckets(bounds, random, nothing) for _ in range(2)]
    together = [{frozenset(order[bucket]) for bucket in buckets} for order, buckets in tables]
    assert not together[0] & together[1]


def test_all_pairs_of_a_bucket_that_reach_the_bound_are_found_once() -> None:
    bounds = make_bounds(spread=0.4)
    order, buckets = draw_buckets(bounds, np.random.default_rng(0), nothing)
    parts = find_likely_pairs(bounds, order, buckets, nothing)
    firsts, seconds = (np.concatenate(ends) for ends in zip(*parts, strict=True))
    found = list(zip(firsts.tolist(), seconds.tolist(), strict=True))
    expected = {
        (first, second)
        for bucket in buckets
        for first in order[bucket].tolist()
        for second in order[bucket].tolist()
        if first < second and bounds[first] @ bounds[second] >= LEAST_BOUND
    }
    assert len(found) == len(expected) > 100
    assert set(found) == expected


def test_a_pair_just_similar_enough_is_nearly_always_in_one_bucket_of_some_table() -> None:
    n, random = 1024, np.random.default_rng(3)
    bounds = random.standard_normal((n, 66))
    bounds /= np.linalg.norm(bounds, axis=1, keepdims=True)
    sideways = random.standard_normal((n // 2, 66))
    sideways -= np.einsum("ij,ij->i", sideways, bounds[: n // 2])[:, np.newaxis] * bounds[: n // 2]
    sideways /= np.linalg.norm(sideways, axis=1, keepdims=True)
    bounds[n // 2 :] = 0.95 * bounds[: n // 2] + np.sqrt(1 - 0.95**2) * sideways
    missed = np.ones(n // 2, dtype=bool)
    halvings, tables = count_halvings(n), count_tables(n)
    assert halvings == 2
    for _ in range(tables):
        order, buckets = draw_buckets(bounds.astype(np.float32), random, nothing)
        own = np.empty(n, dtype=int)
        for number, bucket in enumerate(buckets):
            own[order[bucket]] = number
        missed &= own[: n // 2] != own[n // 2 :]
    assert not missed.any()  # 1 of 100,000 is expected, and 512 are there


def test_the_budget_admits_all_pairs_while_there_are_few() -> None:
    budget, random = PairBudget(1000), np.random.default_rng(0)
    firsts, seconds = np.arange(500, dtype=np.int32), np.arange(500, 1000, dtype=np.int32)
    admitted = budget.admit((firsts, seconds), random)
    np.testing.assert_array_equal(admitted, (firsts, seconds))
    assert not budget.exceeded


def test_the_budget_keeps_room_for_others_and_is_never_exceeded() -> None:
    n, random = 1000, np.random.default_rng(0)
    budget, total = PairBudget(n), 0
    firsts, seconds = (ends.astype(np.int32) for ends in np.triu_indices(60, 1))
    for start in range(0, 180, 60):
        total += len(budget.admit((firsts + start, seconds + start), random)[0])
    assert budget.exceeded
    others = np.arange(200, 300, dtype=np.int32), np.arange(300, 400, dtype=np.int32)
    assert len(budget.admit(others, random)[0]) == 100
    for start in range(400, 1000, 60):
        total += len(budget.admit((firsts + start, seconds + start), random)[0])
    assert total + 100 <= PAIRS_OF_AN_IMAGE * n
