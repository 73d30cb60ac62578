"""The leading eigenvectors are those of a full decomposition, and only where few are needed."""

import numpy as np
import pytest
from known import known
from octcluster_clusterer.errors import RunCancelled
from octcluster_clusterer.preparation import principal_components
from octcluster_clusterer.preparation.leading_eigenvectors import choose_width, find_leading_eigenvectors
from octcluster_clusterer.preparation.principal_components import PrincipalComponents

pytestmark = pytest.mark.heavy


WIDTH = 32


def make_matrix(side: int, decay: float) -> np.ndarray:
    random = np.random.default_rng(0)
    turned = np.linalg.qr(random.standard_normal((side, side)))[0]
    return np.asarray((turned * np.arange(1, side + 1) ** -decay) @ turned.T)


@pytest.mark.parametrize("count", [3, 24, 45])
def test_leading_eigenvectors_are_those_of_the_full_decomposition(count: int) -> None:
    matrix = make_matrix(400, decay=1.5)
    found = find_leading_eigenvectors(matrix, lambda values: count, 0, lambda: None, WIDTH)
    assert found is not None
    values, vectors = found
    np.testing.assert_allclose(values, np.arange(1, count + 1) ** -1.5, rtol=1e-5)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(count), atol=1e-9)
    np.testing.assert_allclose(vectors.T @ matrix @ vectors, np.diag(values), atol=1e-9)


@pytest.mark.parametrize("count", [1, 12, 32, 48, 200, 5000])
def test_the_first_block_is_wide_enough_for_a_number_that_is_asked_for(count: int) -> None:
    width = choose_width(count)
    assert 64 <= width <= 512
    assert width in (64, 2 * count, 512)


def test_nothing_is_found_where_nearly_all_are_needed() -> None:
    matrix = make_matrix(300, decay=0.1)
    needed = 0.95 * np.trace(matrix)
    found = find_leading_eigenvectors(
        matrix, lambda values: int(np.searchsorted(np.cumsum(values), needed)) + 1, 0, lambda: None, WIDTH
    )
    assert found is None


@pytest.mark.parametrize("shape", [(300, 900), (900, 300)])
@pytest.mark.parametrize("pca", [0.9, 12])
def test_components_do_not_depend_on_the_way(
    shape: tuple[int, int], pca: float | int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    vectors = random.standard_normal(shape) * np.arange(1, shape[1] + 1) ** -1.2
    vectors = (vectors - vectors.mean(axis=0)).astype(np.float32)
    whole = principal_components.find_principal_components(vectors, pca, 0, lambda: None)
    monkeypatch.setattr(principal_components, "WHOLE_SIDE", 100)
    monkeypatch.setattr(principal_components, "FIRST_WIDTH", WIDTH)
    leading = principal_components.find_principal_components(vectors, pca, 0, lambda: None)
    count = leading.variances.size
    assert count < whole.variances.size
    np.testing.assert_allclose(leading.variances, whole.variances[:count], rtol=1e-5)
    if isinstance(pca, float):
        assert leading.count_for_share(pca) == whole.count_for_share(pca) == count
    kept = min(5, count)
    np.testing.assert_allclose(
        find_coordinates(leading, vectors, kept), find_coordinates(whole, vectors, kept), atol=1e-3
    )


def find_coordinates(components: PrincipalComponents, vectors: np.ndarray, count: int) -> np.ndarray:
    if components.scores is not None:
        coordinates = components.scores[:, :count]
    else:
        coordinates = vectors @ known(components.axes)[:, :count]
    return np.asarray(coordinates * principal_components.find_signs(coordinates))


def test_a_cancellation_gets_through() -> None:
    def cancel() -> None:
        raise RunCancelled("stop")

    with pytest.raises(RunCancelled):
        find_leading_eigenvectors(make_matrix(200, decay=1.0), lambda values: 3, 0, cancel, WIDTH)
