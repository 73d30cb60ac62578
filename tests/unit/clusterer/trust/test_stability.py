"""Stability over parts of the patients: known answers on blobs and noise, and its undefined cases."""

from collections.abc import Callable

import numpy as np
import pytest
from known import known
from octcluster_clusterer.clustering import find_clusters
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import RunCancelled
from octcluster_clusterer.model import Algorithm, Stability
from octcluster_clusterer.trust import stability
from octcluster_clusterer.trust.stability import find_stability


def kmeans(n_clusters: int) -> Callable[[np.ndarray, int], np.ndarray]:
    return lambda vectors, part: find_clusters(
        Algorithm.KMEANS, MemoryBlocks(vectors), n_clusters, part, lambda: None
    )


def judge(vectors: np.ndarray, n_clusters: int, n_patients: int, n_resamples: int = 5) -> Stability:
    vectors = (vectors - vectors.mean(axis=0)).astype(np.float32)
    cluster = kmeans(n_clusters)
    patients = np.arange(len(vectors)) // 4 % n_patients
    return find_stability(MemoryBlocks(vectors), cluster(vectors, 99), patients, n_resamples, 0, cluster)


def blobs(n_blobs: int, spread: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    centers = 5 * random.standard_normal((n_blobs, 6))
    return centers[np.arange(400) % n_blobs] + spread * random.standard_normal((400, 6))


def test_separate_blobs_are_stable() -> None:
    found = judge(blobs(4, 0.1), 4, 40)
    assert found.overall.value == 1
    assert [one.value for one in found.clusters] == [1] * 4
    assert found.resamples == 5


def test_noise_is_not_stable() -> None:
    found = judge(blobs(1, 1.0), 4, 40)
    assert known(found.overall.value) < 0.6
    assert min(known(one.value) for one in found.clusters) < 0.75


def test_a_blob_cut_in_two_is_the_unstable_one() -> None:
    wide = blobs(1, 5.0)
    vectors = np.where(np.arange(400)[:, np.newaxis] % 3 == 0, wide, blobs(1, 0.1))
    vectors[np.arange(400) % 3 == 1] += 200
    vectors[np.arange(400) % 3 == 2] -= 200
    found = judge(vectors, 4, 40)
    values = sorted(known(one.value) for one in found.clusters)
    assert values[2:] == [1, 1]
    assert values[0] < 0.9


def test_parts_hold_whole_groups_and_are_centred() -> None:
    seen = []

    def look(vectors: np.ndarray, part: int) -> np.ndarray:
        seen.append(vectors.copy())
        return np.zeros(len(vectors), dtype=np.int32)

    vectors = np.repeat(np.arange(10, dtype=np.float32), 3)[:, np.newaxis]
    find_stability(
        MemoryBlocks(vectors), np.zeros(30, dtype=np.int32), np.repeat(np.arange(10), 3), 4, 0, look
    )
    assert len(seen) == 4
    for part in seen:
        assert len(part) == 24
        assert set(np.unique(part, return_counts=True)[1]) == {3}
        assert abs(part.mean()) < 1e-6
    assert len({part.tobytes() for part in seen}) > 1


def test_few_groups_and_single_parts_are_undefined_with_the_reason() -> None:
    few = judge(blobs(4, 0.1), 4, 4)
    assert few.overall.value is None
    assert "at least 5" in known(few.overall.undefined_reason)
    assert [one.value for one in few.clusters] == [None] * 4
    single = judge(blobs(4, 0.1), 4, 40, n_resamples=1)
    assert "one part alone" in known(single.overall.undefined_reason)
    assert [one.value for one in single.clusters] == [1] * 4


def test_noise_and_no_clusters_are_survived() -> None:
    vectors = blobs(2, 0.1).astype(np.float32)
    nothing = find_stability(
        MemoryBlocks(vectors), np.full(400, -1), np.arange(400), 2, 0, lambda part, _: np.full(len(part), -1)
    )
    assert nothing.overall.value is None, "they agree, but on nothing"
    assert "all into one or none" in known(nothing.overall.undefined_reason)
    assert nothing.clusters == []
    lost = find_stability(
        MemoryBlocks(vectors),
        np.zeros(400, dtype=int),
        np.arange(400),
        2,
        0,
        lambda part, _: np.full(len(part), -1),
    )
    assert [one.value for one in lost.clusters] == [0]


@pytest.mark.parametrize("labels", [np.arange(400), np.zeros(400, dtype=int)], ids=["each", "all"])
def test_a_cluster_for_each_member_and_one_for_all_are_not_called_stable(labels: np.ndarray) -> None:
    def repeat(part: np.ndarray, _: int) -> np.ndarray:
        return labels[: len(part)]

    vectors = blobs(2, 0.1).astype(np.float32)
    found = find_stability(MemoryBlocks(vectors), labels, np.arange(400), 3, 0, repeat)
    assert found.overall.value is None
    assert "a cluster for each image" in known(found.overall.undefined_reason)


def test_a_cluster_of_one_member_is_not_called_stable() -> None:
    vectors = blobs(2, 0.1).astype(np.float32)
    vectors[7] += 1000
    labels = np.where(np.arange(400) == 7, 2, np.arange(400) % 2)

    def split(part: np.ndarray, _: int) -> np.ndarray:
        return kmeans(3)(part, 0)

    first, second, alone = find_stability(MemoryBlocks(vectors), labels, np.arange(400), 4, 0, split).clusters
    assert None not in (first.value, second.value)
    assert (alone.value, alone.undefined_reason) == (None, "it holds one image, which is always like itself")


def test_a_cancellation_gets_through() -> None:
    def cancel(vectors: np.ndarray, part: int) -> np.ndarray:
        raise RunCancelled("stop")

    with pytest.raises(RunCancelled):
        find_stability(
            MemoryBlocks(blobs(2, 0.1).astype(np.float32)), np.zeros(400, int), np.arange(400), 2, 0, cancel
        )


def test_of_many_members_parts_are_drawn_from_a_sample_of_patients(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.where(np.arange(200) % 2, 1, -1)[:, np.newaxis].astype(np.float32)
    patients, sizes = np.repeat(np.arange(50), 4), []

    def split(part: np.ndarray, number: int) -> np.ndarray:
        sizes.append(len(part))
        return (part[:, 0] > 0).astype(np.int32)

    labels = split(vectors, 0)
    whole = find_stability(MemoryBlocks(vectors), labels, patients, 3, 0, split)
    assert sizes == [200, 160, 160, 160]
    assert whole.overall.sampled_members is None
    monkeypatch.setattr(stability, "MAX_MEMBERS", 41)
    sampled = find_stability(MemoryBlocks(vectors), labels, patients, 3, 0, split)
    assert sizes[4:] == [32, 32, 32]  # 80% of ten patients with four members each
    assert {score.sampled_members for score in (sampled.overall, *sampled.clusters)} == {40}
    assert sampled.overall.value == 1
    monkeypatch.setattr(stability, "MAX_MEMBERS", 3)
    assert find_stability(MemoryBlocks(vectors), labels, patients, 2, 0, split).overall.sampled_members == 20
