"""What happens to vectors before clustering, from L2 to pooling units and one length again; part by part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Preparation
from octcluster_clusterer.preparation.fitted import (
    FittedPart,
    FittedPreparation,
    scale_to_length,
)
from octcluster_clusterer.preparation.part import (
    MAX_FITTED_BYTES,
    STEPS_OF_PART,
    PreparedPart,
    limit_components,
    prepare_part,
)
from octcluster_clusterer.preparation.principal_components import (
    PrincipalComponents,
    find_principal_components,
)
from octcluster_clusterer.preparation.units import pool
from octcluster_clusterer.preparation.whitening_decision import WhiteningDecision, decide_whitening
from octcluster_clusterer.preparation.within_patients import whiten_patients
from octcluster_clusterer.shared_work import SharedWork
from octcluster_clusterer.tiles import slices

_VALUES_AT_ONCE = 2**18


@dataclass(frozen=True)
class PreparedVectors:
    """Vectors ready for clustering.

    Attributes:
        vectors: float32, shape (n_units, prepared_dimension), C-contiguous, mean 0 or nearly so; units are
            members, where none were given.
        coordinates: float32, shape (n_units, 2): the first two principal coordinates, 0 where there are
            fewer.
        explained_variance_ratios: float64, shape (n_components,): share of the variance of each principal
            component of the normalized vectors, largest first; all of them, or the leading ones where all
            cost too much; empty if nothing varies. Components of several parts are merged, and each part
            holds the same share.
        part_dimensions: Number of prepared values in each part.
        fitted: Prepares other vectors in the same way; None if its axes would be too large to keep.
        patient_whitening: Whether members were whitened within patients; None if that was not asked for.
    """

    vectors: NDArray[np.float32]
    coordinates: NDArray[np.float32]
    explained_variance_ratios: NDArray[np.float64]
    part_dimensions: Sequence[int]
    fitted: FittedPreparation | None
    patient_whitening: WhiteningDecision | None = None


def check_preparation(preparation: Preparation, n_members: int, dimension: int) -> None:
    """Checks that a preparation can be applied.

    Raises:
        InvalidRequest: It cannot; the message says what can.
    """
    parts = preparation.part_dimensions
    if parts and (min(parts) < 1 or sum(parts) != dimension):
        raise InvalidRequest(
            f"part_dimensions are {', '.join(map(str, parts))}: each must be at least 1, and their sum must "
            f"be the vectors' dimension, {dimension}"
        )
    pca = preparation.pca
    if preparation.whiten_within_patients and not preparation.whiten:
        raise InvalidRequest("whitening within patients scales whitened components: ask for whiten too")
    if pca is None:
        if preparation.whiten:
            raise InvalidRequest("whitening scales principal components: ask for PCA too")
        return
    if n_members < 2:
        raise InvalidRequest(f"PCA needs at least 2 images; there are {n_members}")
    if isinstance(pca, int):
        if pca < 1:
            raise InvalidRequest(f"PCA keeps at least 1 component, not {pca}")
    elif not 0 < pca <= 1:
        raise InvalidRequest(f"PCA keeps a share of the variance above 0 and at most 1, not {pca}")


def check_values(vectors: NDArray[np.float32]) -> None:
    """Checks that all values are finite; raises InvalidRequest."""
    # A sum of finite float32 values cannot overflow in double precision, and needs no mask as large as the
    # vectors.
    with np.errstate(invalid="ignore"):
        total = vectors.sum(dtype=np.float64)
    if not np.isfinite(total):
        raise InvalidRequest("a vector holds NaN or infinity")


def find_prepared_dimension(preparation: Preparation, n_members: int, dimension: int) -> int | None:
    """Counts the values of a prepared vector; None where only the variance of the vectors tells."""
    if preparation.pca is None:
        return dimension
    if isinstance(preparation.pca, float):
        return None
    parts = preparation.part_dimensions or (dimension,)
    return sum(limit_components(preparation.pca, n_members, part) for part in parts)


def prepare(  # noqa: PLR0913
    vectors: NDArray[np.float32],
    preparation: Preparation,
    patients: NDArray[np.int64],
    seed: int,
    report_steps: Callable[[int, int], None],
    shared: SharedWork | None = None,
    *,
    units: NDArray[np.int32] | None = None,
) -> PreparedVectors:
    """Prepares vectors for clustering, in their own memory, and finds their principal components.

    The vectors are always centred: no algorithm here depends on the origin, and distances between centred
    vectors lose fewer digits. Several parts get the same mean squared length, the mean of theirs. Normalizing
    the prepared parts moves the means a little off 0 again.

    Args:
        vectors: float32, shape (n_members, dimension), C-contiguous, at least one member; overwritten.
        preparation: What to do. Asked for more components than there can be, PCA keeps all.
        patients: int64, shape (n_members,): patient of each member, numbers from 0, without gaps.
        seed: Seed of the randomized decomposition, where one is needed.
        report_steps: Called often with the steps done and the steps in all.
        shared: Keeps the principal components for other runs, or has them of an earlier one; None: no.
        units: int32, shape (n_members,): unit of each member, see ``units``; None: each is one.

    Returns:
        The prepared vectors, in the memory of ``vectors`` unless members were pooled.

    Raises:
        InvalidRequest: A vector holds NaN or infinity, or the preparation cannot be applied.
    """
    check_preparation(preparation, *vectors.shape)
    part_dimensions = preparation.part_dimensions or (vectors.shape[1],)
    n_steps = STEPS_OF_PART * len(part_dimensions) + 1
    report_steps(0, n_steps)
    check_values(vectors)
    starts = [sum(part_dimensions[:i]) for i in range(len(part_dimensions))]
    parts = []
    for i, (start, dimension) in enumerate(zip(starts, part_dimensions, strict=True)):

        def report_part(step: int, before: int = STEPS_OF_PART * i) -> None:
            report_steps(before + step, n_steps)

        own_columns = vectors[:, start : start + dimension]
        parts.append(prepare_part(own_columns, preparation, seed, report_part, shared))
    weights = _find_weights([part.mean_square for part in parts])
    prepared_length = _find_length(preparation, [part.mean_square for part in parts])

    def report_last() -> None:
        report_steps(n_steps - 1, n_steps)

    columns = [vectors[:, start : start + part.count] for start, part in zip(starts, parts, strict=True)]
    for i, weight in enumerate(weights):
        parts[i].fitted.factors[:] *= weight
        if (parts[i].fitted.factors != 1).any():
            columns[i] *= parts[i].fitted.factors
    fitted, decision = _whiten_within_patients(
        preparation, columns, [part.fitted for part in parts], patients, report_last
    )
    prepared = _close_gaps(
        vectors, [slice(start, start + part.count) for start, part in zip(starts, parts, strict=True)]
    )
    counts = [part.count for part in parts]
    if units is not None:
        prepared, fitted = _pool_units(prepared, fitted, counts, units)
    if prepared_length is not None:
        for own in _split(prepared, counts):
            scale_to_length(own, prepared_length, report_last)
    coordinates = _find_coordinates(prepared, preparation, parts, seed, report_last, pooled=units is not None)
    report_steps(n_steps, n_steps)
    return PreparedVectors(
        prepared,
        _as_two_columns(coordinates),
        _merge_ratios([part.components for part in parts]),
        counts,
        _keep_fitted(preparation, fitted, prepared_length)
        if all(part.keeps_axes for part in parts)
        else None,
        decision,
    )


def _whiten_within_patients(
    preparation: Preparation,
    columns: Sequence[NDArray[np.float32]],
    parts: list[FittedPart],
    patients: NDArray[np.int64],
    report_step: Callable[[], None],
) -> tuple[list[FittedPart], WhiteningDecision | None]:
    """Whitens the parts within patients, in place, if that was asked for and is so decided."""
    if not preparation.whiten_within_patients:
        return parts, None
    decision = decide_whitening(preparation.whiten_within_patients, columns, patients, report_step)
    if not decision.applied:
        return parts, decision
    matrices = [whiten_patients(own, patients, report_step) for own in columns]
    whitened = [replace(part, patient_whitening=matrix) for part, matrix in zip(parts, matrices, strict=True)]
    return whitened, decision


def _pool_units(
    prepared: NDArray[np.float32],
    fitted: Sequence[FittedPart],
    counts: Sequence[int],
    units: NDArray[np.int32],
) -> tuple[NDArray[np.float32], list[FittedPart]]:
    """Averages the members of units, and centres the units; the parts' preparation then does that, too."""
    pooled = pool(prepared, units)
    centres = (pooled.sum(axis=0, dtype=np.float64) / len(pooled)).astype(np.float32)
    pooled -= centres
    return pooled, [
        replace(part, unit_centre=centre[0])
        for part, centre in zip(fitted, _split(centres[np.newaxis], counts), strict=True)
    ]


def _split(vectors: NDArray[np.float32], counts: Sequence[int]) -> list[NDArray[np.float32]]:
    """The columns of each part, as views."""
    return np.split(vectors, np.cumsum(counts)[:-1], axis=1)


def _find_weights(mean_squares: Sequence[float]) -> list[np.float32]:
    """The factor of each part that gives all parts the same mean squared length, the mean of theirs."""
    varying = [value for value in mean_squares if value > 0]
    return [
        np.float32(np.sqrt(np.mean(varying) / value)) if value > 0 else np.float32(1)
        for value in mean_squares
    ]


def _find_length(preparation: Preparation, mean_squares: Sequence[float]) -> float | None:
    """The length that each prepared part is scaled to: the root mean square of what they have."""
    varying = [value for value in mean_squares if value > 0]
    return float(np.sqrt(np.mean(varying))) if preparation.normalize_prepared and varying else None


def _close_gaps(vectors: NDArray[np.float32], parts: Sequence[slice]) -> NDArray[np.float32]:
    """Moves the columns of the parts side by side, C-contiguous, to the front of the vectors' own memory."""
    n_members, dimension = vectors.shape
    width = sum(part.stop - part.start for part in parts)
    if width == dimension:
        return vectors
    # A row never grows, so that what is written stays behind what is still to be read.
    packed = vectors.reshape(-1)[: n_members * width].reshape(n_members, width)
    for rows in slices(n_members, max(1, _VALUES_AT_ONCE // dimension)):
        packed[rows] = np.concatenate([vectors[rows, part] for part in parts], axis=1)
    return packed


def _find_coordinates(
    prepared: NDArray[np.float32],
    preparation: Preparation,
    parts: Sequence[PreparedPart],
    seed: int,
    report_step: Callable[[], None],
    *,
    pooled: bool,
) -> NDArray[np.float32]:
    """The first two principal coordinates of the prepared vectors."""
    report_step()
    if len(parts) == 1 and preparation.pca is not None:
        return prepared[:, :2]
    components = (
        parts[0].components
        if len(parts) == 1 and not pooled
        else find_principal_components(prepared, None, seed, report_step)
    )
    return components.coordinates(prepared, min(2, components.variances.size))


def _merge_ratios(parts: Sequence[PrincipalComponents]) -> NDArray[np.float64]:
    ratios = [part.ratios for part in parts if part.ratios.size]
    return np.sort(np.concatenate([np.empty(0), *ratios]))[::-1] / max(1, len(ratios))


def _keep_fitted(
    preparation: Preparation, parts: Sequence[FittedPart], prepared_length: float | None
) -> FittedPreparation | None:
    matrices = [matrix for part in parts for matrix in (part.axes, part.patient_whitening)]
    if sum(matrix.nbytes for matrix in matrices if matrix is not None) > MAX_FITTED_BYTES:
        return None
    return FittedPreparation(preparation.l2_normalize, parts, prepared_length)


def _as_two_columns(coordinates: NDArray[np.float32]) -> NDArray[np.float32]:
    two = np.zeros((len(coordinates), 2), dtype=np.float32)
    two[:, : coordinates.shape[1]] = coordinates
    return two
