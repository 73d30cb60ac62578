"""The preparation of one part of the vectors: length, centre, principal components; all but the factors."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Preparation
from octcluster_clusterer.preparation.fitted import FittedPart, center, multiply_rows, scale_to_length
from octcluster_clusterer.preparation.principal_components import (
    PrincipalComponents,
    describe_request,
    find_principal_components,
    find_signs,
)
from octcluster_clusterer.shared_work import SharedWork, digest_vectors
from octcluster_clusterer.tiles import slices

MAX_FITTED_BYTES = 32 * 2**20
"""Most memory of the principal axes that are kept to prepare other vectors later."""
STEPS_OF_PART = 3
_VALUES_AT_ONCE = 2**18
_LARGEST_VARIANCE = 1e30


@dataclass(frozen=True)
class PreparedPart:
    """One part, prepared but for the factors, in the first columns of its own.

    Attributes:
        count: Number of prepared dimensions.
        fitted: The preparation; without axes if there was no PCA, or if they are too large.
        components: The principal components.
        mean_square: Mean squared length of the part with the factors.
        keeps_axes: Whether ``fitted`` is whole.
    """

    count: int
    fitted: FittedPart
    components: PrincipalComponents
    mean_square: float
    keeps_axes: bool


def prepare_part(
    part: NDArray[np.float32],
    preparation: Preparation,
    seed: int,
    report: Callable[[int], None],
    shared: SharedWork | None,
) -> PreparedPart:
    """Prepares one part in its first columns, but for the factors, which may depend on the other parts."""
    if preparation.l2_normalize:
        scale_to_length(part, report_step=lambda: report(0))
    means, divisors = _center(part, standardize=preparation.standardize)
    report(1)
    components = _find_components(part, preparation.pca, seed, lambda: report(1), shared)
    if components.total_variance > _LARGEST_VARIANCE:
        raise InvalidRequest(
            "the vectors' values are too large for float32 distances: normalize or standardize"
        )
    report(2)
    n_members, dimension = part.shape
    if preparation.pca is None:
        count, axes, variance = dimension, None, components.total_variance
        factors = np.ones(dimension, dtype=np.float32)
    else:
        count = _count_components(preparation.pca, components, part.shape)
        axes = components.find_axes(part, count, MAX_FITTED_BYTES, lambda: report(2))
        projected = part[:, :count]
        if axes is not None:
            multiply_rows(part, axes, projected, lambda: report(2))
        else:
            assert components.scores is not None  # noqa: S101 - else there are axes
            projected[:] = components.scores[:, :count]
        factors = find_signs(projected)
        variance = float(components.variances[:count].sum())
        if preparation.whiten:
            factors *= _whitening_factors(components.variances[:count], components.rank)
            variance = min(count, components.rank)
    report(3)
    return PreparedPart(
        count,
        FittedPart(means, divisors, axes, factors),
        components,
        variance * (n_members - 1) / n_members,
        keeps_axes=preparation.pca is None or axes is not None,
    )


def _find_components(
    part: NDArray[np.float32],
    pca: float | int | None,
    seed: int,
    report_step: Callable[[], None],
    shared: SharedWork | None,
) -> PrincipalComponents:
    """The principal components of a centred part; those of an earlier run if it had the same part."""
    if shared is None:
        return find_principal_components(part, pca, seed, report_step)
    key = ("principal components", digest_vectors(part, report_step), describe_request(part.shape, pca), seed)
    return shared.find(
        key,
        lambda: find_principal_components(part, pca, seed, report_step),
        lambda components: components.n_bytes,
    )


def _count_components(pca: float | int, components: PrincipalComponents, shape: tuple[int, ...]) -> int:
    if isinstance(pca, int):
        return limit_components(pca, *shape)
    return components.count_for_share(pca)


def limit_components(count: int, n_members: int, dimension: int) -> int:
    """As many of the components asked for as there can be, at least 1."""
    return max(1, min(count, n_members - 1, dimension))


def _center(
    vectors: NDArray[np.float32], *, standardize: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres vectors in place; returns the means and the divisors, float64, shape (dimension,)."""
    n_members, dimension = vectors.shape
    divisors = np.ones(dimension)
    # The mean of equal numbers may differ from them in the last bit, which standardizing would blow up to 1.
    divisors[vectors.min(axis=0) == vectors.max(axis=0)] = np.inf
    means = vectors.sum(axis=0, dtype=np.float64) / n_members
    center(vectors, means, divisors)
    if not standardize:
        return means, divisors
    squares = np.zeros(dimension)
    for rows in slices(n_members, max(1, _VALUES_AT_ONCE // dimension)):
        squares += np.square(vectors[rows], dtype=np.float64).sum(axis=0)
    deviations = np.sqrt(squares / n_members)
    deviations[np.isinf(divisors)] = np.inf
    vectors /= deviations
    return means, deviations


def _whitening_factors(variances: NDArray[np.float64], rank: int) -> NDArray[np.float32]:
    """float32, shape (n_components,): scales each component to variance 1, rounding errors to 0."""
    factors = np.zeros(variances.size, dtype=np.float32)
    factors[:rank] = 1 / np.sqrt(variances[:rank])
    return factors
