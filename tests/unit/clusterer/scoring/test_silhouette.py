"""Silhouettes against scikit-learn's: any tile size, duplicates, far and near groups, noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known import known
from octcluster_clusterer import tiles
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import RunCancelled
from octcluster_clusterer.scoring import find_silhouettes, score, silhouette
from sklearn.metrics import silhouette_samples


def find(vectors: np.ndarray, *label_sets: np.ndarray) -> list[np.ndarray]:
    return find_silhouettes(
        MemoryBlocks(vectors), [labels.astype(np.int32) for labels in label_sets], lambda d, t: None
    )


def expect(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """scikit-learn's values for all members that are not noise, NaN for noise."""
    values = np.full(len(labels), np.nan)
    clustered = labels >= 0
    values[clustered] = silhouette_samples(vectors[clustered].astype(np.float64), labels[clustered])
    return values


@pytest.mark.parametrize("n", [5, 511, 512, 513, 1300])
def test_many_label_sets_at_once_equal_scikit_learn(n: int) -> None:
    random = np.random.default_rng(n)
    vectors = random.standard_normal((n, 64)).astype(np.float32)
    label_sets = [random.integers(0, k, n) for k in range(2, 5)]
    label_sets = [np.unique(labels, return_inverse=True)[1] for labels in label_sets]
    for values, labels in zip(find(vectors, *label_sets), label_sets, strict=True):
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expect(vectors, labels), atol=1e-5)


@pytest.mark.parametrize("spread", [1e-5, 1e-3, 0.03, 0.3])
def test_groups_much_narrower_than_their_distances_equal_scikit_learn(spread: float) -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 6, 600)
    centers = random.standard_normal((6, 200))
    centers[3:] *= 0.01  # three of the six lie close together
    vectors = centers[groups] + spread * random.standard_normal((600, 200))
    vectors = (vectors - vectors.mean(axis=0)).astype(np.float32)
    (values,) = find(vectors, groups)
    np.testing.assert_allclose(values, expect(vectors, groups), atol=1e-5)


def test_repeated_vectors_equal_scikit_learn() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((40, 300)).astype(np.float32)[random.integers(0, 40, 900)]
    labels = random.integers(0, 4, 900)
    (values,) = find(vectors, labels)
    np.testing.assert_allclose(values, expect(vectors, labels), atol=1e-5)


@pytest.mark.heavy
@settings(deadline=None, max_examples=200)
@given(st.data())
def test_small_inputs_with_duplicates_and_noise_equal_scikit_learn(data: st.DataObject) -> None:
    n = data.draw(st.integers(3, 12))
    vectors = np.array(
        data.draw(st.lists(st.lists(st.integers(-2, 2), min_size=2, max_size=2), min_size=n, max_size=n)),
        dtype=np.float32,
    )
    labels = np.array(data.draw(st.lists(st.integers(-1, 3), min_size=n, max_size=n)))
    found, numbered = np.unique(labels[labels >= 0], return_inverse=True)
    labels[labels >= 0] = numbered
    (values,) = find(vectors, labels)
    if found.size < 2:
        assert np.isnan(values).all()
    elif found.size == (labels >= 0).sum():  # scikit-learn refuses it
        np.testing.assert_array_equal(values[labels >= 0], 0)
    else:
        np.testing.assert_allclose(values, expect(vectors, labels), atol=1e-5)


def test_noise_takes_no_part() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((200, 10)).astype(np.float32)
    labels = random.integers(-1, 3, 200)
    (values,) = find(vectors, labels)
    assert np.isnan(values[labels < 0]).all()
    np.testing.assert_allclose(values, expect(vectors, labels), atol=1e-5)
    scores, _ = score(labels.astype(np.int32), values, None)
    assert scores.silhouette.value == pytest.approx(np.nanmean(values), abs=1e-6)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [([0, 0, 0, 0], "only one cluster"), ([-1, -1, -1, -1], "noise"), ([0, -1, 0, 0], "one")],
)
def test_without_two_clusters_there_is_no_silhouette_but_a_reason(labels: list[int], reason: str) -> None:
    vectors = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    (values,) = find(vectors, np.array(labels))
    assert np.isnan(values).all()
    scores, _ = score(np.array(labels, dtype=np.int32), values, None)
    assert scores.silhouette.value is None
    assert reason in known(scores.silhouette.undefined_reason)


def test_a_cluster_for_each_member_has_no_silhouette_but_a_reason() -> None:
    vectors = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    labels = np.array([0, 1, -1, 2])
    (values,) = find(vectors, labels)
    scores, _ = score(labels, values, None)
    assert scores.silhouette.value is None
    assert "a cluster of its own" in known(scores.silhouette.undefined_reason)


def test_no_label_set_and_many_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((100, 5)).astype(np.float32)
    assert find(vectors) == []
    label_sets = [np.arange(100) % k for k in (2, 7, 3, 5)]
    monkeypatch.setattr(silhouette, "_MAX_COLUMNS", 6)
    for values, labels in zip(find(vectors, *label_sets), label_sets, strict=True):
        np.testing.assert_allclose(values, expect(vectors, labels), atol=1e-5)


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((1500, 50)).astype(np.float32)
    labels = random.integers(0, 4, 1500)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        (many,) = find(vectors, labels)
        monkeypatch.setattr(tiles, "_MAX_THREADS", 1)
        (one,) = find(vectors, labels)
    np.testing.assert_array_equal(one, many)


def test_progress_rises_to_all_members_and_a_cancellation_stops_the_work() -> None:
    vectors = np.random.default_rng(0).standard_normal((1200, 5)).astype(np.float32)
    labels = (np.arange(1200) % 3).astype(np.int32)
    seen: list[tuple[int, int]] = []
    find_silhouettes(MemoryBlocks(vectors), [labels], lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert len(seen) >= 6
    assert seen[-1] == (1200, 1200)

    def cancel(done: int, total: int) -> None:
        raise RunCancelled("stop")

    with pytest.raises(RunCancelled):
        find_silhouettes(MemoryBlocks(vectors), [labels], cancel)


def test_sampled_members_have_the_silhouettes_that_they_have_among_all() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((1700, 20)).astype(np.float32)
    vectors[600:900] = vectors[0]  # near pairs, those of a member with itself among them
    label_sets = [random.integers(-1, k, 1700).astype(np.int32) for k in (3, 7)]
    sample = np.sort(random.choice(1700, 600, replace=False))
    found = find_silhouettes(MemoryBlocks(vectors), label_sets, lambda done, total: None, sample)
    for sampled, whole in zip(found, find(vectors, *label_sets), strict=True):
        np.testing.assert_allclose(sampled[sample], whole[sample], atol=1e-6)
        assert np.isnan(np.delete(sampled, sample)).all()


def test_only_of_many_members_a_sample_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert silhouette.draw_sample(84_495, 0) is None
    monkeypatch.setattr(silhouette, "EXACT_MEMBERS", 1000)
    monkeypatch.setattr(silhouette, "SAMPLED_MEMBERS", 300)
    assert silhouette.draw_sample(1000, 0) is None
    drawn, again, other = (known(silhouette.draw_sample(1001, seed)) for seed in (0, 0, 1))
    assert len(np.unique(drawn)) == 300
    np.testing.assert_array_equal(drawn, again)
    assert (drawn != other).any()


def test_the_mean_of_a_sample_says_so_and_its_interval_holds_the_mean_of_all() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((3000, 4)).astype(np.float32)
    labels = (vectors[:, 0] > 0.5).astype(np.int32) - (vectors[:, 1] > 1.5)
    (values,) = find(vectors, labels)
    exact = silhouette.summarize(values, labels)
    assert exact.sampled_members is None
    assert exact.interval is None
    inside = 0
    for _ in range(400):
        sampled = np.full(3000, np.nan, dtype=np.float32)
        chosen = random.choice(3000, 200, replace=False)
        sampled[chosen] = values[chosen]
        estimate = silhouette.summarize(sampled, labels)
        assert estimate.sampled_members == np.count_nonzero(labels[chosen] >= 0)
        interval = known(estimate.interval)
        inside += interval.low <= known(exact.value) <= interval.high
    assert 370 <= inside <= 395  # 380 are expected; more than 395 were an interval too wide


def test_a_sample_without_clustered_members_has_no_silhouette_but_a_reason() -> None:
    labels = np.array([0, 0, 1, 1, -1, -1])
    values = np.array([0.5, np.nan, np.nan, np.nan, np.nan, np.nan], dtype=np.float32)
    found = silhouette.summarize(values, labels)
    assert found.value is None
    assert "random sample" in known(found.undefined_reason)
