"""Principal component analysis of centred vectors, by the cheapest way that fits in memory.

The rule, with ``side = min(n_vectors, dimension)``:

- ``side`` up to 2048, or up to 8192 when PCA is asked for: exact, from the eigenvectors of the smaller one of
  the covariance matrix (dimension x dimension) and the Gram matrix (n_vectors x n_vectors), summed in double
  precision; of a matrix with a side over 2048 only as many eigenvectors as are needed, if they are few.
- beyond: only the leading components, by randomized singular value decomposition (Halko, Martinsson and
  Tropp, 2011, doi:10.1137/090771806) with a fixed seed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.preparation.eigen_decomposition import decompose
from octcluster_clusterer.preparation.leading_eigenvectors import (
    FIRST_WIDTH,
    choose_width,
    find_leading_eigenvectors,
)
from octcluster_clusterer.preparation.randomized_components import find_leading_scores
from octcluster_clusterer.tiles import map_in_order, multiply_by_transpose, slices

EXACT_SIDE = 8192
EXACT_SIDE_WITHOUT_PCA = 2048
WHOLE_SIDE = 2048
RANDOMIZED_COMPONENTS = 512
RANDOMIZED_COMPONENTS_WITHOUT_PCA = 64
_VALUES_AT_ONCE = 2**18


@dataclass(frozen=True)
class PrincipalComponents:
    """The principal components of some vectors, by falling variance.

    Attributes:
        variances: float64, shape (n_components,): variance along each component (divisor n_vectors - 1).
        total_variance: Variance in all dimensions together.
        axes: float32, shape (dimension, n_kept), columns of length 1; None if ``scores`` is there.
        scores: float32, shape (n_vectors, n_kept): the vectors in the axes; None if ``axes`` is there.
    """

    variances: NDArray[np.float64]
    total_variance: float
    axes: NDArray[np.float32] | None
    scores: NDArray[np.float32] | None

    @property
    def n_bytes(self) -> int:
        """Memory of the arrays."""
        arrays = (self.variances, self.axes, self.scores)
        return sum(array.nbytes for array in arrays if array is not None)

    @property
    def ratios(self) -> NDArray[np.float64]:
        """float64, shape (n_components,): each component's share of the variance; empty if nothing varies."""
        if self.total_variance == 0:
            return np.empty(0)
        return self.variances / self.total_variance

    @property
    def rank(self) -> int:
        """Number of components along which anything varies beyond rounding."""
        smallest = self.variances.max(initial=0) * self.variances.size * np.finfo(np.float64).eps
        return int(np.count_nonzero(self.variances > smallest))

    def count_for_share(self, share: float) -> int:
        """Counts the components that hold a share of the variance, at least 1.

        Raises:
            InvalidRequest: Only the leading components were computed, and they hold less.
        """
        if self.rank == 0:
            return 1
        held = np.cumsum(self.ratios)
        # Shares are sums of rounded numbers: the last one may stop short of 1 by a few units of its last
        # digit.
        complete = held[-1] > 1 - 1e-9
        if held[-1] < share and not complete:
            raise InvalidRequest(
                f"the first {held.size} principal components hold {held[-1]:.1%} of the variance, "
                f"less than the {share:.1%} asked for, and no more are computed for so many vectors of so "
                "many dimensions: ask for a number of components, or take fewer images"
            )
        return min(int(np.searchsorted(held, share)) + 1, self.rank)

    def find_axes(
        self, vectors: NDArray[np.float32] | None, count: int, max_bytes: int, report_step: Callable[[], None]
    ) -> NDArray[np.float32] | None:
        """Returns the first axes; computes them where the analysis gave scores.

        Args:
            vectors: float32, shape (n_vectors, dimension), those of the analysis; None where it gave axes.
            count: Number of components, at most n_components.
            max_bytes: Largest axes to compute.
            report_step: Called often.

        Returns:
            float32, shape (dimension, count), columns of length 1, or 0 beyond the rank; None if there are
            only scores and the axes would be too large.
        """
        if self.axes is not None:
            return np.ascontiguousarray(self.axes[:, :count])
        assert vectors is not None  # noqa: S101 - scores come of vectors in memory
        n_vectors, dimension = vectors.shape
        if dimension * count * np.dtype(np.float32).itemsize > max_bytes:
            return None
        assert self.scores is not None  # noqa: S101 - one of the two is set
        scores = self.scores[:, :count].astype(np.float64)
        squares = np.square(scores).sum(axis=0)
        scores /= np.where(np.arange(count) < self.rank, squares, np.inf)
        axes = np.empty((dimension, count), dtype=np.float32)

        def compute(columns: slice) -> None:
            axes[columns] = vectors[:, columns].T.astype(np.float64) @ scores

        for _ in map_in_order(compute, slices(dimension, max(1, _VALUES_AT_ONCE // n_vectors))):
            report_step()
        return axes


def find_principal_components(
    vectors: NDArray[np.float32], pca: float | int | None, seed: int, report_step: Callable[[], None]
) -> PrincipalComponents:
    """Finds the principal components of centred vectors by the module's rule.

    Args:
        vectors: float32, shape (n_vectors, dimension), mean 0 in each dimension.
        pca: The components that will be asked for: a share of the variance, a number, or None.
        seed: Seed of the randomized decomposition.
        report_step: Called often.

    Returns:
        All min(n_vectors, dimension) components, or the leading ones that were asked for.
    """
    side = min(vectors.shape)
    if side <= (EXACT_SIDE if pca is not None else EXACT_SIDE_WITHOUT_PCA):
        return _decompose_exactly(vectors, pca, seed, report_step)
    if pca is None:
        n_components = RANDOMIZED_COMPONENTS_WITHOUT_PCA
    else:
        n_components = pca if isinstance(pca, int) else RANDOMIZED_COMPONENTS
    return _decompose_randomly(vectors, n_components, seed, report_step)


def describe_request(shape: tuple[int, ...], pca: float | int | None) -> str:
    """Tells requests apart for which ``find_principal_components`` gives different components.

    Args:
        shape: Number of vectors and dimension.
        pca: As there.
    """
    return "all" if pca is not None and min(shape) <= WHOLE_SIDE else repr(pca)


def fits_moments(n_vectors: int, dimension: int, pca: float | int | None) -> bool:
    """Whether the covariance matrix gives the components: sums over the vectors, wherever these are."""
    return dimension <= min(n_vectors, EXACT_SIDE if pca is not None else EXACT_SIDE_WITHOUT_PCA)


def decompose_moments(
    moments: NDArray[np.float64],
    n_vectors: int,
    pca: float | int | None,
    seed: int,
    report_step: Callable[[], None],
) -> PrincipalComponents:
    """Finds the principal components of vectors of which only the sums of products are here.

    Args:
        moments: float64, shape (dimension, dimension): of centred vectors; overwritten.
        n_vectors: How many vectors, no fewer than dimensions.
        pca: As of ``find_principal_components``, as are the others.
        seed: As there.
        report_step: As there.
    """
    total = float(np.trace(moments))
    eigenvalues, eigenvectors = _decompose(moments, pca, seed, report_step)
    divisor = max(n_vectors - 1, 1)
    axes = np.ascontiguousarray(eigenvectors, dtype=np.float32)
    return PrincipalComponents(eigenvalues / divisor, total / divisor, axes=axes, scores=None)


def _decompose_exactly(
    vectors: NDArray[np.float32], pca: float | int | None, seed: int, report_step: Callable[[], None]
) -> PrincipalComponents:
    n_vectors, dimension = vectors.shape
    if dimension <= n_vectors:
        moments = multiply_by_transpose(vectors.T, report_step)
        return decompose_moments(moments, n_vectors, pca, seed, report_step)
    products = multiply_by_transpose(vectors, report_step)
    total = float(np.trace(products))
    eigenvalues, eigenvectors = _decompose(products, pca, seed, report_step)
    eigenvectors *= np.sqrt(eigenvalues[: eigenvectors.shape[1]])
    divisor = max(n_vectors - 1, 1)
    scores = np.ascontiguousarray(eigenvectors, dtype=np.float32)
    return PrincipalComponents(eigenvalues / divisor, total / divisor, axes=None, scores=scores)


def _decompose(
    moments: NDArray[np.float64], pca: float | int | None, seed: int, report_step: Callable[[], None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues, falling, and as many eigenvectors as are needed, as columns; overwrites the matrix."""
    total = float(np.trace(moments))

    def count_needed(leading: NDArray[np.float64]) -> int:
        if isinstance(pca, int):
            return pca
        return int(np.searchsorted(np.cumsum(leading), (pca or 0.0) * total)) + 1

    found = None
    if pca is not None and len(moments) > WHOLE_SIDE and total > 0:
        width = choose_width(pca) if isinstance(pca, int) else FIRST_WIDTH
        found = find_leading_eigenvectors(moments, count_needed, seed, report_step, width)
    if found is None:
        found = decompose(moments, report_step)
    return np.maximum(found[0], 0), found[1][:, : 2 if pca is None else None]


def _decompose_randomly(
    vectors: NDArray[np.float32], n_components: int, seed: int, report_step: Callable[[], None]
) -> PrincipalComponents:
    n_vectors, dimension = vectors.shape
    total = 0.0
    for rows in slices(n_vectors, max(1, _VALUES_AT_ONCE // dimension)):
        total += float(np.square(vectors[rows], dtype=np.float64).sum())
        report_step()
    scores, squares = find_leading_scores(vectors, n_components, seed, report_step)
    divisor = n_vectors - 1
    return PrincipalComponents(squares / divisor, total / divisor, axes=None, scores=scores)


def find_signs(coordinates: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32, shape (n_components,): 1 or -1, so that the coordinate farthest from 0 becomes positive."""
    return choose_signs(coordinates.min(axis=0), coordinates.max(axis=0))


def choose_signs(smallest: NDArray[np.float32], largest: NDArray[np.float32]) -> NDArray[np.float32]:
    """What ``find_signs`` gives, from the smallest and the largest coordinate of each component."""
    return np.where(-smallest > largest, np.float32(-1), np.float32(1))
