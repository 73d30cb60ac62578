"""What happens to vectors before clustering, from L2 to pooling units and one length again; part by part."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.model import Preparation
from octcluster_clusterer.preparation.block_steps import (
    join_columns,
    measure_columns,
    multiply_parts,
    project_rows,
    scale_columns,
    scale_parts,
    sum_squares,
    take_columns,
)
from octcluster_clusterer.preparation.fitted import FittedPart, FittedPreparation
from octcluster_clusterer.preparation.part import (
    MAX_FITTED_BYTES,
    PreparedPart,
    center_blocks,
    cut_parts,
    describe_part,
    find_components,
    project_blocks,
)
from octcluster_clusterer.preparation.patient_differences import measure_differences
from octcluster_clusterer.preparation.principal_components import (
    PrincipalComponents,
    choose_signs,
    find_signs,
    fits_moments,
)
from octcluster_clusterer.preparation.rules import check_preparation
from octcluster_clusterer.preparation.units import pool
from octcluster_clusterer.preparation.whitening_decision import WhiteningDecision, decide_whitening
from octcluster_clusterer.preparation.within_patients import find_whitening
from octcluster_clusterer.shared_work import SharedWork


@dataclass(frozen=True)
class PreparedVectors:
    """Vectors ready for clustering.

    Attributes:
        blocks: The vectors, of n_units rows and prepared_dimension values, mean 0 or nearly so; units are
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

    blocks: Blocks
    coordinates: NDArray[np.float32]
    explained_variance_ratios: NDArray[np.float64]
    part_dimensions: Sequence[int]
    fitted: FittedPreparation | None
    patient_whitening: WhiteningDecision | None = None


def prepare(  # noqa: PLR0913
    blocks: Blocks,
    preparation: Preparation,
    patients: NDArray[np.int64],
    seed: int,
    report_steps: Callable[[int, int], None],
    shared: SharedWork | None = None,
    *,
    units: NDArray[np.int32] | None = None,
) -> PreparedVectors:
    """Prepares vectors for clustering, in their own memory if they are here, and finds their components.

    The vectors are always centred: no algorithm here depends on the origin, and distances between centred
    vectors lose fewer digits. Several parts get the same mean squared length, the mean of theirs. Normalizing
    the prepared parts moves the means a little off 0 again.

    Args:
        blocks: The vectors, at least one; in the memory of this process unless ``works_on_blocks``. They are
            used up.
        preparation: What to do. Asked for more components than there can be, PCA keeps all.
        patients: int64, shape (n_members,): patient of each member, numbers from 0, without gaps.
        seed: Seed of the randomized decomposition, where one is needed.
        report_steps: Called often with the steps done and the steps in all.
        shared: Keeps the principal components for other runs, or has them of an earlier one; None: no.
        units: int32, shape (n_members,): unit of each member, see ``units``; None: each is one.

    Returns:
        The prepared vectors; in the memory of the blocks if that is here, unless members were pooled.

    Raises:
        InvalidRequest: The preparation cannot be applied.
    """
    check_preparation(preparation, blocks.n_rows, blocks.dimension)
    part_dimensions = preparation.part_dimensions or (blocks.dimension,)
    columns = cut_parts(part_dimensions)
    n_steps = len(columns) + 3

    def report_at(step: int) -> Callable[[], None]:
        return lambda: report_steps(step, n_steps)

    report_last = report_at(n_steps - 1)
    prepared, parts = _prepare_parts(blocks, columns, preparation, seed, report_at, shared)
    counts = [part.count for part in parts]
    prepared_columns = cut_parts(counts)
    weights = _find_weights([part.mean_square for part in parts])
    prepared_length = _find_length(preparation, [part.mean_square for part in parts])
    for part, weight in zip(parts, weights, strict=True):
        part.fitted.factors[:] *= weight
    factors = np.concatenate([part.fitted.factors for part in parts])
    if (factors != 1).any():
        prepared = prepared.then(scale_columns, factors, report_step=report_last)
    prepared, fitted, decision = _whiten_within_patients(
        preparation, prepared, prepared_columns, [part.fitted for part in parts], patients, report_last
    )
    if units is not None:
        prepared, fitted = _pool_units(prepared, fitted, prepared_columns, units)
    if prepared_length is not None:
        prepared = prepared.then(scale_parts, prepared_columns, prepared_length, report_step=report_last)
    prepared = prepared.keep(report_last)
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


def _prepare_parts(
    blocks: Blocks,
    columns: Sequence[slice],
    preparation: Preparation,
    seed: int,
    report_at: Callable[[int], Callable[[], None]],
    shared: SharedWork | None,
) -> tuple[Blocks, list[PreparedPart]]:
    """Prepares the parts but for the factors: side by side."""
    if preparation.l2_normalize:
        blocks = blocks.then(scale_parts, columns, report_step=report_at(0))
    blocks, means, divisors = center_blocks(
        blocks, standardize=preparation.standardize, report_step=report_at(0)
    )
    components = find_components(
        blocks, columns, preparation.pca, seed, lambda done: report_at(1 + done)(), shared
    )
    report_projecting = report_at(1 + len(columns))
    report_projecting()
    prepared, counts = blocks, [part.stop - part.start for part in columns]
    axes: list[NDArray[np.float32] | None] = [None] * len(columns)
    if preparation.pca is not None:
        prepared, counts, axes = project_blocks(
            blocks, columns, components, preparation.pca, report_projecting
        )
    known = prepared.reduce(measure_columns, join_columns, report_step=report_projecting)
    signs = np.split(choose_signs(known.smallest, known.largest), np.cumsum(counts)[:-1])
    parts = [
        describe_part(own, prepared.n_rows, preparation, found, own_axes, (means[part], divisors[part]))
        for own, found, own_axes, part in zip(signs, components, axes, columns, strict=True)
    ]
    return prepared, parts


def _whiten_within_patients(
    preparation: Preparation,
    prepared: Blocks,
    columns: Sequence[slice],
    parts: list[FittedPart],
    patients: NDArray[np.int64],
    report_step: Callable[[], None],
) -> tuple[Blocks, list[FittedPart], WhiteningDecision | None]:
    """Whitens the parts within patients, if that was asked for and is so decided."""
    if not preparation.whiten_within_patients:
        return prepared, parts, None
    differences = measure_differences(prepared, columns, patients, report_step)
    squares = prepared.reduce(sum_squares, np.add, report_step=report_step)
    decision = decide_whitening(
        preparation.whiten_within_patients, differences, float(squares.sum()), prepared.n_rows
    )
    if not decision.applied:
        return prepared, parts, decision
    matrices = [find_whitening(scatter, differences.n_free) for scatter in differences.scatters]
    whitened = [replace(part, patient_whitening=matrix) for part, matrix in zip(parts, matrices, strict=True)]
    return prepared.then(multiply_parts, columns, matrices, report_step=report_step), whitened, decision


def _pool_units(
    prepared: Blocks,
    fitted: Sequence[FittedPart],
    columns: Sequence[slice],
    units: NDArray[np.int32],
) -> tuple[MemoryBlocks, list[FittedPart]]:
    """Averages the members of units, and centres the units; the parts' preparation then does that, too."""
    pooled = pool(prepared, units)
    prepared.close()  # nothing needs the members' own vectors any more
    centres = (pooled.sum(axis=0, dtype=np.float64) / len(pooled)).astype(np.float32)
    pooled -= centres
    centred = [replace(part, unit_centre=centres[own]) for part, own in zip(fitted, columns, strict=True)]
    return MemoryBlocks(pooled), centred


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


def _find_coordinates(
    prepared: Blocks,
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
        leading = slice(0, min(2, prepared.dimension))
        return _gather(prepared.map(take_columns, leading, report_step=report_step), prepared.n_rows)
    if len(parts) == 1 and not pooled:
        components = parts[0].components
    else:
        if prepared.matrix is None and not fits_moments(prepared.n_rows, prepared.dimension, None):
            prepared = MemoryBlocks(prepared.bring(report_step))
        whole = [slice(0, prepared.dimension)]
        (components,) = find_components(prepared, whole, None, seed, lambda _: report_step(), None)
    count = min(2, components.variances.size)
    if components.axes is None:
        assert components.scores is not None  # noqa: S101 - one of the two is set
        coordinates = components.scores[:, :count]
    else:
        axes = np.ascontiguousarray(components.axes[:, :count])
        coordinates = _gather(prepared.map(project_rows, axes, report_step=report_step), prepared.n_rows)
    return coordinates * find_signs(coordinates)


def _gather(found: Iterator[tuple[slice, NDArray[np.float32]]], n_rows: int) -> NDArray[np.float32]:
    """Puts together what blocks gave, some values for each row."""
    blocks = [block for _, block in found]
    return np.concatenate(blocks) if blocks else np.empty((n_rows, 0), dtype=np.float32)


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
