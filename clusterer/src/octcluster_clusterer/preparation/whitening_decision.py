"""Whether vectors are whitened within patients, decided from the vectors where that was asked for.

Whitening within patients takes off what differs between members of one patient. That helps where these are
single scans of one finding, and harms where they are the slices of volumes: there the finding is in some
slices only, and would be taken off. Slices of a volume come one after the other, and each is much like the
one before it; the order of single scans means little. Measured in the components that ``blocks`` are
whitened to, what neighbours differ by is this share of what members of one patient differ by:

    516 single scans of OCT2017, 88 patients with 2 to 12 of them            0.97
    six of its patients with 5 or more, 20 draws: mean, least                0.95, 0.90
    24 volumes of phantoms with speckle and borders of their own, 25 slices  0.83
    the same, every second slice, every third one                            0.88, 0.91
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.preparation.units import pool
from octcluster_clusterer.tiles import slices

FEWEST_OF_VOLUME = 5
"""Fewer members a patient are no volume, in whatever order they come."""
ORDERED = 0.88
"""Neighbours that differ by a smaller share of what members of one patient differ by come in an order."""
MANY_OF_PATIENT = 15
ORDERED_OF_MANY = 0.93
"""The same for patients with many members: volumes are likelier among them, and their share is surer."""
_VALUES_AT_ONCE = 2**18


@dataclass(frozen=True)
class WhiteningDecision:
    """Whether vectors were whitened within patients, and what of the data speaks for it.

    Attributes:
        applied: Whether they were.
        like_volumes: Whether the members of a patient look like slices of volumes.
        members_a_patient: Number of members that a patient has, as the average member with another one of
            its patient sees it; 0 if there is none.
        share_within: Variance between members of one patient as a share of that between all, 0 or more; 0 if
            no two share a patient.
        order_share: Half the mean square of the difference of a member from the one before it of its patient,
            as a share of the variance within patients: about 1 where their order means nothing, 0 where all
            differ little from their neighbours.
    """

    applied: bool
    like_volumes: bool = False
    members_a_patient: float = 0.0
    share_within: float = 0.0
    order_share: float = 1.0


def decide_whitening(
    asked_for: Literal[True, "auto"],
    parts: Sequence[NDArray[np.float32]],
    patients: NDArray[np.int64],
    report_step: Callable[[], None],
) -> WhiteningDecision:
    """Decides whether to whiten within patients.

    Args:
        asked_for: True: wherever two members share a patient; ``auto``: unless these look like volumes.
        parts: For each part float32, shape (n_members, part_dimension): whitened, mean 0 or nearly so; in the
            order in which the run has them.
        patients: int64, shape (n_members,): numbers from 0, without gaps.
        report_step: Called often.

    Returns:
        The decision.
    """
    sizes = np.bincount(patients)[patients]
    shared = np.flatnonzero(sizes > 1)
    if not shared.size:
        return WhiteningDecision(False)
    # Members of one patient side by side, in the order in which they came.
    order = shared[np.argsort(patients[shared], kind="stable")]
    owners = patients[order]
    within = sum(_sum_within(part, order, owners, report_step) for part in parts)
    steps = sum(_sum_steps(part, order, owners, report_step) for part in parts)
    total = sum(_sum_squares(part, report_step) for part in parts)
    n_free = shared.size - np.unique(owners).size
    members_a_patient = float(sizes[shared].mean())
    order_share = float(steps / (2 * within)) if within > 0 else 1.0
    limit = ORDERED if members_a_patient < MANY_OF_PATIENT else ORDERED_OF_MANY
    like_volumes = members_a_patient >= FEWEST_OF_VOLUME and order_share < limit
    return WhiteningDecision(
        asked_for is True or not like_volumes,
        like_volumes,
        members_a_patient,
        float(within / n_free / total * (len(patients) - 1)) if total > 0 else 0.0,
        order_share,
    )


def _sum_within(
    part: NDArray[np.float32],
    order: NDArray[np.intp],
    owners: NDArray[np.int64],
    report_step: Callable[[], None],
) -> float:
    """Sum of squares of the members' differences from the mean of their patient."""
    numbers = np.unique(owners, return_inverse=True)[1].astype(np.int32)
    means = pool(part[order], numbers)
    squares = 0.0
    for rows in _blocks(order.size, part):
        report_step()
        squares += float(np.square(part[order[rows]].astype(np.float64) - means[numbers[rows]]).sum())
    return squares


def _sum_steps(
    part: NDArray[np.float32],
    order: NDArray[np.intp],
    owners: NDArray[np.int64],
    report_step: Callable[[], None],
) -> float:
    """Sum of squares of the differences of members from the one before them of their patient."""
    followers = np.flatnonzero(owners[1:] == owners[:-1]) + 1
    squares = 0.0
    for rows in _blocks(followers.size, part):
        report_step()
        those = followers[rows]
        squares += float(np.square(part[order[those]].astype(np.float64) - part[order[those - 1]]).sum())
    return squares


def _sum_squares(part: NDArray[np.float32], report_step: Callable[[], None]) -> float:
    squares = 0.0
    for rows in _blocks(len(part), part):
        report_step()
        squares += float(np.square(part[rows], dtype=np.float64).sum())
    return squares


def _blocks(count: int, part: NDArray[np.float32]) -> list[slice]:
    return slices(count, max(1, _VALUES_AT_ONCE // part.shape[1]))
