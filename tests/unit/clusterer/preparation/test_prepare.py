"""Preparation against scikit-learn's, on vectors of every shape."""

from typing import Any

import numpy as np
import pytest
from known import known
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import InvalidRequest, RunCancelled
from octcluster_clusterer.model import Preparation
from octcluster_clusterer.preparation import part as part_preparation
from octcluster_clusterer.preparation import prepare as preparation
from octcluster_clusterer.preparation import principal_components
from octcluster_clusterer.preparation.prepare import PreparedVectors, prepare
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler, normalize


def make_vectors(n: int, dimension: int, seed: int = 0) -> np.ndarray:
    """Correlated vectors away from the origin, whose variances fall from dimension to dimension."""
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((dimension, dimension)) / np.sqrt(np.arange(1, dimension + 1))
    return (random.standard_normal((n, dimension)) @ mixing.T + random.uniform(1, 3, dimension)).astype(
        np.float32
    )


def run_prepare(vectors: np.ndarray, groups: np.ndarray | None = None, **options: Any) -> PreparedVectors:
    groups = np.arange(len(vectors)) if groups is None else groups
    return prepare(MemoryBlocks(vectors.copy()), Preparation(**options), groups, 0, lambda done, total: None)


def align_signs(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.asarray(values * np.sign((values * reference).sum(axis=0)))


def test_l2_gives_unit_vectors_and_leaves_a_zero_vector_zero() -> None:
    vectors = make_vectors(30, 8)
    vectors[3] = 0
    prepared = run_prepare(vectors, l2_normalize=True).blocks.bring(lambda: None)
    expected = normalize(vectors.astype(np.float64))
    np.testing.assert_allclose(prepared, expected - expected.mean(axis=0), atol=1e-6)


def test_standardize_equals_scikit_learn_and_turns_a_constant_dimension_to_zero() -> None:
    vectors = make_vectors(50, 6)
    vectors[:, 2] = 0.1
    prepared = run_prepare(vectors, l2_normalize=False, standardize=True).blocks.bring(lambda: None)
    np.testing.assert_allclose(
        prepared, StandardScaler().fit_transform(vectors.astype(np.float64)), atol=1e-5
    )
    assert not prepared[:, 2].any()


@pytest.mark.heavy
@pytest.mark.parametrize(("n", "dimension"), [(300, 40), (40, 300), (64, 64), (700, 600)])
@pytest.mark.parametrize("pca", [0.5, 0.95, 0.999, 1, 17])
def test_pca_equals_scikit_learn(n: int, dimension: int, pca: float | int) -> None:
    vectors = make_vectors(n, dimension)
    prepared = run_prepare(vectors, l2_normalize=False, pca=pca)
    reference = PCA(pca, svd_solver="full").fit(vectors.astype(np.float64))
    expected = reference.transform(vectors.astype(np.float64))
    assert prepared.blocks.bring(lambda: None).shape == expected.shape
    ratios = prepared.explained_variance_ratios
    np.testing.assert_allclose(ratios[: expected.shape[1]], reference.explained_variance_ratio_, atol=1e-4)
    np.testing.assert_allclose(
        align_signs(prepared.blocks.bring(lambda: None), expected),
        expected,
        atol=2e-4 * np.abs(expected).max(),
    )
    assert prepared.blocks.bring(lambda: None).flags.c_contiguous


@pytest.mark.parametrize(("n", "dimension"), [(300, 40), (40, 300)])
def test_whitened_components_have_variance_one(n: int, dimension: int) -> None:
    prepared = run_prepare(make_vectors(n, dimension), pca=20, whiten=True).blocks.bring(lambda: None)
    np.testing.assert_allclose(prepared.var(axis=0, ddof=1), 1, atol=1e-3)


def test_whitening_does_not_blow_up_rounding_errors() -> None:
    vectors = np.repeat(make_vectors(4, 30), 10, axis=0)  # 4 different vectors: 3 components that vary
    prepared = run_prepare(vectors, pca=10, whiten=True).blocks.bring(lambda: None)
    np.testing.assert_allclose(prepared[:, :3].var(axis=0, ddof=1), 1, atol=1e-3)
    assert prepared[:, 3:].std() < 0.5 * prepared[:, :3].std()


def test_the_whole_variance_is_kept_with_share_one() -> None:
    vectors = make_vectors(60, 10)
    prepared = run_prepare(vectors, l2_normalize=False, pca=1.0)
    assert prepared.blocks.bring(lambda: None).shape == (60, 10)
    assert prepared.explained_variance_ratios.sum() == pytest.approx(1)


@pytest.mark.parametrize(("n", "dimension"), [(300, 40), (40, 300)])
def test_the_curve_and_the_coordinates_come_without_pca_too(n: int, dimension: int) -> None:
    vectors = make_vectors(n, dimension)
    prepared = run_prepare(vectors, l2_normalize=False)
    reference = PCA(svd_solver="full").fit(vectors.astype(np.float64))
    ratios = prepared.explained_variance_ratios
    assert ratios.size == min(n, dimension)
    np.testing.assert_allclose(ratios, reference.explained_variance_ratio_, atol=1e-4)
    expected = reference.transform(vectors.astype(np.float64))[:, :2]
    np.testing.assert_allclose(align_signs(prepared.coordinates, expected), expected, atol=1e-3)
    assert prepared.blocks.bring(lambda: None).shape == (n, dimension)


@pytest.mark.parametrize("pca", [None, 12])
def test_the_randomized_way_agrees_with_the_exact_one(
    pca: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = make_vectors(300, 200)
    exact = run_prepare(vectors, pca=pca)
    monkeypatch.setattr(principal_components, "EXACT_SIDE", 100)
    monkeypatch.setattr(principal_components, "EXACT_SIDE_WITHOUT_PCA", 100)
    leading = run_prepare(vectors, pca=pca)
    np.testing.assert_allclose(
        leading.explained_variance_ratios[:5], exact.explained_variance_ratios[:5], rtol=1e-3
    )
    np.testing.assert_allclose(leading.coordinates, exact.coordinates, atol=1e-3)
    assert leading.blocks.bring(lambda: None).shape == exact.blocks.bring(lambda: None).shape


def test_a_share_beyond_the_leading_components_is_refused_with_a_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(principal_components, "EXACT_SIDE", 100)
    monkeypatch.setattr(principal_components, "RANDOMIZED_COMPONENTS", 5)
    with pytest.raises(InvalidRequest, match="ask for a number of components"):
        run_prepare(make_vectors(300, 200), pca=0.99)


def test_the_farthest_coordinate_is_positive_whatever_the_way() -> None:
    for shape in ((200, 20), (20, 200)):
        coordinates = run_prepare(make_vectors(*shape), pca=5).blocks.bring(lambda: None)
        assert (coordinates.max(axis=0) >= -coordinates.min(axis=0)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(bad: float) -> None:
    vectors = make_vectors(20, 5)
    vectors[7, 3] = bad
    with pytest.raises(InvalidRequest, match="NaN or infinity"):
        run_prepare(vectors)


def test_opposite_infinities_are_refused() -> None:
    vectors = make_vectors(20, 5)
    vectors[7, 3], vectors[8, 3] = np.inf, -np.inf
    with pytest.raises(InvalidRequest, match="NaN or infinity"):
        run_prepare(vectors)


def test_values_too_large_for_distances_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="too large"):
        run_prepare(make_vectors(20, 5) * np.float32(1e30), l2_normalize=False)


@pytest.mark.parametrize(("n", "dimension", "largest"), [(10, 40, 9), (40, 10, 10)])
def test_asked_for_more_components_than_there_can_be_pca_keeps_all(
    n: int, dimension: int, largest: int
) -> None:
    vectors = make_vectors(n, dimension)
    all_there_are = run_prepare(vectors, pca=largest).blocks.bring(lambda: None)
    assert all_there_are.shape == (n, largest)
    np.testing.assert_array_equal(
        run_prepare(vectors, pca=largest + 30).blocks.bring(lambda: None), all_there_are
    )


@pytest.mark.parametrize("options", [{"pca": 0}, {"pca": 0.0}, {"pca": 1.5}, {"pca": -3}, {"whiten": True}])
def test_impossible_preparations_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        run_prepare(make_vectors(20, 5), **options)


def test_pca_of_one_vector_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="at least 2 images"):
        run_prepare(make_vectors(1, 5), pca=0.9)


@pytest.mark.parametrize("options", [{}, {"standardize": True}, {"pca": 0.9}, {"pca": 2, "whiten": True}])
def test_identical_vectors_become_zero(options: dict[str, Any]) -> None:
    prepared = run_prepare(np.tile(make_vectors(1, 7), (12, 1)), **options)
    assert not prepared.blocks.bring(lambda: None).any()
    assert not prepared.coordinates.any()
    assert prepared.explained_variance_ratios.size == 0


def test_one_dimension_has_a_second_coordinate_of_zero() -> None:
    prepared = run_prepare(make_vectors(12, 1), l2_normalize=False)
    assert prepared.coordinates.shape == (12, 2)
    assert prepared.coordinates[:, 0].any()
    assert not prepared.coordinates[:, 1].any()


def test_preparation_works_in_the_memory_it_was_given() -> None:
    vectors = make_vectors(100, 20)
    groups = np.arange(len(vectors))
    prepared = prepare(
        MemoryBlocks(vectors), Preparation(pca=5), groups, 0, lambda done, total: None
    ).blocks.bring(lambda: None)
    assert np.shares_memory(prepared, vectors)


def test_steps_rise_to_their_total_and_a_cancellation_gets_through() -> None:
    seen: list[int] = []
    prepare(
        MemoryBlocks(make_vectors(50, 8)),
        Preparation(pca=3),
        np.arange(50),
        0,
        lambda done, total: seen.append(done),
    )
    assert seen == sorted(seen)
    assert seen[-1] == 4

    def cancel(done: int, total: int) -> None:
        if done == 1:
            raise RunCancelled("stop")

    with pytest.raises(RunCancelled):
        prepare(MemoryBlocks(make_vectors(50, 8)), Preparation(), np.arange(50), 0, cancel)


@pytest.mark.parametrize(
    ("n", "dimension", "least_calls"),
    [
        (4000, 40, 2 * 4000 // 256),  # by the covariance: each block that is projected, and whitened again
        (60, 20_000, 20_000 // 4369),  # by the Gram matrix: each block of axes that is computed
    ],
)
def test_long_products_are_reported_block_by_block(n: int, dimension: int, least_calls: int) -> None:
    calls: list[int] = []
    options = Preparation(pca=10, whiten=True, whiten_within_patients=True)
    vectors = np.random.default_rng(0).standard_normal((n, dimension), dtype=np.float32)
    prepare(MemoryBlocks(vectors), options, np.arange(n) // 2, 0, lambda done, total: calls.append(done))
    assert len(calls) > least_calls + 8
    assert calls == sorted(calls)


@pytest.mark.parametrize("stop_at", [5, 20, 40])
def test_the_randomized_way_can_be_stopped_in_the_middle(
    stop_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(principal_components, "EXACT_SIDE", 100)
    calls = 0

    def cancel(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == stop_at:
            raise RunCancelled("stop")

    vectors = make_vectors(500, 300)
    with pytest.raises(RunCancelled):
        prepare(MemoryBlocks(vectors), Preparation(pca=120), np.arange(500), 0, cancel)
    assert calls == stop_at


PARTS = (12, 30, 7)


@pytest.mark.parametrize("n", [300, 20])  # 20: fewer members than a part has dimensions
@pytest.mark.parametrize(("pca", "whiten"), [(5, True), (5, False), (0.9, True), (0.9, False), (None, False)])
def test_parts_are_prepared_one_by_one_and_weigh_the_same(
    n: int, pca: float | int | None, whiten: bool
) -> None:
    vectors = make_vectors(n, sum(PARTS)) * np.repeat([1, 100, 0.01], PARTS).astype(np.float32)
    options: dict[str, Any] = {"l2_normalize": True, "standardize": True, "pca": pca, "whiten": whiten}
    prepared = run_prepare(vectors, part_dimensions=PARTS, **options)

    expected = []
    for part in np.split(vectors.astype(np.float64), np.cumsum(PARTS)[:-1], axis=1):
        scaled = StandardScaler().fit_transform(normalize(part))
        if pca is not None:
            scaled = PCA(pca, whiten=whiten, svd_solver="full").fit_transform(scaled)
        expected.append(scaled)
    mean_squares = [np.square(part).sum(axis=1).mean() for part in expected]
    weights = np.sqrt(np.mean(mean_squares) / mean_squares)
    side_by_side = np.concatenate(
        [weight * part for weight, part in zip(weights, expected, strict=True)], axis=1
    )

    assert list(prepared.part_dimensions) == [part.shape[1] for part in expected]
    assert prepared.blocks.bring(lambda: None).flags.c_contiguous
    np.testing.assert_allclose(
        align_signs(prepared.blocks.bring(lambda: None), side_by_side),
        side_by_side,
        atol=2e-3 * np.abs(side_by_side).max(),
    )
    reference = PCA(2).fit_transform(prepared.blocks.bring(lambda: None).astype(np.float64))
    np.testing.assert_allclose(align_signs(prepared.coordinates, reference), reference, atol=1e-3)
    ratios = prepared.explained_variance_ratios
    assert ratios.sum() == pytest.approx(1)
    assert (np.diff(ratios) <= 0).all()


@pytest.mark.parametrize(("pca", "whiten"), [(5, True), (5, False), (None, False)])
def test_each_prepared_part_gets_the_root_mean_square_length_of_the_parts(
    pca: int | None, whiten: bool
) -> None:
    vectors = make_vectors(200, sum(PARTS)) * np.repeat([1, 100, 0.01], PARTS).astype(np.float32)
    options: dict[str, Any] = {"pca": pca, "whiten": whiten, "part_dimensions": PARTS}
    plain = run_prepare(vectors, **options)
    prepared = run_prepare(vectors, normalize_prepared=True, **options)

    ends = np.cumsum(plain.part_dimensions)[:-1]
    parts = np.split(plain.blocks.bring(lambda: None).astype(np.float64), ends, axis=1)
    length = np.sqrt(np.mean([np.square(part).sum(axis=1).mean() for part in parts]))
    expected = np.hstack([part / np.linalg.norm(part, axis=1, keepdims=True) * length for part in parts])
    np.testing.assert_allclose(prepared.blocks.bring(lambda: None), expected, rtol=1e-4, atol=1e-5 * length)


def test_one_part_named_is_the_same_as_none() -> None:
    vectors = make_vectors(60, 20)
    alone = run_prepare(vectors, pca=5, whiten=True)
    named = run_prepare(vectors, pca=5, whiten=True, part_dimensions=(20,))
    np.testing.assert_array_equal(named.blocks.bring(lambda: None), alone.blocks.bring(lambda: None))
    assert list(alone.part_dimensions) == [5]


def test_a_part_that_never_varies_is_zero_and_leaves_the_others_alone() -> None:
    vectors = make_vectors(60, 20)
    vectors[:, 5:9] = 0.3
    prepared = run_prepare(vectors, pca=3, whiten=True, part_dimensions=(5, 4, 11))
    assert not prepared.blocks.bring(lambda: None)[:, 3:6].any()
    np.testing.assert_allclose(
        prepared.blocks.bring(lambda: None)[:, [0, 1, 2, 6, 7, 8]].var(axis=0, ddof=1), 1, atol=1e-3
    )


@pytest.mark.parametrize("shape", [(700, 49), (30, 49)])
@pytest.mark.parametrize(
    "options",
    [
        {"pca": 5, "whiten": True},
        {"pca": 0.9, "standardize": True},
        {"standardize": True, "l2_normalize": False},
        {"pca": 4, "part_dimensions": PARTS, "whiten": True},
        {"part_dimensions": PARTS},
        {"pca": 4, "part_dimensions": PARTS, "whiten": True, "normalize_prepared": True},
        {"part_dimensions": PARTS, "normalize_prepared": True},
        {"pca": 4, "part_dimensions": PARTS, "whiten": True, "whiten_within_patients": True},
    ],
)
def test_the_fitted_preparation_gives_the_runs_own_vectors_the_same_bits(
    shape: tuple[int, int], options: dict[str, Any]
) -> None:
    vectors = make_vectors(*shape)
    vectors[:, 3] = 2.5
    prepared = run_prepare(vectors, np.arange(len(vectors)) // 3, **options)
    before = vectors.copy()
    np.testing.assert_array_equal(known(prepared.fitted).apply(vectors), prepared.blocks.bring(lambda: None))
    np.testing.assert_array_equal(vectors, before)
    for row in (0, 17):
        np.testing.assert_array_equal(
            known(prepared.fitted).apply(vectors[row : row + 1]),
            prepared.blocks.bring(lambda: None)[row : row + 1],
        )


def test_a_fitted_preparation_too_large_to_keep_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (preparation, part_preparation):
        monkeypatch.setattr(module, "MAX_FITTED_BYTES", 1000)
    assert run_prepare(make_vectors(60, 20), pca=5).fitted is not None
    for shape in ((60, 40), (30, 60)):
        assert run_prepare(make_vectors(*shape), pca=20).fitted is None
