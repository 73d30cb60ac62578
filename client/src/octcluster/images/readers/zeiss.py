"""Zeiss IMG: the cubes that the research browser of a Cirrus exports, as pixels without a header.

What a file holds is told by the name that the device gives it, and its size has to agree. Everything else is
refused, since wrong sizes make images that look like B-scans and are none.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers import header_values as values
from octcluster.images.readers.reader import Pixels, ScanFacts, SourceFile

_NAME = re.compile(
    r"(?:(?P<patient>[^_]+)_)?(?:Macular|Optic ?Disc) ?Cube ?(?P<width>\d{2,4})x(?P<scans>\d{2,4})"
    r"_(?P<first>\d{1,2})-(?P<second>\d{1,2})-(?P<year>\d{4})_[\d-]+_(?P<eye>OD|OS)_[^_]+_cube_z\.img",
    re.IGNORECASE,
)
# Of both cubes, in pixels and millimetres.
_HEIGHT = 1024
_DEPTH_MM, _SIDE_MM = 2.0, 6.0
_CURE = "keep the name that the device gave the file (... Cube 512x128 ... cube_z.img), or export DICOM"


@dataclass(frozen=True, slots=True)
class _Cube:
    width: int
    scans: int
    facts: ScanFacts


class ZeissImgReader:
    """Reads Zeiss IMG. Not tried on real files."""

    format = "Zeiss IMG"
    endings: Sequence[str] = (".img",)

    def recognises(self, head: bytes) -> bool:
        """Never: the format has no header. See ``endings``."""
        return False

    def look(self, path: Path) -> SourceFile:
        """See ``reader.Reader``. Nothing but the name and the size is looked at."""
        with values.open_source(path) as file:
            cube = _find_cube(path, file)
        warnings = (
            []
            if cube.facts.visit
            else ["The day in the file's name can be read in two ways: no visit is known"]
        )
        return SourceFile(self.format, values.number_scans(cube.facts, cube.scans), {}, warnings)

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """See ``reader.Reader``. Scans are stored upside down and mirrored: with their last pixel first."""
        with values.open_source(path) as file:
            cube = _find_cube(path, file)
            values.check_numbers(numbers, cube.scans)
            size = cube.width * _HEIGHT
            for number in numbers:
                data = values.read_exactly(file, (number - 1) * size, size)
                yield Pixels(data[::-1], _HEIGHT, cube.width, 8)


def _find_cube(path: Path, file: BinaryIO) -> _Cube:
    """What the name tells, if it agrees with the size.

    Raises:
        UnreadableImage: It does not.
    """
    found = _NAME.fullmatch(path.name)
    if found is None:
        raise UnreadableImage(f"the format has no header, and the name does not tell the size: {_CURE}")
    width, scans = int(found["width"]), int(found["scans"])
    if width * scans == 0 or values.file_bytes(file) != width * scans * _HEIGHT:
        raise UnreadableImage(
            f"the format has no header, and name and size of the file do not agree: {_CURE}"
        )
    facts = ScanFacts(
        patient=values.as_text(found["patient"] or ""),
        eye=values.as_eye(found["eye"].upper()),
        visit=_read_day(int(found["first"]), int(found["second"]), int(found["year"])),
        device="Carl Zeiss Meditec Cirrus",
        volume=values.name_volume(path),
        height=_HEIGHT,
        width=width,
        axial_mm=_DEPTH_MM / _HEIGHT,
        lateral_mm=_SIDE_MM / width,
        distance_mm=_SIDE_MM / scans,
    )
    return _Cube(width, scans, facts)


def _read_day(first: int, second: int, year: int) -> str | None:
    """The day: the device writes day and month in the order of its country, so only some dates are clear."""
    days = {values.as_day(year, first, second), values.as_day(year, second, first)} - {None}
    return days.pop() if len(days) == 1 else None
