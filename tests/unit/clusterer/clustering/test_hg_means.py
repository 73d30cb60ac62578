"""K-means by genetic search, the consensus of dimensions, and the choice of k by the fall of the gain."""

from collections.abc import Sequence

import numpy as np
import pytest
from octcluster_clusterer import tiles
from octcluster_clusterer.clustering import consensus, find_clusters, find_clusters_for_each, hg_means, kmeans
from octcluster_clusterer.clustering.hg_means import SearchedClusters
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import RunCancelled
from octcluster_clusterer.model import Algorithm, ClusteringResult, Score, Scores
from octcluster_clusterer.runs.choice import _choose_by_rating, choose
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

pytestmark = pytest.mark.heavy


def draw(
    n_members: int = 240, dimension: int = 60, n_groups: int = 4, apart: float = 2.2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Few members in many dimensions: groups that squared distances tell, and restarts do not find."""
    random = np.random.default_rng(seed)
    groups = np.arange(n_members) % n_groups
    vectors = random.standard_normal((n_members, dimension))
    vectors[:, :n_groups] += apart * np.eye(n_groups)[groups]
    vectors -= vectors.mean(axis=0)
    return vectors.astype(np.float32), groups


def measure(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Mean squared distance to the cluster's mean."""
    means = np.stack([vectors[labels == cluster].mean(axis=0) for cluster in range(labels.max() + 1)])
    return float(np.square(vectors - means[labels]).sum(axis=1).mean())


def ignore() -> None:
    """Reports nothing."""


def test_the_search_finds_what_ten_starts_do_not() -> None:
    vectors, groups = draw(n_members=160, dimension=80, apart=2.6)
    searched = hg_means.cluster(MemoryBlocks(vectors), 4, 0, ignore, (80,))
    started = kmeans.cluster(MemoryBlocks(vectors), 4, 0, ignore, (80,))
    assert measure(vectors, searched) < measure(vectors, started) - 0.1
    assert measure(vectors, searched) <= measure(vectors, groups)
    assert adjusted_rand_score(groups, searched) > adjusted_rand_score(groups, started) + 0.2


def test_every_seed_ends_in_the_same_optimum() -> None:
    vectors, _ = draw(apart=2.6)
    found = [hg_means.cluster(MemoryBlocks(vectors), 4, seed, ignore, (60,)) for seed in range(3)]
    assert adjusted_rand_score(found[0], found[1]) == adjusted_rand_score(found[0], found[2]) == 1


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = draw()
    with threadpool_limits(limits=1):
        several = next(consensus.search_for_each(MemoryBlocks(vectors), [4], 5, ignore, (30, 30))).labels
        monkeypatch.setattr(tiles, "_MAX_THREADS", 1)
        one = next(consensus.search_for_each(MemoryBlocks(vectors), [4], 5, ignore, (30, 30))).labels
    np.testing.assert_array_equal(several, one)


def test_more_members_than_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hg_means, "SEARCHED_MEMBERS", 200)
    vectors, groups = draw(n_members=1500, apart=4)
    assert adjusted_rand_score(groups, hg_means.cluster(MemoryBlocks(vectors), 4, 0, ignore, (60,))) > 0.9


@pytest.mark.parametrize("algorithm", [Algorithm.HG_MEANS, Algorithm.CONSENSUS, Algorithm.UNEVEN_CONSENSUS])
def test_few_different_vectors(algorithm: Algorithm) -> None:
    vectors = np.repeat(np.array([[3, 0], [-3, 0], [0, 3]], dtype=np.float32), 5, axis=0)
    labels = find_clusters(algorithm, MemoryBlocks(vectors), 3, 0, ignore)
    assert adjusted_rand_score(np.repeat([0, 1, 2], 5), labels) == 1
    more = find_clusters(algorithm, MemoryBlocks(vectors), 6, 0, ignore)
    assert all(len(set(more[start : start + 5])) == 1 for start in (0, 5, 10))


@pytest.mark.parametrize("algorithm", [Algorithm.HG_MEANS, Algorithm.CONSENSUS, Algorithm.UNEVEN_CONSENSUS])
def test_nearly_as_many_clusters_as_members(algorithm: Algorithm) -> None:
    vectors, _ = draw(n_members=12, dimension=5)
    labels = find_clusters(algorithm, MemoryBlocks(vectors), 11, 0, ignore)
    assert labels.max() <= 10
    assert labels.min() == 0


def test_the_search_can_be_stopped_in_the_middle() -> None:
    vectors, _ = draw()
    calls = 0

    def stop_later() -> None:
        nonlocal calls
        calls += 1
        if calls >= 50:
            raise RunCancelled("cancelled")

    with pytest.raises(RunCancelled):
        hg_means.cluster(MemoryBlocks(vectors), 4, 0, stop_later, (60,))
    assert calls < 60


def test_two_of_three_dimensions_outvote_the_third() -> None:
    one, other = np.arange(60) % 3, np.arange(60) // 20
    vectors = np.random.default_rng(0).standard_normal((60, 40)).astype(np.float32)
    vectors[:, :3] += 8 * np.eye(3, dtype=np.float32)[one]
    vectors[:, 32:35] += 80 * np.eye(3, dtype=np.float32)[other]  # only in what all of the components hold
    vectors -= vectors.mean(axis=0)
    alone = hg_means.cluster(MemoryBlocks(vectors), 3, 0, ignore, (40,))
    assert adjusted_rand_score(other, alone) == 1
    assert (
        adjusted_rand_score(
            one, next(consensus.search_for_each(MemoryBlocks(vectors), [3], 0, ignore, (40,))).labels
        )
        == 1
    )


def test_leading_components_are_taken_of_each_part_and_have_one_length() -> None:
    vectors = np.random.default_rng(0).standard_normal((7, 30)).astype(np.float32)
    leading = consensus._derive_leading(MemoryBlocks(vectors), 0.6, (10, 20), ignore).bring(ignore)
    assert leading.shape == (7, 18)
    first, second = vectors[:, :6], vectors[:, 10:22]
    first = first / np.linalg.norm(first, axis=1, keepdims=True) * np.sqrt(6)
    second = second / np.linalg.norm(second, axis=1, keepdims=True) * np.sqrt(12)
    np.testing.assert_allclose(leading, np.hstack([first, second]), rtol=1e-5)


def make_results(
    algorithm: Algorithm, vectors: np.ndarray, counts: Sequence[int]
) -> tuple[list[ClusteringResult], list[SearchedClusters | None]]:
    undefined = Score(undefined_reason="not needed")
    scores = Scores(Score(0.5), *[undefined] * 9)
    found = list(find_clusters_for_each(algorithm, MemoryBlocks(vectors), counts, 0, ignore))
    results = [
        ClusteringResult(
            algorithm=algorithm,
            requested_clusters=count,
            labels=labels,
            silhouettes=np.zeros(len(vectors), dtype=np.float32),
            scores=scores,
            contingency=None,
            seconds=0.0,
            distances=np.zeros(len(vectors), dtype=np.float32),
            class_of_cluster=np.empty(0, dtype=np.int32),
        )
        for count, (labels, _) in zip(counts, found, strict=True)
    ]
    return results, [search for _, search in found]


@pytest.mark.parametrize("algorithm", [Algorithm.HG_MEANS, Algorithm.CONSENSUS, Algorithm.UNEVEN_CONSENSUS])
@pytest.mark.parametrize("n_groups", [2, 3, 4])
def test_the_number_of_groups_is_chosen_where_the_gain_falls(algorithm: Algorithm, n_groups: int) -> None:
    vectors, _ = draw(n_members=84, dimension=10, n_groups=n_groups, apart=4)
    results, searches = make_results(algorithm, vectors, range(2, 6))
    choice = choose(results, searches, MemoryBlocks(vectors), 0, ignore)
    assert results[choice.index].requested_clusters == n_groups
    assert choice.ratings.keys() == {0, 1, 2, 3}
    assert max(choice.ratings, key=choice.ratings.__getitem__) == choice.index
    assert choice.reason.startswith(f"{n_groups} clusters suit the images best (rating ")
    assert f"k = {n_groups}: {choice.ratings[choice.index]:.2f}" in choice.reason
    assert "cannot be rated" not in choice.reason
    assert "not sure" not in choice.reason


@pytest.mark.parametrize("counts", [(2, 3), (3, 4), (4, 5)])
def test_the_ends_of_a_range_can_be_chosen(counts: tuple[int, int]) -> None:
    n_groups = counts[0] if counts[0] > 2 else counts[1]
    vectors, _ = draw(n_members=120, dimension=10, n_groups=n_groups, apart=4)
    results, searches = make_results(Algorithm.UNEVEN_CONSENSUS, vectors, counts)
    choice = choose(results, searches, MemoryBlocks(vectors), 0, ignore)
    assert results[choice.index].requested_clusters == n_groups
    assert choice.ratings.keys() == {0, 1}


def test_a_narrow_lead_is_called_one() -> None:
    choice = _choose_by_rating([2, 4, 5, 6], {4: 1.10, 5: 1.16, 6: 0.4})
    assert choice.index == 2
    assert choice.ratings == {1: 1.10, 2: 1.16, 3: 0.4}
    assert choice.reason.startswith(
        "the number of clusters is not sure: 4 and 5 suit the images nearly alike (ratings 1.10, 1.16). "
        "5 was taken; look at the others, too. All ratings: k = 4: 1.10, k = 5: 1.16, k = 6: 0.40; "
    )
    assert choice.reason.endswith("k = 2 cannot be rated")


def test_the_next_number_is_always_named() -> None:
    reason = _choose_by_rating([2, 3, 4], {2: 2.31, 3: 0.9, 4: 1.25}).reason
    assert reason.startswith("2 clusters suit the images best (rating 2.31); 4 come next (1.25). ")
    reason = _choose_by_rating([2, 3, 4, 5], {2: 2.14, 3: 0.49, 4: 1.27, 5: 1.44}).reason
    assert reason.startswith(
        "2 clusters suit the images best (rating 2.14); 5 and 4 come next (1.44, 1.27). "
    )


def test_the_only_number_that_can_be_rated_is_called_so() -> None:
    assert _choose_by_rating([2, 3], {2: 0.5}).reason.startswith(
        "2 is the only number of clusters that can be rated."
    )


def test_a_search_tells_what_its_means_explain() -> None:
    vectors, _ = draw(n_members=90, dimension=10, apart=4)
    found = hg_means.search(MemoryBlocks(vectors), 3, 0, ignore, (10,))
    means = np.array([vectors[found.labels == cluster].mean(axis=0) for cluster in range(3)])
    explained = 1 - np.square(vectors - means[found.labels]).sum() / np.square(vectors).sum()
    assert found.explained == pytest.approx([explained], abs=1e-6)
    assert found.agreement == 1


def test_a_consensus_tells_how_far_its_groupings_agree() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((60, 10)).astype(np.float32)
    vectors -= vectors.mean(axis=0)
    found = next(consensus.search_for_each(MemoryBlocks(vectors), [4], 0, ignore, (10,)))
    assert len(found.explained) == 3
    assert 0 < found.agreement < 0.9
    apart, _ = draw(n_members=60, dimension=10, apart=8)
    assert next(consensus.search_for_each(MemoryBlocks(apart), [4], 0, ignore, (10,))).agreement == 1


@pytest.mark.parametrize("algorithm", [Algorithm.HG_MEANS, Algorithm.CONSENSUS, Algorithm.UNEVEN_CONSENSUS])
def test_one_image_alone_and_equal_ones_are_one_cluster(algorithm: Algorithm) -> None:
    assert find_clusters(
        algorithm, MemoryBlocks(np.zeros((1, 4), dtype=np.float32)), 1, 0, ignore
    ).tolist() == [0]
    assert (
        find_clusters(algorithm, MemoryBlocks(np.zeros((5, 4), dtype=np.float32)), 2, 0, ignore).tolist()
        == [0] * 5
    )


def test_other_algorithms_are_chosen_by_silhouette() -> None:
    vectors, _ = draw(n_members=100, dimension=10, apart=4)
    for results, searches in (
        make_results(Algorithm.KMEANS, vectors, range(2, 6)),
        make_results(Algorithm.GMM, vectors, (4, 5)),
    ):
        choice = choose(results, searches, MemoryBlocks(vectors), 0, ignore)
        assert "has the highest mean silhouette" in choice.reason
        assert choice.ratings == {}
