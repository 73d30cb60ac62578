"""Runs of units: what is clustered and judged are units, and duplicates stay members."""

from dataclasses import replace

import numpy as np
import pytest
from known import known
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Algorithm, Members, Preparation, RunSpec, VectorSpace
from octcluster_clusterer.runs.pipeline import run_pipeline
from octcluster_clusterer.runs.records import RunResult
from octcluster_clusterer.runs.spec_rules import check_spec

pytestmark = pytest.mark.heavy

DIMENSION = 24
EYES, SCANS = 40, 12
SPEC = RunSpec(
    "0" * 32,
    VectorSpace(bytes(32), DIMENSION),
    Preparation(l2_normalize=False, pca=8),
    [Algorithm.HG_MEANS],
    2,
    2,
    seed=0,
    stability_resamples=4,
)
DISEASE_OF_EYE = np.arange(EYES) % 2


def draw_volumes() -> np.ndarray:
    """Slices of eyes: half of them have a finding, each in a third of its slices, which lie side by side."""
    random = np.random.default_rng(3)
    rows = []
    for disease in DISEASE_OF_EYE:
        person = 0.7 * random.standard_normal(DIMENSION)
        first = random.integers(0, SCANS - SCANS // 3)
        for place in range(SCANS):
            row = 5 + person + 0.3 * random.standard_normal(DIMENSION)
            row[0] += 2 * np.sin(place / 3)  # the place on the retina
            row[1] += 9 * (disease and first <= place < first + SCANS // 3)
            rows.append(row)
    return np.array(rows, dtype=np.float32)


def make_members(order: np.ndarray, *, by_eye: bool) -> Members:
    keys = np.zeros((EYES * SCANS, 32), dtype=np.uint8)
    keys[:, :2] = np.arange(EYES * SCANS, dtype="<u2")[:, np.newaxis].view(np.uint8)
    eyes = np.repeat(np.arange(EYES, dtype=np.int32), SCANS)
    return Members(
        keys[order],
        DISEASE_OF_EYE[eyes][order].astype(np.int32),
        eyes[order],
        {"place": np.tile(np.arange(SCANS, dtype=np.float32), EYES)[order]},
        eyes[order] if by_eye else None,
    )


def run(*, by_eye: bool, order: np.ndarray | None = None, spec: RunSpec = SPEC) -> RunResult:
    order = np.arange(EYES * SCANS) if order is None else order
    members = make_members(order, by_eye=by_eye)
    return run_pipeline(
        MemoryBlocks(np.ascontiguousarray(draw_volumes()[order])), members, spec, lambda *_: None
    )


@pytest.fixture(scope="module")
def of_eyes() -> RunResult:
    return run(by_eye=True)


def test_eyes_are_grouped_by_their_finding_where_slices_are_not(of_eyes: RunResult) -> None:
    assert known(of_eyes.results[0].scores.accuracy.value) >= 0.95
    assert known(run(by_eye=False).results[0].scores.accuracy.value) <= 0.75


def test_all_is_said_of_eyes(of_eyes: RunResult) -> None:
    (result,) = of_eyes.results
    for values in (result.labels, result.silhouettes, result.distances, of_eyes.coordinates):
        assert len(values) == EYES
    assert known(result.contingency).counts.sum() == EYES
    assert {association.members for association in result.associations} == {EYES}
    assert known(result.scores.accuracy.interval).low < 1
    assert known(known(result.stability).overall.value) > 0.8


def test_slices_are_told_from_single_scans(of_eyes: RunResult) -> None:
    assert of_eyes.patient_whitening is None
    whitened = Preparation(pca=8, whiten=True, whiten_within_patients="auto", normalize_prepared=True)
    found = run(by_eye=True, spec=replace(SPEC, preparation=whitened, stability_resamples=0))
    decision = known(found.patient_whitening)
    assert (decision.applied, decision.like_volumes, decision.members_a_patient) == (False, True, SCANS)


def test_a_scan_is_placed_in_the_space_of_the_eyes(of_eyes: RunResult) -> None:
    placed = known(of_eyes.fitted).result(0, SPEC.space).assign(draw_volumes())
    labels = of_eyes.results[0].labels
    diseased = labels[DISEASE_OF_EYE == 1][0]
    shares = (placed.clusters == diseased).reshape(EYES, SCANS).mean(axis=1)
    assert shares[labels == diseased].mean() > shares[labels != diseased].mean() + 0.2


def test_the_order_of_members_changes_no_group(of_eyes: RunResult) -> None:
    mixed = np.random.default_rng(0).permutation(EYES * SCANS)
    again = run(by_eye=True, order=mixed)
    assert again.results[0].labels.tolist() == of_eyes.results[0].labels.tolist()


def test_duplicates_are_members() -> None:
    vectors = draw_volumes()
    vectors[100] = vectors[3] * 1.001
    found = run_pipeline(
        MemoryBlocks(vectors), make_members(np.arange(EYES * SCANS), by_eye=True), SPEC, lambda *_: None
    ).duplicates
    assert (3, 100) in {(pair.first_member, pair.second_member) for pair in found.pairs}


def test_there_must_be_as_many_units_as_clusters() -> None:
    with pytest.raises(InvalidRequest, match="clusters"):
        check_spec(replace(SPEC, max_clusters=5), 100, 4)
    with pytest.raises(InvalidRequest, match="units"):
        check_spec(SPEC, 10, 11)
