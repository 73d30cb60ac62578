"""How members of one patient differ: sums over all patients, for blocks wherever these are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.tiles import slices

_VALUES_AT_ONCE = 2**20


@dataclass(frozen=True)
class PatientDifferences:
    """What is known of members that share a patient with another one.

    Attributes:
        scatters: For each part float64, shape (part_dimension, part_dimension): sum of products of the
            members' differences from the mean of their patient.
        n_free: Number of members less that of their patients.
        steps: Sum of squares of the differences of members from the one before them of their patient.
        members_a_patient: Number of members of the patient, as the average member sees it; 0 if no two
            members share one.
    """

    scatters: Sequence[NDArray[np.float64]]
    n_free: int
    steps: float
    members_a_patient: float

    @property
    def sum_within(self) -> float:
        """Sum of squares of the members' differences from the mean of their patient."""
        return float(sum(np.trace(scatter) for scatter in self.scatters))


def measure_differences(
    blocks: Blocks, parts: Sequence[slice], patients: NDArray[np.int64], report_step: Callable[[], None]
) -> PatientDifferences:
    """Goes through the patients in turn, and brings the members of a few of them here at a time.

    Args:
        blocks: The vectors, in the order in which the run has them.
        parts: The columns of each part.
        patients: int64, shape (n_members,): numbers from 0, without gaps.
        report_step: Called often.
    """
    sizes = np.bincount(patients)[patients]
    shared = np.flatnonzero(sizes > 1)
    # Members of one patient side by side, in the order in which they came.
    order = shared[np.argsort(patients[shared], kind="stable")]
    owners = patients[order]
    scatters = [np.zeros((part.stop - part.start,) * 2) for part in parts]
    steps, n_patients = 0.0, 0
    rows_at_once = max(1, _VALUES_AT_ONCE // blocks.dimension)

    def take(rows: slice) -> NDArray[np.float64]:
        report_step()
        return blocks.take(order[rows]).astype(np.float64)

    for group in _group_patients(owners, rows_at_once):
        # Nearly always one piece; only a patient with very many members has several.
        pieces = [
            slice(group.start + piece.start, group.start + piece.stop)
            for piece in slices(group.stop - group.start, rows_at_once)
        ]
        numbers = np.unique(owners[group], return_inverse=True)[1]
        n_own = int(numbers[-1]) + 1
        n_patients += n_own
        means = np.zeros((n_own, blocks.dimension))
        for rows in pieces:
            own = numbers[rows.start - group.start : rows.stop - group.start]
            starts = np.flatnonzero(np.append(True, own[1:] != own[:-1]))
            means[own[starts]] += np.add.reduceat(take(rows), starts, axis=0)
        means /= np.bincount(numbers)[:, np.newaxis]
        before: NDArray[np.float64] | None = None
        for rows in pieces:
            own = numbers[rows.start - group.start : rows.stop - group.start]
            members = take(rows)
            follows = own[1:] == own[:-1]
            steps += float(np.square(np.diff(members, axis=0)[follows]).sum())
            if before is not None:
                steps += float(np.square(members[0] - before).sum())
            before = members[-1].copy()
            members -= means[own]
            for number, part in enumerate(parts):
                scatters[number] += members[:, part].T @ members[:, part]
    seen = float(sizes[shared].mean()) if shared.size else 0.0
    return PatientDifferences(scatters, shared.size - n_patients, steps, seen)


def _group_patients(owners: NDArray[np.int64], rows_at_once: int) -> Iterator[slice]:
    """Cuts members, side by side by patient, into whole patients; as many as fit, and one at least."""
    ends = np.append(np.flatnonzero(owners[1:] != owners[:-1]) + 1, owners.size) if owners.size else owners
    start = 0
    while start < owners.size:
        last = int(np.searchsorted(ends, start + rows_at_once, side="right")) - 1
        end = int(ends[last]) if last >= 0 and ends[last] > start else int(ends[last + 1])
        yield slice(start, end)
        start = end
