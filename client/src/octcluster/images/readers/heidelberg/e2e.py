"""Heidelberg E2E: what the database of a Spectralis viewer exports, any number of volumes a file."""

import functools
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers import header_values as values
from octcluster.images.readers.heidelberg.e2e_items import SIGNATURES, Item, list_items
from octcluster.images.readers.heidelberg.vol import to_grey
from octcluster.images.readers.reader import Eye, Pixels, ScanFacts, SourceFile

# Kinds of data.
_PATIENT, _EYE, _EYE_TOO, _SCAN, _IMAGE, _FLOW = 9, 11, 3, 10004, 1073741824, 1073751901
_STUDY = 9001
_PATIENT_ID = slice(102, 127)
_EYE_PLACES = {_EYE: 14, _EYE_TOO: 4}
# Height of a pixel in millimetres, number of B-scans, number of this one, time: as far as they are used.
_SCAN_FACTS = struct.Struct("<36xf24x2I16xQ")
# Bytes, kind, number of values, height and width of an image.
_IMAGE_HEADER = struct.Struct("<5I")
_B_SCAN, _FUNDUS = 35652097, 33620481
# Bytes that are read of each kind.
_BYTES = {
    _PATIENT: 127,
    _EYE: 15,
    _EYE_TOO: 5,
    _SCAN: _SCAN_FACTS.size,
    _IMAGE: _IMAGE_HEADER.size,
    _FLOW: 0,
    _STUDY: 0,
}
_TICKS_A_DAY = 24 * 60 * 60 * 10**7
_FIRST_DAY = date(1601, 1, 1)
_OUTSIDE = 1.99
_NO_WIDTH = "Heidelberg E2E does not tell the width of a pixel and the distance of B-scans in millimetres"
_SEVERAL = "Some B-scans are stored more than once: the first of each was taken"


@dataclass(slots=True)
class _Scan:
    """What is known of a B-scan: its pixels, and what is told beside them."""

    place: int | None = None
    height: int = 0
    width: int = 0
    axial_mm: float | None = None
    position: int | None = None
    visit: str | None = None


@dataclass(slots=True)
class _Volume:
    patient: str | None = None
    eyes: set[Eye | None] = field(default_factory=set)
    promised: int = 0
    scans: dict[int, _Scan] = field(default_factory=lambda: defaultdict(_Scan))

    @property
    def found(self) -> list[_Scan]:
        """The B-scans that have pixels, in their order."""
        ordered = sorted(self.scans.items(), key=lambda each: (each[1].position or 0, each[0]))
        return [scan for _, scan in ordered if scan.place is not None]

    @property
    def eye(self) -> Eye | None:
        return next(iter(self.eyes)) if len(self.eyes) == 1 else None


class HeidelbergE2eReader:
    """Reads Heidelberg E2E. Needs NumPy. Not tried on real files."""

    format = "Heidelberg E2E"
    endings: Sequence[str] = ()

    def recognises(self, head: bytes) -> bool:
        """See ``reader.Reader``."""
        return head.startswith(SIGNATURES)

    def look(self, path: Path) -> SourceFile:
        """See ``reader.Reader``. No pixel is read."""
        with values.open_source(path) as file:
            volumes, left_out, warnings = _find_volumes(file)
        scans: list[ScanFacts] = []
        for number, volume in enumerate(volumes, start=1):
            found = volume.found
            scans += _tell_facts(volume, found, values.name_volume(path, number))
            warnings += values.tell_lost_scans(len(found), max(volume.promised, len(volume.scans)))
            if found and volume.eye is None:
                warnings.append(values.NO_EYE)
        if scans:
            warnings.append(_NO_WIDTH)
        return SourceFile(self.format, scans, left_out, list(dict.fromkeys(warnings)))

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """See ``reader.Reader``. The pixels are 8-bit greys; see ``vol.to_grey``."""
        import numpy as np  # noqa: PLC0415

        with values.open_source(path) as file:
            scans = [scan for volume in _find_volumes(file)[0] for scan in volume.found]
            values.check_numbers(numbers, len(scans))
            for number in numbers:
                scan = scans[number - 1]
                data = values.read_exactly(file, scan.place or 0, 2 * scan.height * scan.width)
                yield Pixels(_greys()[np.frombuffer(data, "<u2")].tobytes(), scan.height, scan.width, 8)


@functools.cache
def _greys() -> Any:
    """The grey of each 16-bit value: uint8, shape (65536,).

    A value is a float without sign, with an exponent of 6 bits and a fraction of 10 bits. Those above 1.99
    stand for pixels outside the scan.
    """
    import numpy as np  # noqa: PLC0415

    stored = np.arange(2**16)
    reflectivity = np.ldexp(1 + (stored & 1023) / 1024, (stored >> 10) - 63)
    grey = to_grey(np.minimum(reflectivity, 1).astype(np.float32))
    return np.where(reflectivity > _OUTSIDE, np.uint8(0), grey)


def _tell_facts(volume: _Volume, scans: Sequence[_Scan], name: str) -> Iterator[ScanFacts]:
    for index, scan in enumerate(scans):
        yield ScanFacts(
            patient=volume.patient,
            eye=volume.eye,
            visit=scan.visit,
            device="Heidelberg Engineering",
            volume=name,
            position=index if scan.position is None else scan.position,
            height=scan.height,
            width=scan.width,
            bits=16,
            axial_mm=scan.axial_mm,
        )


def _find_volumes(file: BinaryIO) -> tuple[list[_Volume], Counter[str], list[str]]:
    """Finds the volumes, the number of other images by what they are, and what is to be said of all.

    Raises:
        UnreadableImage: The file is damaged.
    """
    volumes: dict[tuple[int, int, int], _Volume] = defaultdict(_Volume)
    patients: dict[int, str | None] = {}
    left_out: Counter[str] = Counter()
    warnings: list[str] = []
    items = [item for item in list_items(file, _BYTES) if item.size >= _BYTES[item.kind]]
    for item in items:
        data = values.read_exactly(file, item.place, _BYTES[item.kind])
        if item.kind == _PATIENT:
            patients[item.patient] = values.as_text(data[_PATIENT_ID])
        if item.kind in (_PATIENT, _STUDY):
            continue
        volume = volumes[item.patient, item.study, item.series]
        if (other := _add_item(volume, item, data, warnings)) is not None:
            left_out[other] += 1
    for (patient, _, _), volume in volumes.items():
        volume.patient = patients.get(patient)
    if items and not volumes:
        left_out["record without images"] = 1
    elif not volumes:
        raise UnreadableImage("the file holds no image: export the volume again")
    return list(volumes.values()), left_out, warnings


def _add_item(volume: _Volume, item: Item, data: bytes, warnings: list[str]) -> str | None:
    """Adds what an item tells to its volume; of an image that is no B-scan, says what it is."""
    if item.kind == _FLOW:
        return "flow image"
    if item.kind == _IMAGE:
        return _add_pixels(volume, item, data, warnings)
    if item.kind == _SCAN:
        _add_facts(volume, item.slice, data)
        return None
    eye = values.as_eye(data[_EYE_PLACES[item.kind] :][:1])
    if eye is not None or item.kind == _EYE:
        volume.eyes.add(eye)
    return None


def _add_facts(volume: _Volume, number: int, data: bytes) -> None:
    axial, promised, position, ticks = _SCAN_FACTS.unpack(data)
    volume.promised = max(volume.promised, min(promised, values.MAX_SCANS))
    scan = volume.scans[number]
    scan.axial_mm = values.as_millimetres(axial)
    scan.position = position if position < values.MAX_SCANS else None
    scan.visit = values.as_day_after(_FIRST_DAY, ticks / _TICKS_A_DAY)


def _add_pixels(volume: _Volume, item: Item, data: bytes, warnings: list[str]) -> str | None:
    """Adds a B-scan's pixels to its volume; of another image, says what it is."""
    _, kind, _, height, width = _IMAGE_HEADER.unpack(data)
    if kind != _B_SCAN:
        return "fundus image" if kind == _FUNDUS else "other image"
    scan = volume.scans[item.slice]
    if scan.place is not None:
        warnings.append(_SEVERAL)
    elif 0 < height * width <= values.MAX_PIXELS and _IMAGE_HEADER.size + 2 * height * width <= item.size:
        scan.place, scan.height, scan.width = item.place + _IMAGE_HEADER.size, height, width
    return None
