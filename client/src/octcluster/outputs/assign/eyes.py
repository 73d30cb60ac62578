"""eyes.csv: the cluster of each eye, how sure it is, and the scans that speak for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import AssignOutcome, EyePlacement

DOUBTFUL_MARGIN = 0.2
"""Below it a placement is doubtful: about the median of those that were wrong, decision 10."""
SPEAKING_SCANS = 3


@dataclass(frozen=True)
class EyeRow:
    """An eye as tables and pages show it.

    Attributes:
        placement: The eye and its scans.
        counts: Number of its scans in each cluster, from cluster 0.
        agreement: Share of its scans in its own cluster; 0 if it has none; None for a single scan, which
            always agrees.
        doubtful: Whether the margin is small, or most of its scans lie in other clusters.
        speaking: The scans of its cluster with the largest margins, at most SPEAKING_SCANS, as positions
            among the members.
    """

    placement: EyePlacement
    counts: Sequence[int]
    agreement: float | None
    doubtful: bool
    speaking: Sequence[int]


def describe_rows(outcome: AssignOutcome) -> list[EyeRow]:
    """Describes all eyes, in the order of the outcome."""
    return [_describe_eye(outcome, eye) for eye in outcome.eyes]


def format_eyes(outcome: AssignOutcome) -> bytes | None:
    """Formats one row an eye; None if no eye has two scans."""
    if not outcome.eyes:
        return None
    clusters = range(len(outcome.model.cluster_sizes))
    header = (
        *("patient", "eye", "visit", "volume", "label", "scans", "cluster", "class", "margin", "agreement"),
        "doubtful",
        *(f"scans_{cluster}" for cluster in clusters),
        *(f"speaking_{number}" for number in range(1, SPEAKING_SCANS + 1)),
    )
    rows = (_list_cells(outcome, row) for row in describe_rows(outcome))
    return format_table(header, rows, outcome.mark)


def _describe_eye(outcome: AssignOutcome, eye: EyePlacement) -> EyeRow:
    found = outcome.placements
    counts = Counter(found.clusters[row] for row in eye.eye.rows)
    own = [row for row in eye.eye.rows if found.clusters[row] == eye.cluster]
    several = len(eye.eye.rows) > 1
    agreement = len(own) / len(eye.eye.rows) if several else None
    return EyeRow(
        placement=eye,
        counts=[counts[cluster] for cluster in range(len(outcome.model.cluster_sizes))],
        agreement=agreement,
        doubtful=eye.margin is None
        or eye.margin < DOUBTFUL_MARGIN
        or (several and 2 * len(own) < len(eye.eye.rows)),
        speaking=sorted(own, key=lambda row: (-found.margins[row], row))[:SPEAKING_SCANS],
    )


def _list_cells(outcome: AssignOutcome, row: EyeRow) -> list[object]:
    eye, placed = row.placement.eye, row.placement
    volume = None if eye.patient is not None else outcome.members[eye.rows[0]].file_name
    speaking = [outcome.members[scan].name for scan in row.speaking]
    return [
        *(eye.patient, eye.eye, eye.visit, volume, eye.label, len(eye.rows), placed.cluster),
        None if placed.cluster is None else outcome.model.class_of_cluster.get(placed.cluster),
        None if placed.margin is None else f"{placed.margin:.6f}",
        None if row.agreement is None else f"{row.agreement:.6f}",
        int(row.doubtful),
        *row.counts,
        *speaking,
        *[None] * (SPEAKING_SCANS - len(speaking)),
    ]
