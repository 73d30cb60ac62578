"""What happens to vectors before clustering: L2, standardize, PCA, whiten."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.principal_components import find_principal_components
from octcluster_clusterer.runs import Preparation
from octcluster_clusterer.tiles import slices

STEPS = 4
_VALUES_AT_ONCE = 2**18
_LARGEST_VARIANCE = 1e30


@dataclass(frozen=True)
class PreparedVectors:
    """Vectors ready for clustering.

    Attributes:
        vectors: float32, shape (n_members, prepared_dimension), C-contiguous, mean 0 in each dimension.
        coordinates: float32, shape (n_members, 2): the first two principal coordinates, 0 where there are
            fewer.
        explained_variance_ratios: float64, shape (n_components,): share of the variance of each principal
            component of the normalized vectors, largest first; all of them, or the leading ones where all
            cost too much; empty if nothing varies.
    """

    vectors: NDArray[np.float32]
    coordinates: NDArray[np.float32]
    explained_variance_ratios: NDArray[np.float64]


def check_preparation(preparation: Preparation, n_members: int, dimension: int) -> None:
    """Checks that a preparation can be applied.

    Raises:
        InvalidRequest: It cannot; the message says what can.
    """
    pca = preparation.pca
    if pca is None:
        if preparation.whiten:
            raise InvalidRequest("whitening scales principal components: ask for PCA too")
        return
    largest = min(n_members - 1, dimension)
    if largest < 1:
        raise InvalidRequest(f"PCA needs at least 2 images; there are {n_members}")
    if isinstance(pca, int):
        if not 1 <= pca <= largest:
            raise InvalidRequest(
                f"PCA to {pca} components is not possible: {n_members} vectors of {dimension} dimensions "
                f"have 1 to {largest}"
            )
    elif not 0 < pca <= 1:
        raise InvalidRequest(f"PCA keeps a share of the variance above 0 and at most 1, not {pca}")


def prepare(
    vectors: NDArray[np.float32],
    preparation: Preparation,
    seed: int,
    report_steps: Callable[[int, int], None],
) -> PreparedVectors:
    """Prepares vectors for clustering, in their own memory, and finds their principal components.

    The prepared vectors are always centred: no algorithm here depends on the origin, and distances between
    centred vectors lose fewer digits.

    Args:
        vectors: float32, shape (n_members, dimension), C-contiguous, at least one member; overwritten.
        preparation: What to do.
        seed: Seed of the randomized decomposition, where one is needed.
        report_steps: Called often with the steps done and the steps in all.

    Returns:
        The prepared vectors, in the memory of ``vectors``.

    Raises:
        InvalidRequest: A vector holds NaN or infinity, or the preparation cannot be applied.
    """
    check_preparation(preparation, *vectors.shape)
    report_steps(0, STEPS)
    # A sum of finite float32 values cannot overflow in double precision, and needs no mask as large as the
    # vectors.
    with np.errstate(invalid="ignore"):
        total = vectors.sum(dtype=np.float64)
    if not np.isfinite(total):
        raise InvalidRequest("a vector holds NaN or infinity")
    if preparation.l2_normalize:
        _scale_to_unit_length(vectors)
    _center(vectors, standardize=preparation.standardize)
    report_steps(1, STEPS)
    components = find_principal_components(vectors, preparation.pca, seed, lambda: report_steps(1, STEPS))
    if components.total_variance > _LARGEST_VARIANCE:
        raise InvalidRequest(
            "the vectors' values are too large for float32 distances: normalize or standardize"
        )
    report_steps(2, STEPS)
    if preparation.pca is None:
        coordinates = components.coordinates(vectors, min(2, components.variances.size))
    else:
        count = _count_components(preparation.pca, components.count_for_share)
        vectors = components.project(vectors, count)
        report_steps(3, STEPS)
        if preparation.whiten:
            vectors *= _whitening_factors(components.variances[:count], components.rank)
        coordinates = vectors[:, :2]
    report_steps(STEPS, STEPS)
    return PreparedVectors(vectors, _as_two_columns(coordinates), components.ratios)


def _count_components(pca: float | int, count_for_share: Callable[[float], int]) -> int:
    return pca if isinstance(pca, int) else count_for_share(pca)


def _scale_to_unit_length(vectors: NDArray[np.float32]) -> None:
    for rows in slices(len(vectors), max(1, _VALUES_AT_ONCE // vectors.shape[1])):
        lengths = np.linalg.norm(vectors[rows].astype(np.float64), axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        vectors[rows] /= lengths


def _center(vectors: NDArray[np.float32], *, standardize: bool) -> None:
    n_members = len(vectors)
    constant = vectors.min(axis=0) == vectors.max(axis=0)
    vectors -= vectors.sum(axis=0, dtype=np.float64) / n_members
    # The mean of equal numbers may differ from them in the last bit, which standardizing would blow up to 1.
    vectors[:, constant] = 0
    if not standardize:
        return
    squares = np.zeros(vectors.shape[1])
    for rows in slices(n_members, max(1, _VALUES_AT_ONCE // vectors.shape[1])):
        squares += np.square(vectors[rows], dtype=np.float64).sum(axis=0)
    squares[constant] = n_members
    vectors /= np.sqrt(squares / n_members)


def _whitening_factors(variances: NDArray[np.float64], rank: int) -> NDArray[np.float32]:
    """float32, shape (n_components,): scales each component to variance 1, rounding errors to 0."""
    factors = np.zeros(variances.size, dtype=np.float32)
    factors[:rank] = 1 / np.sqrt(variances[:rank])
    return factors


def _as_two_columns(coordinates: NDArray[np.float32]) -> NDArray[np.float32]:
    two = np.zeros((len(coordinates), 2), dtype=np.float32)
    two[:, : coordinates.shape[1]] = coordinates
    return two
