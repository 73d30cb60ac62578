"""Scores against known classes: hand-made cases, invariance, and every undefined one with its reason."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known import known
from octcluster_clusterer.model import Contingency, Scores
from octcluster_clusterer.scoring import score
from octcluster_clusterer.scoring.contingency import count_members

AGREEMENT = [field.name for field in fields(Scores) if field.name != "silhouette"]


def judge(classes: list[int] | None, labels: list[int]) -> tuple[Scores, Contingency | None]:
    return score(
        np.array(labels, dtype=np.int32),
        np.full(len(labels), np.nan, dtype=np.float32),
        None if classes is None else np.array(classes, dtype=np.int32),
    )


def values(scores: Scores) -> dict[str, float | None]:
    return {name: getattr(scores, name).value for name in AGREEMENT}


def test_a_perfect_match_scores_one_everywhere() -> None:
    scores, contingency = judge([2, 2, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2])
    assert values(scores) == pytest.approx(dict.fromkeys(AGREEMENT, 1.0))
    np.testing.assert_array_equal(known(contingency).class_indices, [0, 1, 2])
    np.testing.assert_array_equal(known(contingency).counts, [[0, 2, 0], [0, 0, 2], [2, 0, 0]])


def test_the_studys_table_has_its_known_figures() -> None:
    table = np.array([[310, 402, 132, 156], [311, 197, 134, 358], [303, 220, 125, 352], [268, 347, 160, 225]])
    classes = np.repeat(np.arange(4), table.sum(axis=1))
    labels = np.concatenate([np.repeat(np.arange(4), row) for row in table])
    scores, contingency = judge(classes.tolist(), labels.tolist())
    np.testing.assert_array_equal(known(contingency).counts, table)
    assert scores.accuracy.value == pytest.approx(0.306, abs=5e-4)
    assert scores.adjusted_rand_index.value == pytest.approx(0.019, abs=5e-4)


@pytest.mark.parametrize(
    ("classes", "labels", "accuracy"),
    [
        ([0, 0, 1, 1], [0, 0, 1, 2], 0.75),  # more clusters than classes: two of them match
        ([0, 0, 1, 2], [0, 0, 1, 1], 0.75),  # more classes than clusters
        ([0, 0, 0, 1], [0, 0, 0, 0], 0.75),
        ([0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1], 4 / 6),  # the greedy match of cluster 0 is the best one too
        ([0] * 5 + [1] * 6, [0] * 5 + [0] * 4 + [1] * 2, 7 / 11),
    ],
)
def test_accuracy_is_the_best_one_to_one_match(
    classes: list[int], labels: list[int], accuracy: float
) -> None:
    assert judge(classes, labels)[0].accuracy.value == pytest.approx(accuracy)


def test_noise_is_never_right_and_one_cluster_of_its_own() -> None:
    classes, labels = [0, 0, 0, 1, 1, 1], [0, 0, -1, 1, 1, -1]
    scores, contingency = judge(classes, labels)
    assert scores.accuracy.value == pytest.approx(4 / 6)
    assert scores.purity.value == pytest.approx(4 / 6)
    as_cluster = values(judge(classes, [0, 0, 2, 1, 1, 2])[0])
    for name in set(AGREEMENT) - {"accuracy", "purity"}:
        assert getattr(scores, name).value == pytest.approx(as_cluster[name])
    np.testing.assert_array_equal(known(contingency).clusters, [-1, 0, 1])


def test_only_members_of_known_class_count() -> None:
    with_unknown = values(judge([0, -1, 0, 1, -1, 1, 1], [0, 1, 0, 1, 1, 1, 0])[0])
    assert with_unknown == pytest.approx(values(judge([0, 0, 1, 1, 1], [0, 0, 1, 1, 0])[0]))


@pytest.mark.parametrize("classes", [None, [-1, -1, -1, -1]])
def test_without_classes_all_are_undefined(classes: list[int] | None) -> None:
    scores, contingency = judge(classes, [0, 0, 1, 1])
    assert contingency is None
    for name in AGREEMENT:
        assert getattr(scores, name).value is None
        assert "known class" in getattr(scores, name).undefined_reason


SHARE_NO_CLASS = "no two images with a known class share a class"
SHARE_NO_CLUSTER = "no two images with a known class share a cluster"
SINGLE_CLASS = "all images with a known class are of a single class"


@pytest.mark.parametrize(
    ("classes", "labels", "reason"),
    [
        ([3, 3, 3, -1], [0, 0, 1, 1], SINGLE_CLASS),
        ([3, 3, 3], [0, 0, 0], SINGLE_CLASS),
        ([3, 3, 3], [0, 1, 2], SINGLE_CLASS),
        ([3, -1, -1], [0, 0, 1], SINGLE_CLASS),  # one image is right in any case
        ([0, 0, 1, 1], [0, 1, 2, 3], SHARE_NO_CLUSTER),  # pure and homogeneous whatever it is worth
        ([0, 0, 1, 1], [0, 1, -1, -1], SHARE_NO_CLUSTER),
        ([0, 0, 1, -1, -1], [0, 1, 2, 2, 0], SHARE_NO_CLUSTER),
        ([0, 1, 2, 3], [0, 1, 2, 3], SHARE_NO_CLASS),  # all matched, of necessity
        ([0, 1, 2, 3], [0, 0, 1, 1], SHARE_NO_CLASS),
        ([0, 1, -1, -1], [0, 1, 0, 1], SHARE_NO_CLASS),
    ],
)
def test_nothing_is_judged_by_members_that_are_alone(
    classes: list[int], labels: list[int], reason: str
) -> None:
    scores, contingency = judge(classes, labels)
    assert contingency is not None
    for name in AGREEMENT:
        assert getattr(scores, name).value is None
        assert getattr(scores, name).undefined_reason == reason


def test_a_single_cluster_is_not_complete() -> None:
    scores, _ = judge([0, 0, 1, 1], [0, 0, 0, 0])
    assert scores.completeness.value is None
    assert scores.completeness.undefined_reason == "all images with a known class lie in a single cluster"
    assert (scores.accuracy.value, scores.adjusted_rand_index.value, scores.homogeneity.value) == (0.5, 0, 0)


def test_noise_alone_leaves_all_undefined() -> None:
    scores, contingency = judge([0, 1, 0, 1], [-1, -1, -1, -1])
    assert all(getattr(scores, name).value is None for name in AGREEMENT)
    assert "noise" in known(scores.accuracy.undefined_reason)
    np.testing.assert_array_equal(known(contingency).counts, [[2], [2]])


@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), max_size=40))
def test_contingency_counts_each_known_member_once(members: list[tuple[int, int]]) -> None:
    classes = np.array([member[0] for member in members], dtype=np.int32)
    labels = np.array([member[1] for member in members], dtype=np.int32)
    contingency = count_members(classes, labels)
    if not (classes >= 0).any():
        assert contingency is None
        return
    assert contingency is not None
    assert contingency.counts.sum() == (classes >= 0).sum()
    for row, class_index in enumerate(contingency.class_indices):
        for column, cluster in enumerate(contingency.clusters):
            assert contingency.counts[row, column] == ((classes == class_index) & (labels == cluster)).sum()
    assert set(contingency.clusters) == set(labels)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30))
def test_scores_stay_in_their_ranges(members: list[tuple[int, int]]) -> None:
    scores, _ = judge([member[0] for member in members], [member[1] for member in members])
    for name, value in values(scores).items():
        if value is not None:
            assert (
                -0.5 if name == "adjusted_rand_index" else -1 if "adjusted" in name else 0
            ) - 1e-9 <= value
            assert value <= 1 + 1e-9
