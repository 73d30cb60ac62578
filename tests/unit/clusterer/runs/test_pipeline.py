"""The whole run on plain numbers: results, order, choice, progress, cancellation, repetition, memory."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from known import known
from octcluster_clusterer import tiles
from octcluster_clusterer.clustering import METHODS
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import InvalidRequest, RunCancelled
from octcluster_clusterer.model import Algorithm, Members, Preparation, Report, RunSpec, Stage, VectorSpace
from octcluster_clusterer.runs.pipeline import run_pipeline
from octcluster_clusterer.runs.records import RunResult
from octcluster_clusterer.runs.spec_rules import check_spec
from octcluster_clusterer.scoring import silhouette
from threadpoolctl import threadpool_limits

pytestmark = pytest.mark.heavy

DIMENSION = 24
STAGES = [Stage.PREPARING, Stage.CLUSTERING, Stage.SCORING, Stage.TRUSTING]


def make_spec(
    algorithms: tuple[Algorithm, ...] = (Algorithm.KMEANS,),
    counts: tuple[int, int] = (4, 4),
    dimension: int = DIMENSION,
    seed: int = 0,
    **preparation: Any,
) -> RunSpec:
    space = VectorSpace(bytes(32), dimension)
    return RunSpec("0" * 32, space, Preparation(**preparation), algorithms, *counts, seed)


def make_members(
    n: int = 160, n_groups: int = 4, spread: float = 0.4, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    groups = np.arange(n) % n_groups
    vectors = random.standard_normal((n_groups, DIMENSION))[groups]
    vectors = vectors + spread * random.standard_normal((n, DIMENSION))
    return vectors.astype(np.float32), groups.astype(np.int32)


def run(
    spec: RunSpec, vectors: np.ndarray, classes: np.ndarray | None = None, report: Report = lambda *_: None
) -> RunResult:
    keys = np.arange(len(vectors), dtype="<u8").view(np.uint8).reshape(-1, 8)
    members = Members(np.pad(keys, ((0, 0), (0, 24))), classes)
    return run_pipeline(MemoryBlocks(vectors.copy()), members, spec, report)


def test_groups_are_found_and_scored() -> None:
    vectors, groups = make_members()
    result = run(make_spec(), vectors, groups)
    (only,) = result.results
    assert only.scores.accuracy.value == 1
    assert known(only.scores.silhouette.value) > 0.4
    assert only.requested_clusters == 4
    assert only.cluster_sizes.tolist() == [40, 40, 40, 40]
    assert (result.chosen, result.chosen_reason) == (0, "the only one asked for")
    assert result.coordinates.shape == (160, 2)
    assert result.coordinates.dtype == np.float32
    assert result.explained_variance_ratios.sum() == pytest.approx(1)
    assert (result.input_dimension, result.prepared_dimension) == (DIMENSION, DIMENSION)
    assert list(result.stage_seconds) == STAGES


def test_pca_sets_the_prepared_dimension() -> None:
    result = run(make_spec(pca=5), *make_members())
    assert (result.input_dimension, result.prepared_dimension) == (DIMENSION, 5)


def test_results_come_in_the_specs_order_and_hdbscan_runs_once() -> None:
    spec = make_spec((Algorithm.HDBSCAN, Algorithm.KMEANS, Algorithm.GMM), (2, 4))
    result = run(spec, make_members()[0])
    asked = [(one.algorithm, one.requested_clusters) for one in result.results]
    ranges = [(algorithm, k) for algorithm in (Algorithm.KMEANS, Algorithm.GMM) for k in (2, 3, 4)]
    assert asked == [(Algorithm.HDBSCAN, None), *ranges]


def test_the_highest_silhouette_is_chosen_with_a_reason() -> None:
    vectors, _ = make_members(n_groups=3)
    result = run(make_spec(counts=(2, 4)), vectors)
    values = [known(one.scores.silhouette.value) for one in result.results]
    assert result.chosen == 1 == int(np.argmax(values))
    others = f"(k = 2: {values[0]:.3f}, k = 4: {values[2]:.3f})"
    assert result.chosen_reason == f"k = 3 has the highest mean silhouette, {values[1]:.3f} {others}"


def test_a_few_dense_members_in_noise_do_not_win() -> None:
    random = np.random.default_rng(0)
    dense = np.repeat(3 * random.standard_normal((2, DIMENSION)), 6, axis=0)
    dense += 0.01 * random.standard_normal(dense.shape)
    scattered = 3 * random.standard_normal((288, DIMENSION)) * random.uniform(0.5, 3, (288, 1))
    scattered[:, 0] += 15 * (np.arange(288) % 2)
    vectors = np.concatenate([dense, scattered]).astype(np.float32)
    result = run(make_spec((Algorithm.HDBSCAN, Algorithm.KMEANS), (2, 2), l2_normalize=False), vectors)
    hdbscan, kmeans = result.results
    assert (hdbscan.labels < 0).mean() > 0.5
    assert known(hdbscan.scores.silhouette.value) > known(kmeans.scores.silhouette.value)
    assert result.chosen == 1
    assert "noise counts as 0" in result.chosen_reason


def test_without_any_silhouette_the_first_is_chosen() -> None:
    result = run(make_spec(counts=(2, 3)), np.ones((10, DIMENSION), dtype=np.float32))
    assert result.chosen == 0
    assert "no result has a silhouette" in result.chosen_reason


def test_one_member_can_only_go_to_hdbscan() -> None:
    vectors = np.ones((1, DIMENSION), dtype=np.float32)
    result = run(make_spec((Algorithm.HDBSCAN,)), vectors)
    assert result.results[0].labels.tolist() == [0]
    with pytest.raises(InvalidRequest, match="4 clusters need at least 4 images; there are 1"):
        run(make_spec(), vectors)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_run_repeats_itself_to_the_bit_with_any_number_of_threads(
    algorithm: Algorithm, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, groups = make_members(n=tiles.TILE_SIDE + 28, spread=1.5)
    # What searches has its threads within one number of clusters, and takes seconds for each.
    counts = (4, 4) if METHODS[algorithm].search_for_each else (3, 4)
    spec = make_spec((algorithm,), counts, pca=0.9)
    first = run(spec, vectors, groups)
    monkeypatch.setattr(tiles, "_MAX_THREADS", 1)
    with threadpool_limits(limits=1):
        second = run(spec, vectors, groups)
    for one, other in zip(first.results, second.results, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.silhouettes, other.silhouettes)
        np.testing.assert_array_equal(one.distances, other.distances)
    np.testing.assert_array_equal(first.coordinates, second.coordinates)


def test_one_number_of_clusters_is_the_same_within_a_range() -> None:
    vectors, _ = make_members(n=400, spread=1.5)
    alone = run(make_spec(counts=(4, 4)), vectors).results[0]
    within = run(make_spec(counts=(2, 5)), vectors).results[2]
    np.testing.assert_array_equal(alone.labels, within.labels)


def test_progress_goes_through_the_stages_in_order() -> None:
    seen: list[tuple[Stage, int, int]] = []
    run(make_spec(counts=(2, 3)), make_members()[0], report=lambda *progress: seen.append(progress))
    stages = [stage for i, (stage, _, _) in enumerate(seen) if i == 0 or seen[i - 1][0] is not stage]
    assert stages == STAGES
    for stage in stages:
        progress = [(done, total) for one, done, total in seen if one is stage]
        assert progress == sorted(progress)
        assert progress[-1][0] == progress[-1][1]
    assert sum(stage is Stage.CLUSTERING for stage, _, _ in seen) >= 20  # every start of both


@pytest.mark.parametrize("stage", STAGES)
def test_a_cancellation_stops_each_stage(stage: Stage) -> None:
    def cancel(now: Stage, done: int, total: int) -> None:
        if now is stage:
            raise RunCancelled("stop")

    with pytest.raises(RunCancelled):
        run(make_spec(), make_members()[0], report=cancel)


@pytest.mark.parametrize(
    ("changes", "n_members", "message"),
    [
        ({"counts": (1, 4)}, 100, "from 2 to"),
        ({"counts": (5, 4)}, 100, "from 2 to"),
        ({"counts": (2, 5000)}, 9000, "from 2 to"),
        ({"counts": (2, 400)}, 900, "at most 200 clusterings"),
        ({"algorithms": ()}, 100, "at least one algorithm"),
        ({"seed": 2**32}, 100, "seed"),
        ({}, 3, "4 clusters need at least 4 images; there are 3"),
        ({}, 0, "at least one image"),
        ({"pca": 0}, 100, "at least 1 component"),
        ({"part_dimensions": (20, 5)}, 100, "their sum must be the vectors' dimension, 24"),
        ({"part_dimensions": (24, 0)}, 100, "each must be at least 1"),
        ({"whiten": True}, 100, "PCA"),
    ],
)
def test_specs_that_cannot_run_are_refused_at_once(
    changes: dict[str, Any], n_members: int, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        check_spec(make_spec(**changes), n_members)


@pytest.mark.parametrize("usual_spread", [-0.1, 2.1, float("nan")])
def test_a_spread_that_unit_vectors_cannot_have_is_refused(usual_spread: float) -> None:
    with pytest.raises(InvalidRequest, match="usual_spread"):
        check_spec(replace(make_spec(), usual_spread=usual_spread), 100)


def test_copies_alone_are_near_duplicates_where_the_usual_spread_is_known() -> None:
    random = np.random.default_rng(6)
    copies = (1 + 0.02 * random.standard_normal((20, DIMENSION))).astype(np.float32)
    for usual_spread, pairs in ((0.0, 0), (0.25, 20 * 19 // 2)):
        found = run(replace(make_spec(counts=(2, 2)), usual_spread=usual_spread), copies)
        assert found.duplicates.total_pairs == pairs


def test_vectors_of_another_dimension_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="values"):
        run(make_spec(dimension=DIMENSION + 1), make_members()[0])


MEASURE_MEMORY = """
import json
import numpy as np
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.runs import stage_costs
from octcluster_clusterer.runs.pipeline import run_pipeline
from octcluster_clusterer.model import (Members)
from octcluster_clusterer.model import (Algorithm, Preparation, RunSpec, VectorSpace)

forget_peak = stage_costs._forget_peak
stage_costs._forget_peak = lambda: False  # a stage would forget the peak of those before it

def measure(n_members):
    random = np.random.default_rng(0)
    vectors = random.standard_normal((n_members, 1280), dtype=np.float32)
    vectors += random.standard_normal((4, 1280), dtype=np.float32)[np.arange(n_members) % 4]
    spec = RunSpec("0" * 32, VectorSpace(bytes(32), 1280), Preparation(), (Algorithm.KMEANS,), 4, 4, 0)
    members = Members(random.integers(0, 256, (n_members, 32), dtype=np.uint8), None)
    assert forget_peak()
    run_pipeline(MemoryBlocks(vectors), members, spec, lambda *_: None)
    return stage_costs._read_peak_bytes() - vectors.nbytes

measure(600)  # what is loaded once
print(json.dumps([measure(4000), measure(12000)]))  # of fewer than 4000, blocks are not full
"""


def test_memory_beside_the_vectors_does_not_grow_with_them() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", MEASURE_MEMORY], check=True, capture_output=True, text=True
    )
    few, many = json.loads(answer.stdout)
    assert many < 1.2 * few, f"{few / 1e6:.0f} MB beside 4000 vectors, {many / 1e6:.0f} MB beside 12,000"


def test_of_many_members_a_sample_has_silhouettes_and_the_score_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exact = run(make_spec(), *make_members())
    monkeypatch.setattr(silhouette, "EXACT_MEMBERS", 100)
    monkeypatch.setattr(silhouette, "SAMPLED_MEMBERS", 60)
    sampled = run(make_spec(), *make_members())
    for result, whole in zip(sampled.results, exact.results, strict=True):
        np.testing.assert_array_equal(result.labels, whole.labels)
        chosen = ~np.isnan(result.silhouettes)
        assert np.count_nonzero(chosen) == 60
        np.testing.assert_allclose(result.silhouettes[chosen], whole.silhouettes[chosen], atol=1e-6)
        score = result.scores.silhouette
        assert score.sampled_members == 60
        assert whole.scores.silhouette.sampled_members is None
        interval, known_interval = known(score.interval), known(whole.scores.silhouette.interval)
        assert interval.high - interval.low > known_interval.high - known_interval.low
        assert result.scores.accuracy == whole.scores.accuracy
