"""HDBSCAN's kernel: the tree is the minimum one, for tidy and for nasty vectors, and so are the clusters."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from octcluster_clusterer import tiles
from octcluster_clusterer.clustering.density_tree import find_dense_clusters
from octcluster_clusterer.clustering.neighbors import find_neighbors
from octcluster_clusterer.clustering.pair_distances import PairDistances
from octcluster_clusterer.clustering.spanning_tree import JoinHeights, find_spanning_tree
from octcluster_clusterer.errors import RunCancelled
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

MIN_SAMPLES = 3
Shape = Callable[[np.random.Generator], np.ndarray]


@pytest.fixture(autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """As in a run: the tiles are what is shared out."""
    with threadpool_limits(limits=1):
        yield


def center(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors - vectors.mean(axis=0), dtype=np.float32)


def one_cloud(random: np.random.Generator) -> np.ndarray:
    return center(random.standard_normal((1500, 20)) * random.gamma(3, size=(1500, 1)))


def groups_far_apart(random: np.random.Generator) -> np.ndarray:
    """The nearest neighbours of one group never reach another."""
    return center(
        50 * random.standard_normal((6, 30))[np.repeat(np.arange(6), 300)] + noise(random, 1800, 30)
    )


def groups_far_smaller_than_their_distance(random: np.random.Generator) -> np.ndarray:
    """Distances within a group drown in the rounding of float32 products."""
    return center(random.standard_normal((5, 40))[np.arange(1300) % 5] + 1e-4 * noise(random, 1300, 40))


def points_of_a_grid(random: np.random.Generator) -> np.ndarray:
    """Nearly all distances are equal to others."""
    return center(random.integers(0, 9, (1400, 3)))


def copies(random: np.random.Generator) -> np.ndarray:
    return center(np.repeat(noise(random, 60, 10), 20, axis=0))


def more_dimensions_than_one_product_sums(random: np.random.Generator) -> np.ndarray:
    return center(noise(random, 700, 1200))


def noise(random: np.random.Generator, n_vectors: int, dimension: int) -> np.ndarray:
    return random.standard_normal((n_vectors, dimension))


SHAPES = [
    one_cloud,
    groups_far_apart,
    groups_far_smaller_than_their_distance,
    points_of_a_grid,
    copies,
    more_dimensions_than_one_product_sums,
]


def reach_mutually(vectors: np.ndarray) -> np.ndarray:
    distances = cdist(vectors.astype(np.float64), vectors.astype(np.float64))
    cores = np.sort(distances, axis=1)[:, MIN_SAMPLES - 1]
    return np.asarray(np.maximum(distances, np.maximum(cores[:, np.newaxis], cores)))


@pytest.mark.heavy
@pytest.mark.parametrize("make", SHAPES)
def test_the_tree_is_the_shortest_one(make: Shape) -> None:
    vectors = make(np.random.default_rng(1))
    tree = find_spanning_tree(vectors, MIN_SAMPLES, lambda: None)
    weights = reach_mutually(vectors)
    # + 1: edges of length 0 would be no edges to the library; all trees have equally many.
    expected = np.sort(minimum_spanning_tree(np.triu(weights + 1, 1)).data) - 1
    np.testing.assert_allclose(np.sqrt(tree.squared_weights), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.sqrt(tree.squared_weights), weights[tree.left, tree.right], atol=1e-9)


@pytest.mark.heavy
@pytest.mark.parametrize("make", SHAPES)
def test_the_tree_is_the_same_with_any_number_of_threads(
    make: Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = make(np.random.default_rng(2))
    several = find_spanning_tree(vectors, MIN_SAMPLES, lambda: None)
    monkeypatch.setattr(tiles, "_MAX_THREADS", 1)
    single = find_spanning_tree(vectors, MIN_SAMPLES, lambda: None)
    np.testing.assert_array_equal(several.left, single.left)
    np.testing.assert_array_equal(several.right, single.right)
    np.testing.assert_array_equal(several.squared_weights, single.squared_weights)


@pytest.mark.parametrize("make", [one_cloud, groups_far_apart, more_dimensions_than_one_product_sums])
def test_the_nearest_neighbours_are_the_nearest(make: Shape) -> None:
    vectors = make(np.random.default_rng(3))
    found = find_neighbors(PairDistances(vectors), 6, 2, lambda: None)
    distances = np.sort(cdist(vectors.astype(np.float64), vectors.astype(np.float64)), axis=1)[:, 1:3]
    np.testing.assert_allclose(np.sqrt(found.squared_distances[:, :2]), distances, rtol=1e-9)


def test_no_bound_lies_over_its_distance() -> None:
    vectors = more_dimensions_than_one_product_sums(np.random.default_rng(4)) + np.float32(30)
    everything = np.arange(len(vectors))
    squared = cdist(vectors.astype(np.float64), vectors.astype(np.float64), "sqeuclidean")
    bounds = PairDistances(vectors).bound_tile(everything, everything)
    assert (bounds <= squared).all()
    assert np.median(squared - bounds) < 1e-4 * np.median(np.square(vectors, dtype=np.float64).sum(axis=1))


def test_join_heights_are_the_longest_edges_on_the_way() -> None:
    vectors = one_cloud(np.random.default_rng(5))[:200]
    tree = find_spanning_tree(vectors, MIN_SAMPLES, lambda: None)
    longest = np.full((200, 200), np.inf)
    np.fill_diagonal(longest, 0)
    parts = {i: [i] for i in range(200)}
    for left, right, weight in zip(tree.left, tree.right, tree.squared_weights, strict=True):
        one, other = parts[left], parts[right]
        longest[np.ix_(one, other)] = weight
        longest[np.ix_(other, one)] = weight
        parts.update(dict.fromkeys(one + other, one + other))
    rows, columns = np.divmod(np.arange(200 * 200), 200)
    np.testing.assert_array_equal(JoinHeights(tree, 200).find(rows, columns), longest.ravel())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("min_cluster_size", [5, 15, 60])
def test_clusters_are_those_of_the_reference(seed: int, min_cluster_size: int) -> None:
    random = np.random.default_rng(seed)
    centers = 4 * random.standard_normal((7, 8))
    vectors = center(
        centers[random.integers(0, 7, 1200)]
        + random.standard_normal((1200, 8)) * random.gamma(2, 0.5, size=(1200, 1))
    )
    tree = find_spanning_tree(vectors, MIN_SAMPLES, lambda: None)
    labels = find_dense_clusters(tree.left, tree.right, np.sqrt(tree.squared_weights), min_cluster_size)
    reference = HDBSCAN(min_cluster_size, min_samples=MIN_SAMPLES, algorithm="brute", copy=True)
    expected = reference.fit(vectors.astype(np.float64)).labels_
    assert labels.max() >= 1
    # A member that reaches two clusters at the same distance may go to either, or to neither.
    assert adjusted_rand_score(expected, labels) > 0.995
    assert np.mean((labels < 0) != (expected < 0)) < 0.005


def test_a_cancellation_stops_the_search_at_once() -> None:
    calls: list[None] = []

    def cancel() -> None:
        calls.append(None)
        if len(calls) > 5:
            raise RunCancelled("stop")

    with pytest.raises(RunCancelled):
        find_spanning_tree(one_cloud(np.random.default_rng(6)), MIN_SAMPLES, cancel)
    assert len(calls) == 6
