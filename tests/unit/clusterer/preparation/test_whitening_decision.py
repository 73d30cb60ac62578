"""Whitening within patients is decided from the vectors: on for single scans, off for volumes."""

import numpy as np
import pytest
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.preparation.patient_differences import measure_differences
from octcluster_clusterer.preparation.whitening_decision import WhiteningDecision, decide_whitening


def draw(patients: int, scans: int, smoothness: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of patients whose scans keep a share of what made the one before them."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(patients):
        person, slice_ = random.standard_normal(40), random.standard_normal(40)
        for _ in range(scans):
            slice_ = smoothness * slice_ + (1 - smoothness**2) ** 0.5 * random.standard_normal(40)
            rows.append(person + slice_)
    vectors = np.array(rows, dtype=np.float32)
    return vectors - vectors.mean(axis=0), np.repeat(np.arange(patients), scans)


def decide(vectors: np.ndarray, patients: np.ndarray, *, always: bool = False) -> WhiteningDecision:
    differences = measure_differences(
        MemoryBlocks(vectors), [slice(0, 25), slice(25, 40)], patients, lambda: None
    )
    squares = float(np.square(vectors, dtype=np.float64).sum())
    return decide_whitening(True if always else "auto", differences, squares, len(vectors))


@pytest.mark.parametrize(("patients", "scans"), [(6, 49), (40, 25), (30, 7)])
def test_slices_of_volumes_are_not_whitened_within_patients(patients: int, scans: int) -> None:
    decision = decide(*draw(patients, scans, 0.8))
    assert (decision.applied, decision.like_volumes) == (False, True)
    assert decision.members_a_patient == scans


@pytest.mark.parametrize(("patients", "scans"), [(80, 3), (40, 8), (60, 20)])
def test_single_scans_in_no_order_are(patients: int, scans: int) -> None:
    decision = decide(*draw(patients, scans, 0))
    assert (decision.applied, decision.like_volumes) == (True, False)
    assert decision.order_share == pytest.approx(1, abs=0.05)
    assert decision.share_within == pytest.approx(0.5, abs=0.1)


def test_few_scans_are_no_volume_whatever_their_order() -> None:
    assert decide(*draw(80, 3, 0.9)).applied


def test_who_asks_for_it_gets_it_and_learns_that_they_look_like_volumes() -> None:
    decision = decide(*draw(6, 49, 0.8), always=True)
    assert (decision.applied, decision.like_volumes) == (True, True)


def test_the_order_of_the_patients_does_not_matter() -> None:
    vectors, patients = draw(10, 30, 0.8)
    mixed = np.arange(300).reshape(10, 30).T.ravel()  # the first slice of each, then the second
    straight, of_mixed = decide(vectors, patients), decide(vectors[mixed], patients[mixed])
    assert of_mixed.order_share == pytest.approx(straight.order_share, rel=1e-5)
    assert not of_mixed.applied


def test_without_two_of_one_patient_there_is_nothing_to_whiten() -> None:
    vectors, _ = draw(10, 3, 0)
    assert decide(vectors, np.arange(30), always=True) == WhiteningDecision(False)


def test_equal_vectors_are_no_fault() -> None:
    decision = decide(np.zeros((12, 40), np.float32), np.arange(12) // 6)
    assert (decision.share_within, decision.order_share, decision.like_volumes) == (0, 1, False)
