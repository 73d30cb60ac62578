"""Whitening within patients: the matrix, its shrinkage, and what it is good for."""

import numpy as np
import pytest
from octcluster_clusterer.clustering import hg_means
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Preparation
from octcluster_clusterer.preparation import patient_differences, within_patients
from octcluster_clusterer.preparation.patient_differences import measure_differences
from octcluster_clusterer.preparation.prepare import prepare
from octcluster_clusterer.preparation.within_patients import find_shrinkage, find_whitening
from sklearn.metrics import adjusted_rand_score


def nothing(*_: object) -> None:
    pass


def find_patient_whitening(vectors: np.ndarray, patients: np.ndarray) -> np.ndarray:
    blocks = MemoryBlocks(np.ascontiguousarray(vectors))
    whole = [slice(0, vectors.shape[1])]
    differences = measure_differences(blocks, whole, patients, lambda: None)
    return find_whitening(differences.scatters[0], differences.n_free)


def make_patients(n_patients: int = 150, dimension: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Patients with one to four images each: float32 vectors, and each one's patient, shuffled."""
    random = np.random.default_rng(seed)
    patients = random.permutation(np.repeat(np.arange(n_patients), random.integers(1, 5, n_patients)))
    mixing = random.standard_normal((dimension, dimension))
    vectors = random.standard_normal((n_patients, dimension))[patients]
    vectors += random.standard_normal((patients.size, dimension)) @ mixing
    return vectors.astype(np.float32), patients


def find_covariance(vectors: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Pooled covariance within patients."""
    differences = np.concatenate(
        [
            vectors[patients == patient] - vectors[patients == patient].mean(axis=0)
            for patient in np.unique(patients)
        ]
    )
    return np.asarray(differences.T @ differences) / (patients.size - np.unique(patients).size)


def test_unshrunk_every_direction_has_one_scatter_within_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, patients = make_patients()
    monkeypatch.setattr(within_patients, "find_shrinkage", lambda *_: 0.0)
    whitened = vectors @ find_patient_whitening(vectors, patients)
    covariance = find_covariance(whitened.astype(np.float64), patients)
    np.testing.assert_allclose(covariance / covariance[0, 0], np.eye(12), atol=1e-4)


def test_half_a_sphere_is_added() -> None:
    vectors, patients = make_patients(2000)
    matrix = find_patient_whitening(vectors, patients).astype(np.float64)
    covariance = find_covariance(vectors.astype(np.float64), patients)
    shrunk = covariance / np.trace(covariance) * 12 / 2 + np.eye(12) / 2
    product = matrix.T @ shrunk @ matrix
    np.testing.assert_allclose(product / product[0, 0], np.eye(12), atol=1e-4)
    assert np.square(matrix).sum() == pytest.approx(12)


def test_leading_dimensions_are_whitened_as_if_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, patients = make_patients()
    monkeypatch.setattr(within_patients, "find_shrinkage", lambda *_: 0.0)
    whole = vectors @ find_patient_whitening(vectors, patients)
    alone = vectors[:, :5] @ find_patient_whitening(np.ascontiguousarray(vectors[:, :5]), patients)
    np.testing.assert_allclose(whole[:, :5] / whole[0, 0], alone / alone[0, 0], rtol=1e-3, atol=1e-3)


def test_patients_of_one_member_and_of_equal_members_change_nothing() -> None:
    vectors = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
    np.testing.assert_array_equal(find_patient_whitening(vectors, np.arange(40)), np.eye(6))
    twice = np.repeat(vectors, 3, axis=0)
    np.testing.assert_array_equal(find_patient_whitening(twice, np.repeat(np.arange(40), 3)), np.eye(6))


def test_the_order_of_the_members_and_the_blocks_change_only_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, patients = make_patients()
    matrix = find_patient_whitening(vectors, patients)
    order = np.random.default_rng(1).permutation(patients.size)
    monkeypatch.setattr(patient_differences, "_VALUES_AT_ONCE", 100)
    np.testing.assert_allclose(find_patient_whitening(vectors[order], patients[order]), matrix, atol=1e-5)


def test_few_differences_are_shrunk_more() -> None:
    assert find_shrinkage(1, 48) > 0.99
    assert find_shrinkage(192, 48) == 0.5
    assert find_shrinkage(100_000, 48) == 0.5


def test_what_differs_between_images_of_a_patient_no_longer_hides_pathology() -> None:
    random = np.random.default_rng(0)
    patients = np.repeat(np.arange(120), 4)
    classes = patients % 2
    vectors = random.standard_normal((480, 8))
    vectors[:, 0] += 1.5 * np.where(classes, 1, -1)
    # A nuisance in two patients further apart, the same for no patient.
    vectors[:, 1] += 2.0 * random.choice([-1, 1], 480)
    scans = vectors.astype(np.float32)

    def find(*, within: bool) -> float:
        preparation = Preparation(
            l2_normalize=False, pca=8, whiten=True, whiten_within_patients=within, normalize_prepared=False
        )
        prepared = prepare(
            MemoryBlocks(scans.copy()), preparation, patients, 0, lambda done, total: None
        ).blocks
        return float(adjusted_rand_score(classes, hg_means.cluster(prepared, 2, 0, lambda: None, (8,))))

    assert find(within=False) < 0.2
    assert find(within=True) > 0.6


def test_it_needs_whitened_components() -> None:
    vectors, patients = make_patients()
    with pytest.raises(InvalidRequest, match="ask for whiten"):
        prepare(
            MemoryBlocks(vectors),
            Preparation(pca=4, whiten_within_patients=True),
            patients,
            0,
            lambda done, total: None,
        )
