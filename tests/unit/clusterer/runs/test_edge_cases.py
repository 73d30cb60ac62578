"""Whole runs on what a folder may hold at worst: each gives a defined answer or a clear error."""

import numpy as np
import pytest
from known import known
from octcluster_clusterer.assignment.fitted_file import read_fitted, write_fitted
from octcluster_clusterer.clustering import METHODS
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import CannotAssign, InvalidRequest
from octcluster_clusterer.model import Algorithm, Members, Preparation, RunSpec, VectorSpace
from octcluster_clusterer.runs.pipeline import run_pipeline
from octcluster_clusterer.runs.records import RunResult
from octcluster_clusterer.runs.spec_rules import check_spec

pytestmark = pytest.mark.heavy

PARTS = (14, 10)
RECIPE = Preparation(
    pca=64, whiten=True, whiten_within_patients=True, normalize_prepared=True, part_dimensions=PARTS
)
COUNTING = [algorithm for algorithm in Algorithm if not METHODS[algorithm].finds_cluster_count]


def make_spec(
    algorithm: Algorithm, counts: tuple[int, int] = (4, 4), preparation: Preparation = RECIPE
) -> RunSpec:
    space = VectorSpace(bytes(32), sum(PARTS))
    return RunSpec("0" * 32, space, preparation, [algorithm], *counts, seed=0, stability_resamples=2)


def draw(n: int, spread: float = 0.3) -> np.ndarray:
    random = np.random.default_rng(0)
    centres = random.standard_normal((4, sum(PARTS)))[np.arange(n) % 4]
    return (centres + spread * random.standard_normal((n, sum(PARTS)))).astype(np.float32)


def run(spec: RunSpec, vectors: np.ndarray, classes: np.ndarray | None = None) -> RunResult:
    keys = np.random.default_rng(1).integers(0, 256, (len(vectors), 32), dtype=np.uint8)
    patients = np.arange(len(vectors), dtype=np.int32) // 3
    return run_pipeline(MemoryBlocks(vectors.copy()), Members(keys, classes, patients), spec, lambda *_: None)


@pytest.mark.parametrize("algorithm", COUNTING)
def test_fewer_images_than_clusters_are_refused_at_once(algorithm: Algorithm) -> None:
    with pytest.raises(InvalidRequest, match="4 clusters need at least 4 images; there are 3"):
        check_spec(make_spec(algorithm), 3)


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("n", [4, 5, 9])
def test_hardly_more_images_than_clusters_get_an_answer(algorithm: Algorithm, n: int) -> None:
    result = run(make_spec(algorithm), draw(n), np.arange(n, dtype=np.int32) % 2)
    (only,) = result.results
    assert only.labels.shape == (n,)
    assert result.prepared_dimension == sum(min(n - 1, part) for part in PARTS)
    assert np.isfinite(result.coordinates).all()


def test_one_image_is_refused_with_the_reason_or_is_a_cluster_of_its_own() -> None:
    with pytest.raises(InvalidRequest, match="PCA needs at least 2 images; there are 1"):
        check_spec(make_spec(Algorithm.HDBSCAN), 1)
    spec = make_spec(Algorithm.HDBSCAN, preparation=Preparation())
    result = run(spec, draw(1), np.zeros(1, np.int32))
    (only,) = result.results
    assert only.labels.tolist() == [0]
    assert "only one cluster" in known(only.scores.silhouette.undefined_reason)
    assert known(result.fitted).result(0, spec.space).assign(draw(1)).clusters.tolist() == [0]


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("preparation", [RECIPE, Preparation(), Preparation(standardize=True, pca=0.9)])
def test_identical_vectors_are_one_cluster(algorithm: Algorithm, preparation: Preparation) -> None:
    spec = make_spec(algorithm, (2, 3), preparation)
    result = run(spec, np.tile(draw(1), (30, 1)))
    for one in result.results:
        assert not one.labels.any()
        assert "only one cluster" in known(one.scores.silhouette.undefined_reason)
        assert np.isnan(one.silhouettes).all()
    assert result.chosen == 0
    assert not result.coordinates.any()
    fitted = read_fitted(write_fitted(known(result.fitted).result(0, spec.space)))
    assert fitted.rule.fitted_agreement == 1
    assert fitted.assign(draw(3)).clusters.tolist() == [0, 0, 0]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_single_class_has_no_accuracy_and_no_agreement(algorithm: Algorithm) -> None:
    (single,) = run(make_spec(algorithm), draw(120), np.zeros(120, np.int32)).results
    assert "single class" in known(single.scores.accuracy.undefined_reason)
    assert single.scores.adjusted_rand_index.undefined_reason
    assert single.associations[0].adjusted_mutual_information.undefined_reason


@pytest.mark.parametrize("algorithm", Algorithm)
def test_classes_for_some_images_score_those_and_no_classes_none(algorithm: Algorithm) -> None:
    vectors, labelled = draw(120), np.arange(120) < 40
    (some,) = run(
        make_spec(algorithm), vectors, np.where(labelled, np.arange(120) % 4, -1).astype(np.int32)
    ).results
    assert known(some.contingency).counts.sum() == 40
    assert some.scores.adjusted_rand_index.value is not None
    assert some.associations[0].members == 40
    (none,) = run(make_spec(algorithm), vectors, np.full(120, -1, dtype=np.int32)).results
    assert none.scores.accuracy.undefined_reason
    np.testing.assert_array_equal(none.labels, some.labels)


def test_everything_noise_is_told_and_takes_no_new_images() -> None:
    vectors = np.linalg.qr(np.random.default_rng(0).standard_normal((24, 24)))[0][:, :24].astype(np.float32)
    spec = make_spec(Algorithm.HDBSCAN, preparation=Preparation())
    result = run(spec, vectors[:4], np.arange(4, dtype=np.int32) % 2)
    (only,) = result.results
    assert (only.labels == -1).all()
    assert only.cluster_sizes.size == 0
    assert "every image is noise" in known(only.scores.silhouette.undefined_reason)
    with pytest.raises(CannotAssign, match="all members are noise"):
        known(result.fitted).result(0, spec.space)


@pytest.mark.parametrize("algorithm", COUNTING)
def test_a_range_of_one_number_is_that_number(algorithm: Algorithm) -> None:
    result = run(make_spec(algorithm, (3, 3)), draw(60))
    assert [one.requested_clusters for one in result.results] == [3]
    assert (result.chosen, bool(result.chosen_reason)) == (0, True)


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_refused(algorithm: Algorithm, bad: float) -> None:
    vectors = draw(30)
    vectors[3, 20] = bad
    with pytest.raises(InvalidRequest, match="NaN or infinity"):
        run(make_spec(algorithm), vectors)
