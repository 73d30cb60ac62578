"""Algorithms on a sample: the others join the cluster of their nearest sampled member, or are noise."""

import numpy as np
import pytest
from known import known
from octcluster_clusterer import tiles
from octcluster_clusterer.clustering import METHODS, find_clusters, hdbscan, joining, spectral
from octcluster_clusterer.clustering.joining import count_clustered, draw_clustered, join
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.model import Algorithm
from octcluster_clusterer.scoring.agreement import adjusted_rand_index
from octcluster_clusterer.scoring.contingency import count_members

pytestmark = pytest.mark.heavy  # scikit-learn's neighbours

N, DIMENSION, GROUPS = 2000, 8, 4


def make_groups() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    groups = (np.arange(N) % GROUPS).astype(np.int32)
    vectors = 12 * random.standard_normal((GROUPS, DIMENSION))[groups]
    vectors += random.standard_normal((N, DIMENSION))
    return (vectors - vectors.mean(axis=0)).astype(np.float32), groups


def agree(one: np.ndarray, other: np.ndarray) -> float:
    tables = known(count_members(one, other)).counts[np.newaxis].astype(np.float64)
    return float(adjusted_rand_index(tables)[0])


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "WHOLE_MEMBERS", 1000)
    monkeypatch.setattr(joining, "SAMPLED_MEMBERS", 400)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("algorithm", [Algorithm.HDBSCAN, Algorithm.SPECTRAL])
def test_all_members_get_the_clusters_of_a_sample(algorithm: Algorithm) -> None:
    vectors, groups = make_groups()
    labels = find_clusters(algorithm, MemoryBlocks(vectors), GROUPS, 0, lambda: None)
    found = labels >= 0
    assert found.mean() > 0.95
    assert agree(groups[found], labels[found]) == 1
    assert count_clustered(algorithm, N) == 400


@pytest.mark.usefixtures("few")
def test_the_sampled_members_keep_what_the_algorithm_found() -> None:
    vectors, _ = make_groups()
    sample = draw_clustered(N, 3)
    assert sample is not None
    whole = hdbscan.cluster(vectors, 0, 3, lambda: None, ())
    np.testing.assert_array_equal(whole[sample], hdbscan.cluster(vectors[sample], 0, 3, lambda: None, ()))
    cuts = list(spectral.cluster_for_each(vectors, [2, 4], 3, lambda: None))
    alone = list(spectral.cluster_for_each(vectors[sample], [2, 4], 3, lambda: None))
    for one, other in zip(cuts, alone, strict=True):
        np.testing.assert_array_equal(one[sample], other)


@pytest.mark.usefixtures("few")
def test_members_far_from_all_that_were_sampled_are_noise() -> None:
    vectors, _ = make_groups()
    sample = known(draw_clustered(N, 0))
    far = np.setdiff1d(np.arange(N), sample)[:5]
    vectors[far] += 100
    labels = hdbscan.cluster(vectors, 0, 0, lambda: None, ())
    assert (labels[far] == -1).all()
    assert (labels >= 0).mean() > 0.9


def test_a_member_joins_the_nearest_one_within_its_reach() -> None:
    vectors = np.array([[0.0], [1.0], [5.0], [9.0], [10.0]], dtype=np.float32)
    sample = np.array([0, 4])
    assert join(vectors, sample, lambda: None).tolist()[:2] == [0, 0]
    within = join(vectors, sample, lambda: None, np.array([1.5, 0.5]))
    assert within.tolist() == [0, 0, -1, -1, 1]


@pytest.mark.usefixtures("few")
def test_the_same_bits_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = make_groups()
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(tiles, "count_threads", lambda threads=threads: threads)
        found.append(hdbscan.cluster(vectors, 0, 0, lambda: None, ()).tolist())
    assert found[0] == found[1]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_spectral_finds_groups_whose_graph_falls_apart(seed: int) -> None:
    vectors, groups = make_groups()
    whole, merged = list(spectral.cluster_for_each(vectors, [GROUPS, GROUPS - 1], seed, lambda: None))
    assert agree(groups, whole) == 1
    # With fewer clusters than pieces each group still stays whole.
    assert len(np.unique(merged)) == GROUPS - 1
    assert all(np.ptp(merged[groups == group]) == 0 for group in range(GROUPS))


def test_spectral_parts_a_piece_where_there_are_fewer_pieces_than_clusters() -> None:
    vectors, groups = make_groups()
    own = groups[groups < 2]
    labels = spectral.cluster(vectors[groups < 2], 3, 0, lambda: None, ())
    assert len(np.unique(labels)) == 3
    assert all(len(np.unique(own[labels == label])) == 1 for label in range(3))


def test_no_other_algorithm_and_no_few_members_are_clustered_by_a_sample() -> None:
    assert draw_clustered(2**17, 0) is None
    for algorithm in METHODS:
        assert count_clustered(algorithm, 2**17) is None
    by_sample = {algorithm for algorithm in METHODS if count_clustered(algorithm, 2**17 + 1)}
    assert by_sample == {Algorithm.HDBSCAN, Algorithm.SPECTRAL}


@pytest.mark.parametrize("module", [hdbscan, spectral])
def test_the_memory_estimate_falls_where_a_sample_is_clustered(module: object) -> None:
    estimate_bytes = module.estimate_bytes  # type: ignore[attr-defined]
    assert estimate_bytes(2**17 + 1, 144) < estimate_bytes(2**17, 144)
    assert estimate_bytes(10**7, 144) < 2**28
