"""Uneven clusters: sizes that may differ, whitening between neighbours, and their consensus."""

import numpy as np
import pytest
from octcluster_clusterer import tiles
from octcluster_clusterer.clustering import (
    cluster_sizes,
    find_clusters,
    hg_means,
    neighbor_whitening,
    uneven_consensus,
)
from octcluster_clusterer.clustering.search_options import SearchOptions
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import RunCancelled
from octcluster_clusterer.model import Algorithm
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

pytestmark = pytest.mark.heavy

SIZES = (200, 60, 25, 25)


def ignore() -> None:
    """Reports nothing."""


def draw_unevenly(
    apart: float = 3.2, dimension: int = 96, sizes: tuple[int, ...] = SIZES, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Spherical groups of uneven sizes in many dimensions."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    vectors = random.standard_normal((groups.size, dimension))
    vectors[:, : len(sizes)] += apart * np.eye(len(sizes))[groups]
    vectors -= vectors.mean(axis=0)
    return vectors.astype(np.float32), groups


def draw_parts(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two parts that see the same groups, and each a stronger grouping of its own that means nothing."""
    random = np.random.default_rng(seed)
    groups = np.arange(240) % 3
    parts = []
    for _ in range(2):
        part = random.standard_normal((240, 24))
        part[:, :3] += 3.0 * np.eye(3)[groups]
        part[:, 3:6] += 5.0 * np.eye(3)[random.integers(3, size=240)]
        parts.append(part - part.mean(axis=0))
    return np.concatenate(parts, axis=1).astype(np.float32), groups


def test_uneven_groups_are_found_where_k_means_cuts_the_largest() -> None:
    vectors, groups = draw_unevenly()
    even = hg_means.search(MemoryBlocks(vectors), 4, 0, ignore, (96,))
    uneven = hg_means.search(MemoryBlocks(vectors), 4, 0, ignore, (96,), SearchOptions(2.0))
    assert adjusted_rand_score(groups, even.labels) < 0.6
    assert adjusted_rand_score(groups, uneven.labels) > 0.85
    assert uneven.sizes_count
    assert not even.sizes_count


def test_even_groups_stay_even() -> None:
    vectors, groups = draw_unevenly(sizes=(60, 60, 60, 60), apart=4.0, dimension=60)
    assert (
        adjusted_rand_score(
            groups, hg_means.search(MemoryBlocks(vectors), 4, 0, ignore, (60,), SearchOptions(2.0)).labels
        )
        > 0.95
    )


def test_more_uneven_members_than_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hg_means, "SEARCHED_MEMBERS", 400)
    vectors, groups = draw_unevenly(sizes=(1600, 300, 200, 200), apart=4.0)
    found = hg_means.search(MemoryBlocks(vectors), 4, 0, ignore, (96,), SearchOptions(4.0)).labels
    assert adjusted_rand_score(groups, found) > 0.95


def test_the_search_on_a_sample_agrees_with_that_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, groups = draw_unevenly(sizes=(150, 60, 40, 30), apart=4.5, dimension=24)
    exact = next(uneven_consensus.search_for_each(MemoryBlocks(vectors), [4], 0, ignore, (12, 12)))
    for module in (hg_means, neighbor_whitening):
        monkeypatch.setattr(module, "SEARCHED_MEMBERS", 180)
    sampled = next(uneven_consensus.search_for_each(MemoryBlocks(vectors), [4], 0, ignore, (12, 12)))
    assert adjusted_rand_score(exact.labels, sampled.labels) > 0.95
    assert adjusted_rand_score(groups, sampled.labels) > 0.9


def test_all_numbers_of_clusters_side_by_side_are_those_of_one_at_a_time() -> None:
    vectors, _ = draw_unevenly(sizes=(60, 30, 20), dimension=24)
    together = uneven_consensus.search_for_each(MemoryBlocks(vectors), [2, 3], 1, ignore, (12, 12))
    for n_clusters, found in zip([2, 3], together, strict=True):
        alone = next(
            uneven_consensus.search_for_each(MemoryBlocks(vectors), [n_clusters], 1, ignore, (12, 12))
        )
        np.testing.assert_array_equal(found.labels, alone.labels)
        assert found.explained == alone.explained


def test_neighbors_by_one_part_tell_what_means_nothing_in_another() -> None:
    vectors, groups = draw_parts()
    before = hg_means.cluster(MemoryBlocks(vectors), 3, 0, ignore, (24, 24))
    whitened = neighbor_whitening.whiten_between_neighbors(MemoryBlocks(vectors), (24, 24), 0, ignore)
    after = hg_means.cluster(whitened, 3, 0, ignore, (24, 24))
    assert adjusted_rand_score(groups, before) < 0.2
    assert adjusted_rand_score(groups, after) > 0.95
    np.testing.assert_allclose(np.linalg.norm(whitened.bring(ignore)[:, :24], axis=1), np.sqrt(24), rtol=1e-5)


def test_few_members_are_all_neighbors() -> None:
    first = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [-1, -1]], dtype=np.float32)
    second = np.array([[1, 0], [0, 1], [0.9, 0.1], [0.1, 0.9], [-1, -1]], dtype=np.float32)
    of_first, of_second = neighbor_whitening._find_pairs([first, second], ignore)
    # With five members all are neighbours, each pair once.
    assert len(of_first[0]) == len(of_second[0]) == 10


def test_only_the_nearest_are_paired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbor_whitening, "NEIGHBORS", 1)
    first = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], dtype=np.float32)
    second = np.array([[1, 0], [0, 1], [0.9, 0.1], [0.1, 0.9]], dtype=np.float32)
    pairs = [
        sorted(zip(*found, strict=True)) for found in neighbor_whitening._find_pairs([first, second], ignore)
    ]
    assert pairs == [[(0, 2), (1, 3)], [(0, 1), (2, 3)]]


def test_one_part_alone_is_left_but_for_its_length() -> None:
    vectors, _ = draw_unevenly()
    whitened = neighbor_whitening.whiten_between_neighbors(MemoryBlocks(vectors), (96,), 0, ignore)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(whitened.bring(ignore), vectors / lengths * np.sqrt(96), rtol=1e-4, atol=1e-5)


def test_threads_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbor_whitening, "SEARCHED_MEMBERS", 150)
    monkeypatch.setattr(hg_means, "SEARCHED_MEMBERS", 200)
    vectors, _ = draw_parts()
    with threadpool_limits(limits=1):
        several = next(
            uneven_consensus.search_for_each(MemoryBlocks(vectors), [3], 5, ignore, (24, 24))
        ).labels
        monkeypatch.setattr(tiles, "_MAX_THREADS", 1)
        one = next(uneven_consensus.search_for_each(MemoryBlocks(vectors), [3], 5, ignore, (24, 24))).labels
    np.testing.assert_array_equal(several, one)


def test_as_many_clusters_as_asked_for_where_one_would_be_worth_more() -> None:
    vectors = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
    found = hg_means.search(MemoryBlocks(vectors), 5, 0, ignore, (8,), SearchOptions(50.0)).labels
    assert len(set(found.tolist())) == 5


def test_it_can_be_stopped() -> None:
    vectors, _ = draw_parts()
    calls = 0

    def stop_later() -> None:
        nonlocal calls
        calls += 1
        if calls >= 30:
            raise RunCancelled("cancelled")

    with pytest.raises(RunCancelled):
        next(uneven_consensus.search_for_each(MemoryBlocks(vectors), [3], 0, stop_later, (24, 24)))
    assert calls < 40


def test_few_different_vectors() -> None:
    vectors = np.repeat(np.array([[3, 0], [-3, 0], [0, 3]], dtype=np.float32), 5, axis=0)
    labels = find_clusters(Algorithm.UNEVEN_CONSENSUS, MemoryBlocks(vectors), 3, 0, ignore, (1, 1))
    assert len(set(labels.tolist())) <= 3
    assert all(len(set(labels[start : start + 5])) == 1 for start in (0, 5, 10))


def test_sizes_are_worth_nothing_where_they_are_even_and_most_where_one_has_all() -> None:
    sizes = np.array([[10, 10], [19, 1], [20, 0]])
    values = cluster_sizes.value_sizes(sizes, 2.0)
    assert values[0] == pytest.approx(0)
    assert values[1] == pytest.approx(2 * (19 * np.log(1.9) + np.log(0.1)))
    assert values[2] == pytest.approx(2 * 20 * np.log(2))
    assert cluster_sizes.value_sizes(sizes, 0.0).tolist() == [0, 0, 0]


def test_the_value_of_a_move_is_the_difference_of_the_values() -> None:
    leaving, joining = cluster_sizes.find_values_of_moves(np.array([[8, 4]]), 12, 3.0)
    gain = joining[0, 1] - leaving[0, 0]
    before, after = (float(cluster_sizes.value_sizes(np.array(each), 3.0)) for each in ([8, 4], [7, 5]))
    assert gain == pytest.approx(after - before, rel=1e-5)
