"""Eigenvectors of small and of large matrices, orthonormal columns, and how both are stopped."""

import time
from typing import Any

import numpy as np
import psutil
import pytest
from octcluster_clusterer.errors import RunCancelled
from octcluster_clusterer.preparation import eigen_decomposition
from octcluster_clusterer.preparation.eigen_decomposition import decompose
from octcluster_clusterer.preparation.orthonormal_basis import orthonormalize
from octcluster_clusterer.preparation.randomized_components import find_leading_scores
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

pytestmark = pytest.mark.heavy

RANDOM = np.random.default_rng(0)


def nothing() -> None:
    pass


def make_moments(side: int) -> np.ndarray:
    vectors = RANDOM.standard_normal((side + 20, side))
    return vectors.T @ vectors


def test_a_process_beside_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = make_moments(300)
    with threadpool_limits(limits=1):
        here = decompose(moments.copy(), nothing)
        monkeypatch.setattr(eigen_decomposition, "DIRECT_SIDE", 100)
        beside = decompose(moments.copy(), nothing)
    np.testing.assert_array_equal(beside[0], here[0])
    np.testing.assert_array_equal(beside[1], here[1])
    values, columns = beside
    assert (np.diff(values) <= 0).all()
    np.testing.assert_allclose(moments @ columns, columns * values, atol=1e-9 * values[0])


def test_a_large_decomposition_is_left_at_once_and_leaves_no_process() -> None:
    moments = make_moments(3000)
    before = psutil.Process().children()
    begun = time.monotonic()
    asked: list[float] = []

    def cancel() -> None:
        if time.monotonic() - begun > 1:
            asked.append(time.monotonic())
            assert len(psutil.Process().children()) == len(before) + 1
            raise RunCancelled

    with pytest.raises(RunCancelled):
        decompose(moments, cancel)
    assert len(asked) == 1
    assert psutil.Process().children() == before


def test_a_process_that_dies_is_told_of() -> None:
    before = {process.pid for process in psutil.Process().children()}

    def kill() -> None:
        for process in psutil.Process().children():
            if process.pid not in before:
                process.kill()

    with pytest.raises((RuntimeError, BrokenPipeError)):
        decompose(make_moments(1400), kill)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rank", [3, 40, 600])
def test_columns_become_orthonormal_and_keep_their_space(dtype: type[np.floating[Any]], rank: int) -> None:
    scales = np.logspace(0, -3, rank)
    columns = RANDOM.standard_normal((900, rank)) * scales @ RANDOM.standard_normal((rank, 600))
    basis = columns.astype(dtype)
    orthonormalize(basis, nothing)
    rounding = 100 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(basis.T @ basis, np.eye(600), atol=rounding)
    left = columns - basis.astype(np.float64) @ (basis.T.astype(np.float64) @ columns)
    assert np.abs(left).max() < 10 * rounding * np.abs(columns).max()


def test_leading_scores_are_those_of_the_singular_value_decomposition() -> None:
    vectors = (RANDOM.standard_normal((700, 400)) * np.arange(1, 401) ** -0.7).astype(np.float32)
    vectors -= vectors.mean(axis=0)
    scores, squares = find_leading_scores(vectors, 30, 0, nothing)
    left, singular, _ = np.linalg.svd(vectors.astype(np.float64), full_matrices=False)
    # Sums of squares can only be too small; scikit-learn's are, by as much or more.
    peers = np.square(randomized_svd(vectors, 30, n_iter=4, random_state=0)[1], dtype=np.float64)
    exact = np.square(singular[:30])
    assert (exact - squares).sum() <= (exact - peers).sum() + 1e-6 * exact.sum()
    np.testing.assert_allclose(squares, exact, rtol=1e-2)
    cosines = np.abs((scores / np.linalg.norm(scores, axis=0)).T @ left[:, :10])
    np.testing.assert_allclose(cosines[:10], np.eye(10), atol=1e-2)
