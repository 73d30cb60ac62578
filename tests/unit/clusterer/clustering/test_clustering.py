"""Every algorithm: finds plain groups, repeats itself to the bit, survives odd input, refuses too much."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from octcluster_clusterer import clustering
from octcluster_clusterer.clustering import (
    METHODS,
    find_clusters,
    find_clusters_for_each,
    kmeans,
    number_by_size,
)
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import InvalidRequest, RunCancelled
from octcluster_clusterer.model import Algorithm
from sklearn.cluster import AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.metrics import adjusted_rand_score

WITH_COUNT = [algorithm for algorithm in Algorithm if not METHODS[algorithm].finds_cluster_count]


def make_blobs(
    sizes: list[int], dimension: int = 12, spread: float = 0.1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Groups of the given sizes around random centres, in random order, centred: vectors and their groups."""
    random = np.random.default_rng(seed)
    groups = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centers = random.standard_normal((len(sizes), dimension))
    vectors = centers[groups] + spread * random.standard_normal((len(groups), dimension))
    return (vectors - vectors.mean(axis=0)).astype(np.float32), groups


def find(algorithm: Algorithm, vectors: np.ndarray, n_clusters: int, seed: int = 0) -> np.ndarray:
    return find_clusters(algorithm, MemoryBlocks(vectors), n_clusters, seed, lambda: None)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_plain_groups_are_found_and_numbered_by_size(algorithm: Algorithm) -> None:
    vectors, groups = make_blobs([80, 60, 40])
    labels = find(algorithm, vectors, 3)
    assert labels.dtype == np.int32
    clustered = labels >= 0
    assert clustered.mean() > 0.9
    assert adjusted_rand_score(groups[clustered], labels[clustered]) == 1
    np.testing.assert_array_equal(labels[clustered], groups[clustered])  # groups are by falling size too


@pytest.mark.heavy
@pytest.mark.parametrize("algorithm", Algorithm)
def test_the_same_seed_gives_the_same_labels(algorithm: Algorithm) -> None:
    vectors, _ = make_blobs([50, 50, 50, 50], spread=1.5)
    before = vectors.copy()
    first = find(algorithm, vectors, 5, seed=3)
    np.testing.assert_array_equal(first, find(algorithm, before.copy(), 5, seed=3))
    np.testing.assert_array_equal(vectors, before)


@pytest.mark.heavy
@pytest.mark.parametrize("algorithm", WITH_COUNT)
@pytest.mark.parametrize("n_members", [2, 3, 7, 12])
def test_few_members_can_be_clustered(algorithm: Algorithm, n_members: int) -> None:
    vectors, _ = make_blobs([1] * n_members)
    for n_clusters in range(2, n_members + 1):
        labels = find(algorithm, vectors, n_clusters)
        assert labels.shape == (n_members,)
        assert 1 <= labels.max() + 1 <= n_clusters


@pytest.mark.parametrize("algorithm", WITH_COUNT)
def test_as_many_clusters_as_members_are_one_for_each(algorithm: Algorithm) -> None:
    vectors, _ = make_blobs([1] * 6)
    np.testing.assert_array_equal(find(algorithm, vectors, 6), np.arange(6))


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("n_members", [2, 5, 40])
def test_identical_vectors_are_one_cluster(algorithm: Algorithm, n_members: int) -> None:
    assert not find(algorithm, np.zeros((n_members, 4), dtype=np.float32), 2).any()


@pytest.mark.parametrize("algorithm", WITH_COUNT)
def test_fewer_different_vectors_than_clusters_do_not_crash(algorithm: Algorithm) -> None:
    vectors = np.repeat(make_blobs([1, 1, 1])[0], 20, axis=0)
    labels = find(algorithm, vectors, 5)
    assert 1 <= labels.max() + 1 <= 5
    if algorithm is Algorithm.KMEANS:
        assert labels.max() + 1 == 3


@pytest.mark.heavy
@pytest.mark.parametrize("n_clusters", [2, 5, 9])
def test_kmeans_is_as_good_as_scikit_learn(n_clusters: int) -> None:
    vectors, _ = make_blobs([150] * 6, dimension=30, spread=1.2)
    reference = KMeans(n_clusters, n_init=10, random_state=0).fit(vectors)
    labels = find(Algorithm.KMEANS, vectors, n_clusters)
    groups = [vectors[labels == cluster] for cluster in range(n_clusters)]
    inertia = sum(np.square(group - group.mean(axis=0)).sum() for group in groups)
    assert inertia <= 1.01 * reference.inertia_
    means = np.array([group.mean(axis=0) for group in groups])
    np.testing.assert_array_equal(
        np.square(vectors[:, np.newaxis] - means).sum(axis=2).argmin(axis=1), labels
    )


def test_an_empty_cluster_of_kmeans_gets_the_farthest_member() -> None:
    vectors = np.array([[-2], [-1], [1], [9]], dtype=np.float32)
    far_away = np.array([[-1.5], [5], [100]], dtype=np.float32)
    start = kmeans._begin(far_away)
    kmeans._iterate(MemoryBlocks(vectors), [start], 0.0, lambda: None)
    assert sorted(start.sizes.tolist()) == [1, 1, 2]


def test_of_equal_centers_the_first_takes_part() -> None:
    centers = np.array([[1, 0], [0, 1], [1, -0.0], [0, 1], [-1, 0]], dtype=np.float32)
    assert kmeans._begin(centers).sizes.tolist() == [1, 1, 0, 0, 1]


@pytest.mark.parametrize("n_clusters", [2, 5, 30])
def test_agglomerative_joins_as_scikit_learn_does(n_clusters: int) -> None:
    vectors, _ = make_blobs([150] * 6, dimension=30, spread=0.8)
    expected = AgglomerativeClustering(n_clusters).fit(vectors).labels_
    labels = find(Algorithm.AGGLOMERATIVE, vectors, n_clusters)
    assert adjusted_rand_score(expected, labels) == 1


@pytest.mark.parametrize("n_clusters", [2, 4, 9])
def test_spectral_cuts_as_scikit_learn_does(n_clusters: int) -> None:
    vectors, _ = make_blobs([150] * 6, dimension=30, spread=1.6)
    reference = SpectralClustering(
        n_clusters, affinity="nearest_neighbors", n_neighbors=10, assign_labels="cluster_qr", random_state=0
    )
    expected = reference.fit(vectors).labels_
    labels = find(Algorithm.SPECTRAL, vectors, n_clusters)
    assert adjusted_rand_score(expected, labels) > 0.98  # members between two corners may go to either


@pytest.mark.heavy
@pytest.mark.parametrize("algorithm", WITH_COUNT)
@pytest.mark.parametrize("cluster_counts", [[2, 3, 4, 5], [3, 40]])
def test_several_numbers_of_clusters_are_found_as_one_by_one(
    algorithm: Algorithm, cluster_counts: list[int]
) -> None:
    vectors, _ = make_blobs([20, 12, 8], spread=0.6)
    together = find_clusters_for_each(algorithm, MemoryBlocks(vectors), cluster_counts, 0, lambda: None)
    for n_clusters, (labels, _) in zip(cluster_counts, together, strict=True):
        assert adjusted_rand_score(find(algorithm, vectors, n_clusters), labels) == 1


@pytest.mark.parametrize(
    "algorithm",
    [Algorithm.MINIBATCH_KMEANS, Algorithm.SPECTRAL, Algorithm.AGGLOMERATIVE, Algorithm.HDBSCAN],
)
def test_steps_are_reported_often(algorithm: Algorithm) -> None:
    # They overlap: where the neighbour graph is in pieces, spectral clustering has little to do.
    vectors, _ = make_blobs([600, 500], dimension=30, spread=3)
    calls: list[None] = []
    find_clusters(algorithm, MemoryBlocks(vectors), 2, 0, lambda: calls.append(None))
    assert len(calls) > 10


def test_hdbscan_on_few_members_leaves_noise() -> None:
    vectors, _ = make_blobs([1] * 4)
    assert (find(Algorithm.HDBSCAN, vectors, 0) == -1).all()


def test_hdbscan_ignores_the_number_of_clusters() -> None:
    vectors, _ = make_blobs([40, 30, 20])
    np.testing.assert_array_equal(find(Algorithm.HDBSCAN, vectors, 0), find(Algorithm.HDBSCAN, vectors, 7))


@pytest.mark.parametrize("algorithm", WITH_COUNT)
def test_fewer_members_than_clusters_are_refused(algorithm: Algorithm) -> None:
    with pytest.raises(InvalidRequest, match="5 clusters need at least 5 images; there are 3"):
        find(algorithm, make_blobs([1, 1, 1])[0], 5)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_cancellation_gets_through(algorithm: Algorithm) -> None:
    def cancel() -> None:
        raise RunCancelled("stop")

    with pytest.raises(RunCancelled):
        find_clusters(algorithm, MemoryBlocks(make_blobs([20, 20])[0]), 2, 0, cancel)


def test_every_algorithm_has_a_method() -> None:
    assert set(clustering.METHODS) == set(Algorithm)


@given(st.lists(st.integers(-1, 6), max_size=40))
def test_numbering_keeps_the_grouping_and_orders_it(labels: list[int]) -> None:
    before = np.array(labels, dtype=np.int64)
    after = number_by_size(before)
    np.testing.assert_array_equal(after == -1, before == -1)
    pairs = set(zip(before.tolist(), after.tolist(), strict=True))
    assert len(pairs) == len({old for old, _ in pairs}) == len({new for _, new in pairs})
    sizes = np.bincount(after[after >= 0])
    firsts = [int(np.flatnonzero(after == cluster)[0]) for cluster in range(sizes.size)]
    order = list(zip((-sizes).tolist(), firsts, strict=True))
    assert order == sorted(order)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.permutations(range(5)))
def test_equal_groupings_get_equal_labels(labels: list[int], renaming: list[int]) -> None:
    renamed = np.array([renaming[label] for label in labels])
    np.testing.assert_array_equal(number_by_size(np.array(labels)), number_by_size(renamed))
