"""The recall of the search by a random sample: all pairs of its images, and an interval that holds."""

import numpy as np
import pytest
from known import known
from octcluster_clusterer.trust import near_duplicate_sample
from octcluster_clusterer.trust.near_duplicate_sample import estimate_recall, sample_pairs
from octcluster_clusterer.trust.similarities import LEAST_BOUND


def make_bounds(n: int, spread: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(0)
    bounds = spread * random.standard_normal((n, 6)) + np.ones(6)
    return np.asarray(bounds / np.linalg.norm(bounds, axis=1, keepdims=True), dtype=np.float32)


def nothing() -> None:
    pass


def test_all_pairs_of_the_sampled_images_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicate_sample, "SAMPLED_IMAGES", 50)
    bounds = make_bounds(1200)
    sampled = sample_pairs(bounds, 3, nothing)
    likely = np.triu(bounds @ bounds.T >= LEAST_BOUND, 1)
    found = set(zip(sampled.firsts.tolist(), sampled.seconds.tolist(), strict=True))
    assert found <= set(zip(*map(np.ndarray.tolist, np.nonzero(likely)), strict=True))
    counts = likely.sum(axis=0) + likely.sum(axis=1)
    own = np.bincount(sampled.images, minlength=50)
    for image in np.flatnonzero(own):
        ends = np.stack([sampled.firsts, sampled.seconds])[:, sampled.images == image]
        (sampled_image,) = (
            set.intersection(*(set(pair) for pair in ends.T.tolist()))
            if own[image] > 1
            else (next(end for end in ends[:, 0] if counts[end] == 1 or own[image] == counts[end]),)
        )
        assert own[image] == counts[sampled_image]
    assert own.sum() > 50
    assert (sampled.weights == 1).all()


def test_of_many_pairs_of_an_image_some_are_drawn_and_weigh_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicate_sample, "SAMPLED_IMAGES", 20)
    sampled = sample_pairs(make_bounds(1500, spread=0.01), 0, nothing)
    most = near_duplicate_sample.MAX_PAIRS_OF_AN_IMAGE
    assert np.bincount(sampled.images).tolist() == [most] * 20
    assert sampled.weights.tolist() == [1499 / most] * 20
    others = np.where(np.isin(sampled.firsts, sampled.firsts[0]), sampled.seconds, sampled.firsts)
    assert others.max() > 1400
    assert others.min() < 100


def test_the_sample_is_another_for_another_seed() -> None:
    bounds = make_bounds(9000)
    first, again, other = (sample_pairs(bounds, seed, nothing) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.firsts, again.firsts)
    assert set(first.firsts) != set(other.firsts)


def test_without_a_pair_the_recall_is_unknown() -> None:
    recall = estimate_recall(np.ones(5), np.empty(0, dtype=bool), np.empty(0, dtype=np.int32))
    assert (recall.value, recall.interval) == (None, None)
    assert recall.undefined_reason == "no image of the random sample has a near-duplicate"


@pytest.mark.parametrize(("found", "ends"), [(True, (0.6915, 1.0)), (False, (0.0, 0.3085))])
def test_ten_pairs_alone_leave_the_recall_open(found: bool, ends: tuple[float, float]) -> None:
    recall = estimate_recall(np.ones(99), np.full(10, found), np.arange(10, dtype=np.int32))
    assert recall.value == float(found)
    interval = known(recall.interval)
    assert (interval.low, interval.high) == pytest.approx(ends, abs=1e-4)
    assert recall.sampled_members == 99


def test_the_pairs_of_one_image_count_as_one() -> None:
    found = np.repeat([True, True, False, True], 100)
    many = estimate_recall(np.ones(9), found, np.repeat(np.arange(4, dtype=np.int32), 100))
    few = estimate_recall(np.ones(9), found[::100], np.arange(4, dtype=np.int32))
    assert many.value == few.value == 0.75
    assert known(many.interval).low == pytest.approx(known(few.interval).low)
    assert known(many.interval).high == pytest.approx(known(few.interval).high)


def test_an_image_whose_pairs_were_drawn_weighs_as_all_of_them() -> None:
    recall = estimate_recall(np.array([3.0, 1.0]), np.array([True, False]), np.array([0, 1], dtype=np.int32))
    assert recall.value == 0.75


@pytest.mark.heavy
@pytest.mark.parametrize("piles", [False, True])
def test_the_interval_holds_the_recall_of_all_pairs(piles: bool) -> None:
    """Of pairs found or not, in piles all or none, the share lies in 95% of the intervals."""
    random = np.random.default_rng(1)
    sizes = random.integers(2, 12, 900) if piles else np.full(2500, 2)
    pile_of = np.repeat(np.arange(sizes.size), sizes)
    pairs = np.concatenate(
        [
            np.stack(np.triu_indices(size, 1)) + start
            for size, start in zip(sizes, np.cumsum(sizes) - sizes, strict=True)
        ],
        axis=1,
    )
    is_found = (random.random(sizes.size) < 0.9)[pile_of[pairs[0]]]
    n, inside, draws = 40_000, 0, 300
    for _ in range(draws):
        place = np.full(n, -1, dtype=np.int32)
        sample = random.choice(n, 2000, replace=False)
        place[sample] = np.arange(2000)
        images = np.concatenate([place[pairs[0]], place[pairs[1]]])
        found = np.tile(is_found, 2)[images >= 0]
        interval = known(estimate_recall(np.ones(2000), found, images[images >= 0]).interval)
        inside += interval.low <= is_found.mean() <= interval.high
    assert inside >= 0.93 * draws
