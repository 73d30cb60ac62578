"""What the volumes of a set of images are, by what their files tell."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from octcluster.images.image_set import ImageSet
from octcluster.images.readers.reader import ScanFacts
from octcluster.images.scan_choice import list_volumes

_DECIMALS = 4


class Spacing(NamedTuple):
    """Millimetres of a pixel, and between B-scans; None: unknown."""

    axial_mm: float | None
    lateral_mm: float | None
    distance_mm: float | None


@dataclass(frozen=True)
class VolumeSummary:
    """How many volumes there are, and of which kinds.

    Attributes:
        volumes: Number of volumes, a single B-scan with what its file tells among them.
        scans: Number of B-scans in them.
        files: Number of files by format.
        left_out: Number of their other contents, by what they are.
        known_eyes: Number of different known eyes: of one patient two at most.
        eyes: Number of volumes by eye; None: unknown.
        devices: Number of volumes by device; None: unknown.
        spacings: Number of volumes by spacing.
        fewest_scans: B-scans of the smallest volume.
        median_scans: Half of the volumes have at most so many.
        most_scans: B-scans of the largest volume.
    """

    volumes: int
    scans: int
    files: Mapping[str, int]
    left_out: Mapping[str, int]
    known_eyes: int
    eyes: Mapping[str | None, int]
    devices: Mapping[str | None, int]
    spacings: Mapping[Spacing, int]
    fewest_scans: int
    median_scans: float
    most_scans: int


def summarize_volumes(image_set: ImageSet) -> VolumeSummary | None:
    """Counts volumes by what their files tell; None if all images are plain."""
    volumes = list(list_volumes(image_set.images).values())
    if not volumes:
        return None
    sizes = [len(volume) for volume in volumes]
    # What all its scans share is told by any, but a distance only by those behind the first.
    last = [volume[-1] for volume in volumes]
    return VolumeSummary(
        volumes=len(volumes),
        scans=sum(sizes),
        files=image_set.formats,
        left_out=image_set.left_out,
        known_eyes=len({(scan.patient, scan.eye) for scan in last if scan.eye is not None}),
        eyes=Counter(scan.eye for scan in last),
        devices=Counter(scan.device for scan in last),
        spacings=Counter(_spacing(scan.facts or ScanFacts()) for scan in last),
        fewest_scans=min(sizes),
        median_scans=median(sizes),
        most_scans=max(sizes),
    )


def _spacing(facts: ScanFacts) -> Spacing:
    found = (facts.axial_mm, facts.lateral_mm, facts.distance_mm)
    return Spacing(*(None if value is None else round(value, _DECIMALS) for value in found))
