"""Eyes that several scans show: what is clustered as one where single scans would group people."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from octcluster.images.image_set import Scan
from octcluster.images.readers.reader import Eye, ScanFacts
from octcluster.images.scan_choice import list_volumes

_DIGITS = re.compile(r"(\d+)")
_Place = tuple[tuple[str, ...], int, list[str | int]]


@dataclass(frozen=True)
class ScannedEye:
    """All scans of one eye at one visit.

    Attributes:
        rows: Positions of its scans among those that were given, in the order in which they lie in the eye as
            far as that is known.
        patient: Patient identifier, or None. Stays on this machine.
        eye: ``OD`` or ``OS``; None: unknown.
        visit: Day or name of the visit; None: unknown.
        label: The class of its scans where those with a known class agree; else None.
        disagrees: Whether its scans have different classes.
    """

    rows: Sequence[int]
    patient: str | None
    eye: Eye | None
    visit: str | None
    label: str | None
    disagrees: bool = False

    @property
    def name(self) -> str:
        """What it is called by who may see its patient: ``patient 17, OD, 2024-01-31``."""
        known = (f"patient {self.patient}" if self.patient else None, self.eye, self.visit)
        return ", ".join(part for part in known if part) or "an eye of an unknown patient"


def gather_eyes(scans: Sequence[Scan]) -> list[ScannedEye]:
    """Gathers the scans of each eye: those of one patient, eye and visit, as far as these are known.

    Where the patient is unknown, the scans of a volume are an eye, and every other scan is one of its own.

    Args:
        scans: The scans.

    Returns:
        The eyes, in the order of their first scans.
    """
    positions = {scan.order: row for row, scan in enumerate(scans)}
    volume_of = {
        positions[scan.order]: number
        for number, volume in enumerate(list_volumes(scans).values())
        for scan in volume
    }
    rows_of: dict[Hashable, list[int]] = {}
    for row, scan in enumerate(scans):
        identity: Hashable = (scan.patient, scan.eye, scan.visit)
        if scan.patient is None:
            identity = ("volume", volume_of[row]) if row in volume_of else ("scan", row)
        rows_of.setdefault(identity, []).append(row)
    return [_describe(scans, sorted(rows, key=lambda row: _place(scans[row]))) for rows in rows_of.values()]


def _describe(scans: Sequence[Scan], rows: Sequence[int]) -> ScannedEye:
    first = scans[rows[0]]
    labels = {label for row in rows if (label := scans[row].label) is not None}
    return ScannedEye(
        rows,
        first.patient,
        first.eye,
        first.visit,
        next(iter(labels)) if len(labels) == 1 else None,
        len(labels) > 1,
    )


def _place(scan: Scan) -> _Place:
    """Orders scans by their volume, then by their place in it, then by name: the second before the tenth."""
    facts = scan.facts or ScanFacts()
    volume = (facts.volume,) if facts.volume is not None else (scan.file_name,) if scan.number else ()
    position = (scan.number or 0) if facts.position is None else facts.position
    parts = _DIGITS.split(scan.file_name)
    return volume, position, [int(part) if index % 2 else part for index, part in enumerate(parts)]


@dataclass(frozen=True)
class EyeCounts:
    """How many eyes there are, and of how many of them something is unknown.

    Attributes:
        eyes: Number of eyes.
        scans: Number of their scans.
        patients: Number of known patients.
        without_patient: Number of eyes whose patient is unknown.
        without_side: Number of eyes of known patients of which it is unknown whether they are right or left.
        disagreeing: Number of eyes whose scans have different classes.
    """

    eyes: int
    scans: int
    patients: int
    without_patient: int
    without_side: int
    disagreeing: int


def count_eyes(eyes: Sequence[ScannedEye]) -> EyeCounts:
    """Counts eyes."""
    return EyeCounts(
        eyes=len(eyes),
        scans=sum(len(eye.rows) for eye in eyes),
        patients=len({eye.patient for eye in eyes} - {None}),
        without_patient=sum(eye.patient is None for eye in eyes),
        without_side=sum(eye.patient is not None and eye.eye is None for eye in eyes),
        disagreeing=sum(eye.disagrees for eye in eyes),
    )
