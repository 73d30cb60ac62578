"""What clusters go with: known answers, chance, and numbers cut into ranges."""

import numpy as np
import pytest
from known import known
from octcluster_clusterer.model import Association, Members
from octcluster_clusterer.trust.associations import cut_into_ranges, find_associations
from sklearn import metrics

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.choice(4, 600, p=[0.4, 0.3, 0.2, 0.1]).astype(np.int32)


def associate(
    classes: np.ndarray | None = None,
    patients: np.ndarray | None = None,
    labels: np.ndarray = LABELS,
    **numbers: np.ndarray,
) -> dict[str, Association]:
    columns = {name: np.asarray(values, dtype=np.float32) for name, values in numbers.items()}
    members = Members(np.zeros((labels.size, 32), dtype=np.uint8), classes, patients, columns)
    return {one.name: one for one in find_associations(labels, members)}


def test_the_clusters_themselves_tell_their_whole_entropy() -> None:
    entropy = -sum(share * np.log(share) for share in np.bincount(LABELS) / LABELS.size)
    found = associate(classes=LABELS)["class"]
    assert found.mutual_information == pytest.approx(entropy)
    assert found.adjusted_mutual_information.value == pytest.approx(1)
    assert found.members == 600


def test_patients_of_one_member_tell_all_and_mean_nothing() -> None:
    found = associate(patients=np.arange(600, dtype=np.int32))["patient"]
    assert found.mutual_information == pytest.approx(associate(classes=LABELS)["class"].mutual_information)
    assert found.adjusted_mutual_information.value == pytest.approx(0, abs=1e-9)
    small = associate(patients=RANDOM.permutation(600).astype(np.int32) // 3)["patient"]
    assert small.mutual_information > 0.4
    assert abs(known(small.adjusted_mutual_information.value)) < 0.1


def test_clusters_of_one_member_tell_nothing_of_anything() -> None:
    labels = np.arange(5, dtype=np.int32)
    (found,) = find_associations(labels, Members(np.zeros((5, 32), np.uint8), None, patient_indices=labels))
    assert found.adjusted_mutual_information.value is None
    assert found.adjusted_mutual_information.undefined_reason == "no two images share a cluster"


def test_figures_are_scikit_learns() -> None:
    patients = np.where(RANDOM.random(600) < 0.3, LABELS, RANDOM.integers(0, 80, 600)).astype(np.int32)
    found = associate(patients=patients)["patient"]
    assert found.mutual_information == pytest.approx(metrics.mutual_info_score(patients, LABELS))
    expected = metrics.adjusted_mutual_info_score(patients, LABELS)
    assert found.adjusted_mutual_information.value == pytest.approx(expected, abs=1e-9)


def test_a_column_that_the_clusters_follow_stands_out() -> None:
    labels = (np.arange(600) % 4).astype(np.int32)
    width = labels * 100 + RANDOM.random(600)
    found = associate(labels=labels, width=width, brightness=RANDOM.random(600))
    assert list(found) == ["brightness", "width"]
    assert found["width"].adjusted_mutual_information.value == pytest.approx(1)
    assert abs(known(found["brightness"].adjusted_mutual_information.value)) < 0.03


def test_only_members_known_in_both_count() -> None:
    classes = np.where(np.arange(600) < 200, LABELS, -1).astype(np.int32)
    width = np.where(np.arange(600) < 50, 1.0 * LABELS, np.nan)
    found = associate(classes=classes, width=width, height=np.full(600, np.nan))
    assert (found["class"].members, found["width"].members, found["height"].members) == (200, 50, 0)
    assert found["class"].adjusted_mutual_information.value == pytest.approx(1)
    assert found["height"].adjusted_mutual_information.undefined_reason == "it is known of no image"


def test_what_does_not_vary_is_undefined() -> None:
    equal = associate(width=np.ones(600))["width"]
    assert "the same" in known(equal.adjusted_mutual_information.undefined_reason)
    noise = associate(classes=LABELS, labels=np.full(600, -1, dtype=np.int32))["class"]
    assert "noise" in known(noise.adjusted_mutual_information.undefined_reason)


@pytest.mark.parametrize(
    ("values", "n_ranges", "ranges"),
    [
        ([1, 2, 3, 4, 5, 6], 3, [0, 0, 1, 1, 2, 2]),
        ([6, 5, 4, 3, 2, 1], 2, [1, 1, 1, 0, 0, 0]),
        ([5, 5, 5, 5, 5, 7], 4, [0, 0, 0, 0, 0, 1]),
        ([1, 7, 7, 7, 7, 7], 4, [0, 1, 1, 1, 1, 1]),
        ([1, np.nan, 2, np.nan], 2, [0, -1, 1, -1]),
        ([3, 3, 3], 2, [0, 0, 0]),
        ([1, 2], 5, [0, 1]),
        ([np.nan], 2, [-1]),
    ],
)
def test_equal_values_stay_in_one_range(values: list[float], n_ranges: int, ranges: list[int]) -> None:
    assert cut_into_ranges(np.array(values, dtype=np.float32), n_ranges).tolist() == ranges
