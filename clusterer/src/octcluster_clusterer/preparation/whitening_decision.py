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

from dataclasses import dataclass
from typing import Literal

from octcluster_clusterer.preparation.patient_differences import PatientDifferences

FEWEST_OF_VOLUME = 5
"""Fewer members a patient are no volume, in whatever order they come."""
ORDERED = 0.88
"""Neighbours that differ by a smaller share of what members of one patient differ by come in an order."""
MANY_OF_PATIENT = 15
ORDERED_OF_MANY = 0.93
"""The same for patients with many members: volumes are likelier among them, and their share is surer."""


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
    asked_for: Literal[True, "auto"], differences: PatientDifferences, sum_squares: float, n_members: int
) -> WhiteningDecision:
    """Decides whether to whiten within patients.

    Args:
        asked_for: True: wherever two members share a patient; ``auto``: unless these look like volumes.
        differences: How members of one patient differ; all parts whitened, mean 0 or nearly so.
        sum_squares: Sum of squares of all members.
        n_members: Their number.

    Returns:
        The decision.
    """
    if not differences.members_a_patient:
        return WhiteningDecision(False)
    within = differences.sum_within
    order_share = differences.steps / (2 * within) if within > 0 else 1.0
    limit = ORDERED if differences.members_a_patient < MANY_OF_PATIENT else ORDERED_OF_MANY
    like_volumes = differences.members_a_patient >= FEWEST_OF_VOLUME and order_share < limit
    share_within = within / differences.n_free / sum_squares * (n_members - 1) if sum_squares > 0 else 0.0
    return WhiteningDecision(
        asked_for is True or not like_volumes,
        like_volumes,
        differences.members_a_patient,
        share_within,
        order_share,
    )
