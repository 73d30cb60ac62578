"""Bioptigen OCT: fields of key and value, and one frame after the other.

The layout is what the company's own MATLAB function and OCT-Converter read.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers import header_values as values
from octcluster.images.readers.reader import Pixels, ScanFacts, SourceFile

_FIRST_FIELD = 6
# Fields that have no value but begin a section of others.
_SECTIONS = (b"FRAMEHEADER", b"FRAMEDATA")
_LONGEST_KEY = 64
_MAX_FIELDS = 20 * values.MAX_SCANS
_DATE = struct.Struct("<2H2xH")
_DAMAGED = "the file's header is damaged: export the volume again"
_NO_EYE = "Bioptigen OCT tells neither patient nor eye"


@dataclass(slots=True)
class _Volume:
    """What the fields tell; ``places`` are those of the frames' pixels."""

    height: int = 0
    width: int = 0
    promised: int = 0
    visit: str | None = None
    places: list[int] = field(default_factory=list)


class BioptigenReader:
    """Reads Bioptigen OCT. Needs NumPy. Not tried on real files."""

    format = "Bioptigen OCT"
    endings: Sequence[str] = ()

    def recognises(self, head: bytes) -> bool:
        """See ``reader.Reader``."""
        return head[_FIRST_FIELD:].startswith(b"\x0b\0\0\0FRAMEHEADER")

    def look(self, path: Path) -> SourceFile:
        """See ``reader.Reader``. No pixel is read."""
        with values.open_source(path) as file:
            volume = _find_volume(file)
        facts = ScanFacts(
            visit=volume.visit,
            device="Bioptigen",
            volume=values.name_volume(path),
            height=volume.height,
            width=volume.width,
            bits=16,
        )
        found = len(volume.places)
        warnings = [*values.tell_lost_scans(found, volume.promised), _NO_EYE]
        return SourceFile(self.format, values.number_scans(facts, found), {}, warnings)

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """See ``reader.Reader``. Frames are stored column by column."""
        import numpy as np  # noqa: PLC0415

        with values.open_source(path) as file:
            volume = _find_volume(file)
            values.check_numbers(numbers, len(volume.places))
            for number in numbers:
                data = values.read_exactly(file, volume.places[number - 1], 2 * volume.height * volume.width)
                columns = np.frombuffer(data, "<u2").reshape(volume.width, volume.height)
                yield Pixels(columns.T.tobytes(), volume.height, volume.width, 16)


def _find_volume(file: BinaryIO) -> _Volume:
    """Goes through the fields of the file.

    Raises:
        UnreadableImage: They make no volume.
    """
    volume = _Volume()
    for key, place, count in _list_fields(file):
        if key == b"FRAMESAMPLES":
            if count != 2 * volume.height * volume.width:
                raise UnreadableImage(_DAMAGED)
            volume.places.append(place)
        elif key == b"FRAMEDATETIME" and volume.visit is None and count >= _DATE.size:
            volume.visit = values.as_day(*_DATE.unpack(values.read_exactly(file, place, _DATE.size)))
        elif key == b"FRAMECOUNT":
            volume.promised = _read_number(file, place, count)
        elif key == b"LINELENGTH":
            volume.height = _read_number(file, place, count)
        elif key in (b"LINECOUNT", b"FRAMELINES"):
            width = _read_number(file, place, count)
            if volume.places and width != volume.width:
                raise UnreadableImage("its frames are of several sizes: export them as PNG or TIFF")
            volume.width = width
    values.check_size(volume.width, volume.height, volume.promised)
    if not volume.places:
        raise UnreadableImage(values.cut_short("the volume"))
    return volume


def _list_fields(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Key, place of the value and its number of bytes, of each field that is whole."""
    size, place = values.file_bytes(file), _FIRST_FIELD
    for _ in range(_MAX_FIELDS):
        if place + 4 > size:
            return
        length = _read_number(file, place, 4)
        if length > _LONGEST_KEY:
            raise UnreadableImage(_DAMAGED)
        place += 4
        if length == 0:  # the end of a section
            continue
        if place + length + 4 > size:
            return
        key = values.read_exactly(file, place, length)
        count = _read_number(file, place + length, 4)
        place += length + 4
        if key in _SECTIONS:
            continue
        if place + count > size:
            return
        yield key, place, count
        place += count


def _read_number(file: BinaryIO, place: int, count: int) -> int:
    if not 0 < count <= 8:
        raise UnreadableImage(_DAMAGED)
    return int.from_bytes(values.read_exactly(file, place, count), "little")
