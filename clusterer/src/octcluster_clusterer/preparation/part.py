"""The preparation of the parts of vectors: length, centre, principal components; all but the factors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Preparation
from octcluster_clusterer.preparation.block_steps import (
    add_moments,
    center_block,
    divide,
    find_moments,
    join_columns,
    measure_columns,
    project_parts,
    sum_squares,
)
from octcluster_clusterer.preparation.fitted import FittedPart
from octcluster_clusterer.preparation.principal_components import (
    PrincipalComponents,
    decompose_moments,
    describe_request,
    find_principal_components,
)
from octcluster_clusterer.shared_work import SharedWork, digest_vectors

MAX_FITTED_BYTES = 32 * 2**20
"""Most memory of the principal axes that are kept to prepare other vectors later."""
_LARGEST_VARIANCE = 1e30


@dataclass(frozen=True)
class PreparedPart:
    """One part, prepared but for the factors, in columns of its own.

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


def center_blocks(
    blocks: Blocks, *, standardize: bool, report_step: Callable[[], None]
) -> tuple[Blocks, NDArray[np.float64], NDArray[np.float64]]:
    """Centres vectors, and scales each dimension if asked; returns means and divisors, shape (dimension,)."""
    columns = blocks.reduce(measure_columns, join_columns, report_step=report_step)
    means = columns.sums / blocks.n_rows
    divisors = np.ones(blocks.dimension)
    # The mean of equal numbers may differ from them in the last bit, which standardizing would blow up to 1.
    divisors[columns.smallest == columns.largest] = np.inf
    blocks = blocks.then(center_block, means, divisors, report_step=report_step)
    if not standardize:
        return blocks, means, divisors
    squares = blocks.reduce(sum_squares, np.add, report_step=report_step)
    deviations = np.sqrt(squares / blocks.n_rows)
    deviations[np.isinf(divisors)] = np.inf
    return blocks.then(divide, deviations, report_step=report_step), means, deviations


def find_components(
    blocks: Blocks,
    parts: Sequence[slice],
    pca: float | int | None,
    seed: int,
    report_part: Callable[[int], None],
    shared: SharedWork | None,
) -> list[PrincipalComponents]:
    """Finds the principal components of each part of centred vectors.

    Args:
        blocks: The vectors; those that are not in the memory of this process have enough of them in each part
            for ``fits_moments``.
        parts: The columns of each part.
        pca: As of ``find_principal_components``.
        seed: As there.
        report_part: Called often with the number of parts that are done.
        shared: Has the components of parts of earlier runs; for vectors in memory alone.

    Raises:
        InvalidRequest: The values are too large.
    """
    found = []
    moments = (
        blocks.reduce(find_moments, add_moments, parts, report_step=lambda: report_part(0))
        if blocks.matrix is None
        else []
    )
    for number, part in enumerate(parts):

        def report_step(done: int = number) -> None:
            report_part(done)

        if blocks.matrix is None:
            found.append(decompose_moments(moments[number], blocks.n_rows, pca, seed, report_step))
        else:
            found.append(_find_components(blocks.matrix[:, part], pca, seed, report_step, shared))
        if found[-1].total_variance > _LARGEST_VARIANCE:
            raise InvalidRequest(
                "the vectors' values are too large for float32 distances: normalize or standardize"
            )
    return found


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


def project_blocks(
    blocks: Blocks,
    parts: Sequence[slice],
    components: Sequence[PrincipalComponents],
    pca: float | int,
    report_step: Callable[[], None],
) -> tuple[Blocks, list[int], list[NDArray[np.float32] | None]]:
    """Projects all vectors on the components that are kept, part by part; uses the blocks up.

    Returns:
        Blocks with the components of all parts side by side; the number of components of each part; its axes,
        None where they would be too large.
    """
    counts = [
        _count_components(pca, own, (blocks.n_rows, part.stop - part.start))
        for part, own in zip(parts, components, strict=True)
    ]
    axes = [
        own.find_axes(
            None if blocks.matrix is None else blocks.matrix[:, part], count, MAX_FITTED_BYTES, report_step
        )
        for part, own, count in zip(parts, components, counts, strict=True)
    ]
    prepared = blocks.derive(
        project_parts, parts, counts, axes, width=sum(counts), use_up=True, report_step=report_step
    )
    for columns, own, known in zip(cut_parts(counts), components, axes, strict=True):
        if known is None and own.scores is not None:
            assert prepared.matrix is not None  # noqa: S101 - scores come of vectors in memory
            prepared.matrix[:, columns] = own.scores[:, : columns.stop - columns.start]
    return prepared, counts, axes


def cut_parts(counts: Sequence[int]) -> list[slice]:
    """The columns of parts that stand side by side, from the number of values in each."""
    return [slice(int(end) - count, int(end)) for end, count in zip(np.cumsum(counts), counts, strict=True)]


def describe_part(
    signs: NDArray[np.float32],
    n_rows: int,
    preparation: Preparation,
    components: PrincipalComponents,
    axes: NDArray[np.float32] | None,
    centre: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> PreparedPart:
    """Says how a part was prepared, and what its factors are so far: signs, and whitening if asked.

    Args:
        signs: float32, shape (count,): those that ``find_signs`` gives its columns.
        n_rows: Number of vectors.
        preparation: What was asked for.
        components: Its components.
        axes: Those that it was projected on; None without PCA, or if they are too large.
        centre: Its means and divisors.
    """
    count = len(signs)
    if preparation.pca is None:
        factors, variance = np.ones(count, dtype=np.float32), components.total_variance
    else:
        factors = signs.copy()
        variance = float(components.variances[:count].sum())
        if preparation.whiten:
            factors *= _whitening_factors(components.variances[:count], components.rank)
            variance = min(count, components.rank)
    return PreparedPart(
        count,
        FittedPart(*centre, axes, factors),
        components,
        variance * (n_rows - 1) / n_rows,
        keeps_axes=preparation.pca is None or axes is not None,
    )


def _count_components(pca: float | int, components: PrincipalComponents, shape: tuple[int, ...]) -> int:
    if isinstance(pca, int):
        return limit_components(pca, *shape)
    return components.count_for_share(pca)


def limit_components(count: int, n_members: int, dimension: int) -> int:
    """As many of the components asked for as there can be, at least 1."""
    return max(1, min(count, n_members - 1, dimension))


def _whitening_factors(variances: NDArray[np.float64], rank: int) -> NDArray[np.float32]:
    """float32, shape (n_components,): scales each component to variance 1, rounding errors to 0."""
    factors = np.zeros(variances.size, dtype=np.float32)
    factors[:rank] = 1 / np.sqrt(variances[:rank])
    return factors
