"""Near-duplicates: planted ones are found, others not, however many and however alike."""

from collections.abc import Callable

import numpy as np
import pytest
from octcluster_clusterer import tiles
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import RunCancelled
from octcluster_clusterer.model import Duplicates
from octcluster_clusterer.trust import near_duplicates
from octcluster_clusterer.trust.near_duplicates import find_duplicates


def make_vectors(n: int = 1300, dimension: int = 96, seed: int = 0) -> np.ndarray:
    """Like features of a network: never negative, much alike, a few directions hold most of the variance."""
    random = np.random.default_rng(seed)
    spread = np.arange(1, dimension + 1) ** -0.5
    vectors = 3 + random.standard_normal((n, dimension)) * spread
    return np.asarray(np.abs(vectors), dtype=np.float32)


def make_keys(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 32), dtype=np.uint8)


def find(
    vectors: np.ndarray, keys: np.ndarray | None = None, report: Callable[[], None] = lambda: None
) -> Duplicates:
    before = vectors.copy()
    found = find_duplicates(
        MemoryBlocks(vectors), make_keys(len(vectors)) if keys is None else keys, 0, report
    )
    np.testing.assert_array_equal(vectors, before)
    return found


def find_slowly(vectors: np.ndarray, usual_spread: float = 0.0) -> set[tuple[int, int]]:
    directions = vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    directions -= directions.mean(axis=0)
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), usual_spread)
    lifts = np.sqrt(np.maximum(1 - np.square(directions).sum(axis=1), 0))
    similarities = directions @ directions.T + np.outer(lifts, lifts)
    near = np.triu(similarities >= near_duplicates.THRESHOLD, 1)
    return set(zip(*np.nonzero(near), strict=True))


def as_set(found: Duplicates) -> set[tuple[int, int]]:
    return {(pair.first_member, pair.second_member) for pair in found.pairs}


def test_nothing_is_found_where_nothing_is() -> None:
    assert find(make_vectors()) == Duplicates([], 0, near_duplicates.THRESHOLD)


def test_planted_pairs_are_found_and_others_not() -> None:
    vectors = make_vectors()
    random = np.random.default_rng(2)
    planted = {(5, 700), (6, 1299), (20, 21)}
    for first, second in planted:
        vectors[second] = 2 * vectors[first] + 0.02 * random.standard_normal(96)  # brighter, stored anew
    found = find(vectors)
    assert as_set(found) == planted
    assert found.total_pairs == 3
    values = [pair.similarity for pair in found.pairs]
    assert values == sorted(values, reverse=True)
    assert min(values) >= near_duplicates.THRESHOLD == found.threshold


def test_the_bound_loses_no_pair() -> None:
    random = np.random.default_rng(3)
    vectors = make_vectors(600, 300)
    vectors[300:] = vectors[:300] + random.uniform(0, 0.2, (300, 1)) * random.standard_normal((300, 300))
    found = find(vectors)
    assert 20 < found.total_pairs < 300
    assert as_set(found) == find_slowly(vectors)


def test_members_of_the_same_image_are_no_pair() -> None:
    vectors, keys = make_vectors(40), make_keys(40)
    vectors[30], keys[30] = vectors[3], keys[3]
    vectors[35] = vectors[3]
    assert as_set(find(vectors, keys)) == {(3, 35)}


def test_many_pairs_are_counted_and_the_best_kept() -> None:
    random = np.random.default_rng(4)
    vectors = np.repeat(make_vectors(6), 100, axis=0)
    vectors += 0.01 * random.standard_normal(vectors.shape).astype(np.float32)
    found = find(vectors)
    assert found.total_pairs == 6 * 99 * 100 // 2
    assert len(found.pairs) == near_duplicates.MAX_PAIRS
    assert all(pair.first_member // 100 == pair.second_member // 100 for pair in found.pairs)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e30])
def test_vectors_that_are_all_the_same_are_all_pairs(value: float) -> None:
    found = find(np.full((30, 8), value, dtype=np.float32))
    assert found.total_pairs == 30 * 29 // 2
    assert found.pairs[0].similarity == 1


def make_copies(n: int, least_noise: float, most_noise: float) -> np.ndarray:
    """Vectors of one image with more and more noise."""
    random = np.random.default_rng(5)
    noise = np.linspace(least_noise, most_noise, n)[:, np.newaxis] * random.standard_normal((n, 96))
    copies = np.repeat(make_vectors(1), n, axis=0) + noise
    return copies.astype(np.float32)


def test_copies_of_one_image_are_found_where_there_is_nothing_else() -> None:
    copies = make_copies(30, 0.05, 0.05)
    usual_spread = 0.1  # make_vectors spreads by 0.09
    assert find_duplicates(MemoryBlocks(copies), make_keys(30), 0, lambda: None).total_pairs == 0
    found = find_duplicates(MemoryBlocks(copies), make_keys(30), 0, lambda: None, usual_spread=usual_spread)
    assert found.total_pairs == 30 * 29 // 2


def test_two_copies_alone_are_a_pair_and_two_images_are_not() -> None:
    for vectors, pairs in ((make_copies(2, 0.05, 0.05), 1), (make_vectors(2), 0)):
        found = find_duplicates(MemoryBlocks(vectors), make_keys(2), 0, lambda: None, usual_spread=0.1)
        assert found.total_pairs == pairs


def test_the_spread_makes_no_pair_of_different_images() -> None:
    found = find_duplicates(MemoryBlocks(make_vectors()), make_keys(1300), 0, lambda: None, usual_spread=0.1)
    assert found.total_pairs == 0


@pytest.mark.parametrize("most_alike", [False, True])
def test_the_bound_loses_no_pair_near_the_mean(most_alike: bool) -> None:
    others = make_vectors(40)
    copies = make_copies(300 if most_alike else 60, 0.02, 0.12)
    vectors = np.concatenate([others, copies])
    found = find_duplicates(MemoryBlocks(vectors), make_keys(len(vectors)), 0, lambda: None, usual_spread=0.1)
    slowly = find_slowly(vectors, 0.1)
    assert found.total_pairs == len(slowly) > 100
    assert as_set(found) <= slowly


def test_one_image_has_no_pair() -> None:
    assert find(make_vectors(1)).total_pairs == 0


def test_the_search_repeats_itself_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = make_vectors()
    vectors[600:] = vectors[:700] + 0.05
    first = find(vectors)
    assert first.total_pairs == 600
    monkeypatch.setattr(tiles, "_MAX_THREADS", 1)
    assert find(vectors) == first


def test_the_search_can_be_stopped() -> None:
    def stop() -> None:
        raise RunCancelled("stop")

    with pytest.raises(RunCancelled):
        find(make_vectors(), report=stop)
