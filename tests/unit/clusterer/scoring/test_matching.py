"""Classes and clusters are matched one to one: the best match, and the one that the accuracy counts."""

from itertools import permutations

import numpy as np
import pytest
from octcluster_clusterer.scoring import match_classes, score
from octcluster_clusterer.scoring.contingency import count_members
from octcluster_clusterer.scoring.matching import match


def find_best(counts: np.ndarray) -> int:
    """Most members in matched cells, by trying all matches."""
    fewer, more = sorted((counts, counts.T), key=len)[0], max(counts.shape)
    return max(
        int(fewer[np.arange(len(fewer)), list(columns)].sum())
        for columns in permutations(range(more), len(fewer))
    )


@pytest.mark.parametrize("largest", [1, 4, 1000])
def test_the_match_is_the_best_of_all(largest: int) -> None:
    draw = np.random.default_rng(largest)
    for _ in range(200):
        counts = draw.integers(0, largest, size=draw.integers(1, 6, size=2), endpoint=True)
        rows, columns = match(counts.astype(np.float64))
        assert len(rows) == len(set(rows)) == len(set(columns))
        assert counts[rows, columns].all(), "what shares no member is not matched"
        assert counts[rows, columns].sum() == find_best(counts)


@pytest.mark.parametrize("largest", [1, 4, 1000])
def test_the_members_of_the_match_are_those_that_the_accuracy_counts(largest: int) -> None:
    draw = np.random.default_rng(largest)
    for _ in range(100):
        classes = draw.integers(-1, min(largest, 6), size=40).astype(np.int32)
        labels = draw.integers(-1, 5, size=40).astype(np.int32)
        contingency = count_members(classes, labels)
        if contingency is None or not (labels >= 0).any():
            continue
        labels = np.where(labels >= 0, np.searchsorted(np.unique(labels[labels >= 0]), labels), -1)
        labels = labels.astype(np.int32)
        scores, contingency = score(labels, np.zeros(40, dtype=np.float32), classes)
        class_of_cluster = match_classes(contingency)
        assert class_of_cluster.dtype == np.int32
        assert len(class_of_cluster) == labels.max() + 1
        known = classes >= 0
        right = np.append(class_of_cluster, -2)[labels] == classes
        if np.unique(classes[known]).size == 1:
            assert scores.accuracy.value is None
        else:
            assert np.mean(right[known]) == pytest.approx(scores.accuracy.value)


def test_of_equal_matches_it_is_always_the_same() -> None:
    counts = np.full((4, 4), 5.0)
    first = match(counts)
    for order in ("C", "F"):
        again = match(np.array(counts, order=order))
        np.testing.assert_array_equal(again, first)


def test_classes_without_a_cluster_and_clusters_without_a_class_match_nothing() -> None:
    classes = np.array([0, 0, 0, 1, 1, 4, -1], dtype=np.int32)
    labels = np.array([0, 0, 0, 0, -1, 1, 2], dtype=np.int32)
    assert match_classes(count_members(classes, labels)).tolist() == [0, 4, -1]


def test_noise_matches_nothing() -> None:
    classes = np.array([0, 0, 1], dtype=np.int32)
    assert match_classes(count_members(classes, np.full(3, -1, dtype=np.int32))).tolist() == []


def test_without_classes_nothing_matches() -> None:
    assert match_classes(None).tolist() == []
