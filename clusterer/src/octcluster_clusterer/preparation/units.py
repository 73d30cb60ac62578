"""Units of members that are clustered as one, for example all scans of an eye at a visit.

Members are prepared one by one, and the prepared vector of a unit is the mean of theirs: so few units still
have as many principal components as their members afford, and a member lies in the same space as its unit.
The mean is taken before vectors are scaled to one length: members that are unlike most others, as those with
a finding are, then weigh more.
"""

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.model import Members
from octcluster_clusterer.tiles import slices

_VALUES_AT_ONCE = 2**20


def count_units(members: Members) -> int:
    """Counts the units of members, at least one."""
    return len(members) if members.unit_indices is None else int(members.unit_indices.max()) + 1


def gather_units(members: Members) -> Members:
    """Gathers what is known of units from what is known of their members.

    Args:
        members: The members; without units, they are their own.

    Returns:
        The units as members: the image key of each unit's first member, the class and the patient that all
        its members share as far as known (-1 where they do not), and the means of their known numbers.

    Examples:
        >>> members = Members(
        ...     image_keys=np.zeros((4, 32), dtype=np.uint8),
        ...     class_indices=np.array([0, -1, 1, 0], dtype=np.int32),
        ...     number_columns={"width": np.array([2, 4, 6, np.nan], dtype=np.float32)},
        ...     unit_indices=np.array([1, 1, 0, 0], dtype=np.int32),
        ... )
        >>> units = gather_units(members)
        >>> units.class_indices.tolist(), units.number_columns["width"].tolist()
        ([-1, 0], [6.0, 3.0])
    """
    units = members.unit_indices
    if units is None:
        return members
    firsts = np.unique(units, return_index=True)[1]
    return Members(
        members.image_keys[firsts],
        _agree(members.class_indices, units),
        _agree(members.patient_indices, units),
        {name: _average(values, units) for name, values in members.number_columns.items()},
    )


def pool(blocks: Blocks, units: NDArray[np.int32]) -> NDArray[np.float32]:
    """Averages the vectors of each unit's members, and brings the means here.

    Args:
        blocks: The members' vectors.
        units: int32, shape (n_members,): numbers from 0 without gaps.

    Returns:
        float32, shape (n_units, dimension), C-contiguous; a unit of one member has its very vector.
    """
    order = np.argsort(units, kind="stable")
    sizes = np.bincount(units)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    pooled = np.empty((sizes.size, blocks.dimension), dtype=np.float32)
    units_at_once = max(1, int(_VALUES_AT_ONCE / blocks.dimension / sizes.mean()))
    for some in slices(sizes.size, units_at_once):
        rows = order[starts[some.start] : ends[some.stop - 1]]
        # Row after row, so that the sum of a unit does not depend on the others.
        members = blocks.take(rows).astype(np.float64)
        sums = np.add.reduceat(members, starts[some] - starts[some.start], axis=0)
        pooled[some] = sums / sizes[some, np.newaxis]
    return pooled


def _agree(indices: NDArray[np.int32] | None, units: NDArray[np.int32]) -> NDArray[np.int32] | None:
    """For each unit the index that its members share, as far as known; -1 where they do not, or none is."""
    if indices is None:
        return None
    known = indices >= 0
    n_units = int(units.max()) + 1
    smallest = np.full(n_units, np.iinfo(np.int32).max, dtype=np.int32)
    largest = np.full(n_units, -1, dtype=np.int32)
    np.minimum.at(smallest, units[known], indices[known])
    np.maximum.at(largest, units[known], indices[known])
    agreed = np.where(smallest == largest, largest, np.int32(-1))
    return agreed if (agreed >= 0).any() else None


def _average(values: NDArray[np.float32], units: NDArray[np.int32]) -> NDArray[np.float32]:
    known = ~np.isnan(values)
    n_units = int(units.max()) + 1
    sums = np.bincount(units[known], values[known].astype(np.float64), n_units)
    counts = np.bincount(units[known], minlength=n_units)
    return np.divide(sums, counts, out=np.full(n_units, np.nan), where=counts > 0).astype(np.float32)
