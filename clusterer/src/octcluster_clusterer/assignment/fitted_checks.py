"""Whether a fitted result from outside is one: its shapes go together, its values can be computed with."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.assignment.assign import ClusterRule, FittedResult
from octcluster_clusterer.preparation.fitted import FittedPart

_SPACE_DIGEST_BYTES = 32
_QUANTILES = 100
_Shape = tuple[NDArray[Any], tuple[int, ...]]
"""An array, and the shape that it must have."""


def check_fitted(fitted: FittedResult) -> str:
    """Finds the first fault of a fitted result.

    Args:
        fitted: What was read; its arrays have the types that ``FittedPart`` and ``ClusterRule`` say.

    Returns:
        What is wrong; empty if nothing is.
    """
    return next(_list_faults(fitted), "")


def _list_faults(fitted: FittedResult) -> Iterator[str]:
    space, rule = fitted.space, fitted.rule
    if len(space.digest) != _SPACE_DIGEST_BYTES:
        yield "its space has no digest"
    length = fitted.preparation.prepared_length
    if length is not None and length <= 0:
        yield "the prepared length is not above 0"
    for part in fitted.preparation.parts:
        yield from _list_faults_of_part(part)
    if sum(part.means.size for part in fitted.preparation.parts) != space.dimension:
        yield "its parts have another dimension than its space"
    yield from _list_faults_of_rule(rule, sum(part.factors.size for part in fitted.preparation.parts))


def _list_faults_of_part(part: FittedPart) -> Iterator[str]:
    dimension, prepared = part.means.size, part.factors.size
    shapes: list[_Shape] = [
        (part.means, (dimension,)),
        (part.divisors, (dimension,)),
        (part.factors, (prepared,)),
    ]
    if part.axes is not None:
        shapes.append((part.axes, (dimension, prepared)))
    if part.patient_whitening is not None:
        shapes.append((part.patient_whitening, (prepared, prepared)))
    if part.unit_centre is not None:
        shapes.append((part.unit_centre, (prepared,)))
    yield from _list_faults_of_shapes(shapes)
    if dimension == 0 or prepared == 0 or (part.axes is None and dimension != prepared):
        yield "the shapes of its arrays do not go together"
    optional = (part.axes, part.patient_whitening, part.unit_centre)
    arrays: tuple[NDArray[Any] | None, ...] = (part.means, part.factors, *optional)
    if not all(_is_finite(array) for array in arrays if array is not None):
        yield "a value is no finite number"
    # A dimension that was constant has an infinite divisor.
    if not bool((part.divisors > 0).all()):
        yield "a divisor is not above 0"


def _list_faults_of_rule(rule: ClusterRule, dimension: int) -> Iterator[str]:
    n_clusters = rule.biases.size
    yield from _list_faults_of_shapes(
        [
            (rule.means, (n_clusters, dimension)),
            (rule.weights, (dimension, n_clusters)),
            (rule.biases, (n_clusters,)),
            (rule.distance_quantiles, (n_clusters, _QUANTILES)),
        ]
    )
    if n_clusters == 0:
        yield "it has no clusters"
    arrays: tuple[NDArray[Any], ...] = (rule.means, rule.weights, rule.biases, rule.distance_quantiles)
    if not all(map(_is_finite, arrays)):
        yield "a value is no finite number"
    if bool((rule.distance_quantiles[:, 0] < 0).any() or (np.diff(rule.distance_quantiles) < 0).any()):
        yield "its distances do not rise"
    if not 0 <= rule.fitted_agreement <= 1:
        yield "its agreement is no share"


def _list_faults_of_shapes(shapes: list[_Shape]) -> Iterator[str]:
    if any(array.shape != shape for array, shape in shapes):
        yield "the shapes of its arrays do not go together"


def _is_finite(array: NDArray[Any]) -> bool:
    return bool(np.isfinite(array).all())
