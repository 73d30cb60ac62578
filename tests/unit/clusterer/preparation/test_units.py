"""Units: what is known of them, their prepared vectors, and that others are prepared as they were."""

import numpy as np
import pytest
from known import known
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.model import Members, Preparation
from octcluster_clusterer.preparation.prepare import PreparedVectors, prepare
from octcluster_clusterer.preparation.units import count_units, gather_units, pool

KEYS = np.arange(6 * 32, dtype=np.uint8).reshape(6, 32)
UNITS = np.array([1, 0, 1, 2, 2, 2], dtype=np.int32)
PREPARATION = Preparation(
    pca=4, whiten=True, whiten_within_patients=True, normalize_prepared=True, part_dimensions=(10, 6)
)


def make_members(**columns: object) -> Members:
    return Members(KEYS, None, unit_indices=UNITS, **columns)  # type: ignore[arg-type]


def test_units_are_counted_and_have_the_key_of_their_first_member() -> None:
    members = make_members()
    assert count_units(members) == 3
    assert gather_units(members).image_keys.tolist() == KEYS[[1, 0, 3]].tolist()
    without = Members(KEYS, None)
    assert gather_units(without) is without
    assert count_units(without) == 6


def test_a_unit_has_the_class_and_the_patient_that_its_known_members_share() -> None:
    classes = np.array([0, 2, 1, -1, 1, 1], dtype=np.int32)
    patients = np.array([4, -1, 4, 5, 5, 6], dtype=np.int32)
    units = gather_units(Members(KEYS, classes, patients, unit_indices=UNITS))
    assert known(units.class_indices).tolist() == [2, -1, 1]
    assert known(units.patient_indices).tolist() == [-1, 4, -1]


def test_no_class_is_known_where_no_unit_agrees() -> None:
    classes = np.array([0, -1, 1, 0, 1, 2], dtype=np.int32)
    assert gather_units(Members(KEYS, classes, unit_indices=UNITS)).class_indices is None


def test_numbers_of_a_unit_are_the_means_of_the_known_ones() -> None:
    widths = np.array([1, np.nan, 3, 5, np.nan, 6], dtype=np.float32)
    (found,) = gather_units(make_members(number_columns={"width": widths})).number_columns.values()
    assert np.isnan(found[0])
    assert found[1:].tolist() == [2, 5.5]


def test_a_pooled_vector_is_the_mean_and_that_of_one_member_its_own() -> None:
    vectors = np.random.default_rng(0).standard_normal((6, 5), dtype=np.float32)
    pooled = pool(MemoryBlocks(vectors), UNITS)
    assert pooled[0].tobytes() == vectors[1].tobytes()
    assert np.allclose(pooled[2], vectors[3:].mean(axis=0), atol=1e-6)


def make_vectors(n_members: int) -> np.ndarray:
    return np.random.default_rng(1).gamma(2, size=(n_members, 16)).astype(np.float32)


def prepare_units(units: np.ndarray | None) -> PreparedVectors:
    vectors = make_vectors(60)
    patients = np.arange(60) // 6
    return prepare(MemoryBlocks(vectors), PREPARATION, patients, 0, lambda done, total: None, units=units)


def test_units_of_one_member_each_change_nothing_but_the_last_digits() -> None:
    plain, units = prepare_units(None), prepare_units(np.arange(60, dtype=np.int32))
    assert np.allclose(plain.blocks.bring(lambda: None), units.blocks.bring(lambda: None), atol=1e-5)


def test_units_are_prepared_as_means_of_their_members_and_have_one_length() -> None:
    units = (np.arange(60) // 3).astype(np.int32)
    prepared = prepare_units(units)
    assert prepared.blocks.bring(lambda: None).shape == (20, 8)
    assert prepared.coordinates.shape == (20, 2)
    for part in (slice(0, 4), slice(4, 8)):
        lengths = np.linalg.norm(prepared.blocks.bring(lambda: None)[:, part], axis=1)
        assert np.allclose(lengths, lengths[0], rtol=1e-5)


@pytest.mark.parametrize("order", ["as they came", "another"])
def test_the_units_of_a_run_are_prepared_again_with_the_same_bits(order: str) -> None:
    units = (np.arange(60) // 3).astype(np.int32)
    prepared = prepare_units(units)
    rows = np.arange(60) if order == "as they came" else np.arange(60).reshape(20, 3)[::-1].ravel()
    again = known(prepared.fitted).apply(make_vectors(60)[rows], np.repeat(np.arange(20), 3).astype(np.int32))
    expected = (
        prepared.blocks.bring(lambda: None)
        if order == "as they came"
        else prepared.blocks.bring(lambda: None)[::-1]
    )
    assert again.tobytes() == np.ascontiguousarray(expected).tobytes()
