"""Near-duplicates: planted ones are found, others not, however many and however alike."""

import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from known import known
from octcluster_clusterer import tiles
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import RunCancelled
from octcluster_clusterer.trust import (
    compared_pairs,
    near_duplicate_buckets,
    near_duplicate_sample,
    near_duplicates,
)
from octcluster_clusterer.trust.duplicates import Duplicates
from octcluster_clusterer.trust.near_duplicates import find_duplicates
from octcluster_clusterer.trust.similarities import THRESHOLD
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def one_thread_of_blas() -> Iterator[None]:
    """As in a run."""
    with threadpool_limits(1):
        yield


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
    near = np.triu(similarities >= THRESHOLD, 1)
    return set(zip(*np.nonzero(near), strict=True))


def as_set(found: Duplicates) -> set[tuple[int, int]]:
    return {(pair.first_member, pair.second_member) for pair in found.pairs}


def test_nothing_is_found_where_nothing_is() -> None:
    assert find(make_vectors()) == Duplicates([], 0, THRESHOLD)


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
    assert min(values) >= THRESHOLD == found.threshold


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
    keys[30, -1] += 1  # another image whose key begins alike
    assert as_set(find(vectors, keys)) == {(3, 30), (3, 35), (30, 35)}


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


@pytest.fixture
def in_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs of more than 200 images are looked for in buckets, and 400 images are sampled."""
    monkeypatch.setattr(near_duplicates, "EXACT_IMAGES", 200)
    monkeypatch.setattr(near_duplicate_sample, "SAMPLED_IMAGES", 400)


def plant_copies(n_copies: int = 500) -> np.ndarray:
    """Images, and copies of some of them that are more and more noisy, at arbitrary places."""
    random = np.random.default_rng(6)
    vectors = make_vectors(2000)
    noise = random.uniform(0, 0.2, (n_copies, 1)) * random.standard_normal((n_copies, 96))
    vectors[-n_copies:] = vectors[:n_copies] + noise
    return np.asarray(random.permutation(vectors))


@pytest.mark.usefixtures("in_buckets")
def test_buckets_find_nearly_all_pairs_of_many_images_and_no_other() -> None:
    vectors = plant_copies()
    found, slowly = find(vectors), find_slowly(vectors)
    assert as_set(found) <= slowly
    assert 0.97 * len(slowly) < found.total_pairs == len(found.pairs) <= len(slowly) > 150
    search = known(found.search)
    assert search.sampled_members == 400
    assert 0.2 * len(slowly) < search.sampled_pairs < 0.6 * len(slowly)
    interval = known(search.recall.interval)
    assert interval.low <= found.total_pairs / len(slowly)
    assert known(search.recall.value) > 0.95
    assert not search.exceeded


def test_up_to_a_number_all_pairs_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = plant_copies()
    monkeypatch.setattr(near_duplicates, "EXACT_IMAGES", 2000)
    exact = find(vectors)
    assert exact.search is None
    assert as_set(exact) == find_slowly(vectors)
    monkeypatch.setattr(near_duplicates, "EXACT_IMAGES", 1999)
    assert find(vectors).search is not None


@pytest.mark.usefixtures("in_buckets")
def test_what_buckets_find_is_the_same_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = plant_copies()
    first = find(vectors)
    monkeypatch.setattr(tiles, "_MAX_THREADS", 1)
    assert find(vectors) == first


@pytest.mark.usefixtures("in_buckets")
def test_what_the_sample_finds_is_kept_where_buckets_find_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "count_tables", lambda n_images: 1)
    monkeypatch.setattr(near_duplicate_buckets, "BUCKET_IMAGES", 2)
    vectors = plant_copies()
    found, slowly = find(vectors), find_slowly(vectors)
    recall = known(known(found.search).recall.value)
    assert recall < 0.7
    assert as_set(found) <= slowly
    assert found.total_pairs == len(found.pairs) > (recall + 0.1) * len(slowly)


@pytest.mark.usefixtures("in_buckets")
def test_a_sample_without_a_pair_measures_no_recall() -> None:
    found = find(make_vectors())
    assert (found.pairs, found.total_pairs) == ([], 0)
    assert known(known(found.search).recall.undefined_reason)


@pytest.mark.usefixtures("in_buckets")
def test_a_pile_of_copies_is_bounded_told_of_and_leaves_room_for_other_pairs() -> None:
    random = np.random.default_rng(7)
    vectors = plant_copies()
    others = {pair for pair in find_slowly(vectors) if max(pair) < 1200}
    vectors[1200:] = vectors[1200] + 0.01 * random.standard_normal((800, 96))
    found = find(vectors)
    slowly = find_slowly(vectors)
    assert known(found.search).exceeded
    assert found.total_pairs < len(slowly)
    assert found.total_pairs < near_duplicate_buckets.PAIRS_OF_AN_IMAGE * 2000 + 64 * 400
    assert known(known(found.search).recall.value) < 0.9
    assert len(others) > 50
    compared_apart = find(vectors[:1200])
    assert known(compared_apart.search).exceeded is False


@pytest.mark.usefixtures("in_buckets")
def test_a_search_in_buckets_can_be_stopped_at_any_step() -> None:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    find(plant_copies(), report=count)
    for stop_at in range(1, steps, steps // 7):
        left = stop_at

        def stop() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise RunCancelled("stop")

        with pytest.raises(RunCancelled):
            find(plant_copies(), report=stop)


@pytest.mark.heavy
@pytest.mark.usefixtures("in_buckets")
@pytest.mark.parametrize("n_copies", [600, 8_000])
def test_the_memory_of_a_search_in_buckets_is_bounded(n_copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared_pairs, "_MAX_TAKEN_VALUES", 2**18)
    monkeypatch.setattr(tiles, "_MAX_THREADS", 1)
    random = np.random.default_rng(8)
    vectors = make_vectors(20_000, 70)
    vectors[:n_copies] = vectors[0] + 0.01 * random.standard_normal((n_copies, 70))
    blocks, keys = MemoryBlocks(vectors), make_keys(20_000)
    tracemalloc.start()
    found = find_duplicates(blocks, keys, 0, lambda: None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert known(found.search).exceeded
    of_members = near_duplicates.estimate_bytes(20_000, 70)
    of_members -= compared_pairs.TAKEN_BYTES + near_duplicate_sample.SAMPLE_BYTES
    assert of_members < 2 * 4 * 20_000 * 66  # twice the bounds
    assert peak < of_members + 12 * 2**20  # tiles


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
