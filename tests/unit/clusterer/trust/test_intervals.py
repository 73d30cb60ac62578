"""Intervals by bootstrap over patients: coverage, the patients' weight, and where there are none."""

from dataclasses import fields

import numpy as np
import pytest
from known import known
from octcluster_clusterer import tiles
from octcluster_clusterer.model import Algorithm, ClusteringResult, Scores
from octcluster_clusterer.scoring import compare_with_classes, match_classes, score
from octcluster_clusterer.trust.intervals import add_intervals
from octcluster_clusterer.trust.patients import number_patients
from sklearn import metrics

NAMES = [field.name for field in fields(Scores)]


def make_result(
    labels: np.ndarray, classes: np.ndarray | None, silhouettes: np.ndarray | None = None
) -> ClusteringResult:
    values = np.full(labels.size, 0.5) if silhouettes is None else silhouettes
    scores, contingency = score(labels.astype(np.int32), values.astype(np.float32), classes)
    return ClusteringResult(
        Algorithm.KMEANS,
        4,
        labels.astype(np.int32),
        values.astype(np.float32),
        scores,
        contingency,
        1.0,
        np.zeros(labels.size, dtype=np.float32),
        match_classes(contingency),
    )


def find(labels: np.ndarray, classes: np.ndarray | None, patients: np.ndarray, seed: int = 0) -> Scores:
    result = make_result(labels, classes)
    return add_intervals([result], classes, number_patients(patients, labels.size), seed, lambda _: None)[0]


def draw(
    random: np.random.Generator, n_patients: int = 150, per_group: int = 4
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patients whose members are right or wrong together: seven of ten are in their class's cluster."""
    classes = np.repeat(random.integers(0, 3, n_patients), per_group).astype(np.int32)
    wrong = np.repeat(random.random(n_patients) >= 0.7, per_group)
    labels = np.where(wrong, (classes + 1 + random.integers(0, 2, classes.size)) % 3, classes)
    return classes, labels, np.repeat(np.arange(n_patients), per_group).astype(np.int32)


def test_groups_are_numbered_without_gaps_and_the_unknown_stand_alone() -> None:
    assert number_patients(np.array([7, -1, 3, 7, -1], dtype=np.int32), 5).tolist() == [1, 2, 0, 1, 3]
    assert number_patients(None, 3).tolist() == [0, 1, 2]


@pytest.mark.heavy
def test_intervals_cover_the_truth_as_often_as_they_should() -> None:
    random = np.random.default_rng(3)
    by_group = by_image = 0
    for seed in range(60):
        classes, labels, patients = draw(random)
        interval = known(find(labels, classes, patients, seed).accuracy.interval)
        by_group += interval.low <= 0.7 <= interval.high
        alone = np.full(labels.size, -1, dtype=np.int32)
        interval = known(find(labels, classes, alone, seed).accuracy.interval)
        by_image += interval.low <= 0.7 <= interval.high
    assert by_group >= 52
    assert by_image <= 50, "images of one patient are no independent images"


def test_every_defined_score_has_an_interval_around_it() -> None:
    classes, labels, patients = draw(np.random.default_rng(0))
    scores = find(labels, classes, patients)
    for name in NAMES:
        one = getattr(scores, name)
        assert one.interval is not None, name
        assert one.interval.low <= one.value <= one.interval.high
        assert (one.interval.low < one.interval.high) == (name != "silhouette")  # which is 0.5 throughout


def test_a_table_counts_members_drawn_twice_as_scikit_learn_does() -> None:
    random = np.random.default_rng(0)
    classes, labels, patients = draw(random)
    times = random.integers(0, 3, patients.max() + 1)[patients]
    drawn_classes, drawn_labels = np.repeat(classes, times), np.repeat(labels, times)
    counts = metrics.cluster.contingency_matrix(drawn_classes, drawn_labels)
    found = compare_with_classes(counts[np.newaxis].astype(float), np.arange(3, dtype=np.int32))
    for name, function in {
        "adjusted_rand_index": metrics.adjusted_rand_score,
        "adjusted_mutual_information": metrics.adjusted_mutual_info_score,
        "normalized_mutual_information": metrics.normalized_mutual_info_score,
        "homogeneity": metrics.homogeneity_score,
        "completeness": metrics.completeness_score,
        "v_measure": metrics.v_measure_score,
        "fowlkes_mallows": metrics.fowlkes_mallows_score,
    }.items():
        assert found[name][0] == pytest.approx(function(drawn_classes, drawn_labels), abs=1e-12), name


def test_the_silhouettes_interval_is_that_of_a_mean() -> None:
    random = np.random.default_rng(0)
    values = random.normal(0.2, 0.1, 2000)
    result = make_result(np.arange(2000) % 2, None, values)
    (scores,) = add_intervals([result], None, np.arange(2000), 0, lambda _: None)
    width = 2 * 1.96 * values.std() / np.sqrt(2000)
    interval = known(scores.silhouette.interval)
    assert interval.high - interval.low == pytest.approx(width, rel=0.1)
    assert scores.accuracy.interval is None
    assert scores.accuracy.undefined_reason == "no image has a known class"


def test_one_group_gives_no_interval() -> None:
    labels, classes = np.arange(20) % 2, (np.arange(20) % 2).astype(np.int32)
    scores = find(labels, classes, np.zeros(20, dtype=np.int32))
    assert all(getattr(scores, name).interval is None for name in NAMES)
    assert scores.accuracy.value == 1
    half = find(labels, np.where(np.arange(20) < 10, classes, -1).astype(np.int32), np.arange(20) // 10)
    assert half.silhouette.interval is not None
    assert half.accuracy.interval is None, "only one patient has classes"


def test_an_undefined_score_keeps_its_reason() -> None:
    classes, labels = (np.arange(40) % 2).astype(np.int32), np.zeros(40, dtype=np.int32)
    scores = find(labels, classes, np.arange(40))
    assert scores.accuracy.interval is not None
    assert scores.completeness.interval is None
    assert "a single cluster" in known(scores.completeness.undefined_reason)


def test_a_cluster_for_each_member_has_no_interval_by_drawing_members_twice() -> None:
    scores = find(np.arange(40), (np.arange(40) % 2).astype(np.int32), np.arange(40))
    assert all(getattr(scores, name).interval is None for name in NAMES if name != "silhouette")
    assert "share a cluster" in known(scores.purity.undefined_reason)


def test_intervals_repeat_themselves_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    classes, labels, patients = draw(np.random.default_rng(0))
    first = find(labels, classes, patients)
    monkeypatch.setattr(tiles, "_MAX_THREADS", 1)
    assert find(labels, classes, patients) == first
    assert find(labels, classes, patients, seed=1) != first
