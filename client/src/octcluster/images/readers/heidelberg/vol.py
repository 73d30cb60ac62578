"""Heidelberg VOL: what the raw export of a Spectralis viewer writes, one volume a file.

The layout is that of Heidelberg Engineering's "Special Function: Exporting Raw Data": a header of 2048
bytes, the fundus (SLO) image, and each B-scan behind a header of its own. It is small and has not changed in
years, so it is read here, one B-scan at a time.
"""

import functools
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers import header_values as values
from octcluster.images.readers.reader import Pixels, ScanFacts, SourceFile

# Version, pixels and millimetres of the B-scans and of the fundus image, ..., eye, time, pattern, size of the
# B-scans' headers, ids, patient's id, birth, visit: as far as they are used.
_HEADER = struct.Struct("<12s3I3d2I2dId4sQ2I16s16sI24sdI24sd")
_HEADER_BYTES = 2048
_SCAN_HEADER = struct.Struct("<12sI")
_SCAN_HEADER_BYTES = 256
# The second of each pair is what the library eyepy writes.
_SIGNATURES = (b"HSF-OCT-", b"ep-v")
_SCAN_SIGNATURES = (b"HSF-BS-", b"ep-v")
_FIRST_DAY = date(1899, 12, 30)
_INVALID = 3e38
_DAMAGED = "the file's header is damaged: export the volume again"


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    scans: int
    fundus_pixels: int
    lateral_mm: float
    axial_mm: float
    distance_mm: float
    eye: bytes
    patient: bytes
    visit_days: float


class HeidelbergVolReader:
    """Reads Heidelberg VOL, and what eyepy writes in this format. Needs NumPy."""

    format = "Heidelberg VOL"
    endings: Sequence[str] = ()

    def recognises(self, head: bytes) -> bool:
        """See ``reader.Reader``."""
        return head.startswith(_SIGNATURES) and len(head) >= _HEADER.size

    def look(self, path: Path) -> SourceFile:
        """See ``reader.Reader``. No pixel is read."""
        with values.open_source(path) as file:
            header = _read_header(file)
            found = len(_find_scans(file, header))
        facts = ScanFacts(
            patient=values.as_text(header.patient),
            eye=values.as_eye(header.eye),
            visit=values.as_day_after(_FIRST_DAY, header.visit_days),
            device="Heidelberg Engineering Spectralis",
            volume=values.name_volume(path),
            height=header.height,
            width=header.width,
            bits=32,
            axial_mm=values.as_millimetres(header.axial_mm),
            lateral_mm=values.as_millimetres(header.lateral_mm),
            distance_mm=values.as_millimetres(header.distance_mm),
        )
        warnings = values.tell_lost_scans(found, header.scans)
        if facts.eye is None:
            warnings.append(values.NO_EYE)
        left_out = {"fundus image": 1} if header.fundus_pixels else {}
        return SourceFile(self.format, values.number_scans(facts, found), left_out, warnings)

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """See ``reader.Reader``. The pixels are 8-bit greys; see to_grey."""
        import numpy as np  # noqa: PLC0415

        with values.open_source(path) as file:
            header = _read_header(file)
            places = _find_scans(file, header)
            values.check_numbers(numbers, len(places))
            for number in numbers:
                data = values.read_exactly(file, places[number - 1], 4 * header.width * header.height)
                grey = to_grey(np.frombuffer(data, "<f4"))
                yield Pixels(grey.tobytes(), header.height, header.width, 8)


def to_grey(reflectivity: Any) -> Any:
    """Turns reflectivity into the greys that Heidelberg's viewer shows and its XML export holds.

    ``grey / 255 = (ln(reflectivity + 0.000244) + 8.3) / 8.285``, within 0 and 1. Heidelberg does not publish
    its formula. This one is eyepy's (``eyepy.core.utils.from_vol_intensity``, MIT), whose author fitted it to
    VOL and XML exports of the same volumes and found differences of 3 grey levels at most (OCT-Converter's
    issue 21, eyepy's issue 5). The often quoted fourth root shows a brighter background than the export.

    Pixels outside the scan (3.4e38) and those that are no number become black. Files into which eyepy wrote
    greys in place of reflectivity, as its version 0.6.8 did, keep their greys.

    Args:
        reflectivity: float32, any shape.

    Returns:
        uint8, the same shape.

    Raises:
        UnreadableImage: The values are no reflectivity, which lies in 0 to 1.
    """
    import numpy as np  # noqa: PLC0415

    valid = np.isfinite(reflectivity) & (np.abs(reflectivity) < _INVALID)
    reflectivity = np.where(valid, reflectivity, np.float32(0))
    if not valid.any() or reflectivity.max() <= 1:
        # Comparisons give the same greys on every processor; logarithms differ in their last bit.
        grey = np.searchsorted(_thresholds(), reflectivity, side="right").astype(np.uint8)
        return np.where(valid, grey, np.uint8(0))
    whole = reflectivity.astype(np.uint8, casting="unsafe") if _are_greys(reflectivity) else None
    if whole is None:
        raise UnreadableImage(
            "its values are no reflectivity, which lies between 0 and 1: export the volume again"
        )
    return whole


def _are_greys(reflectivity: Any) -> bool:
    import numpy as np  # noqa: PLC0415

    in_range = reflectivity.min() >= 0 and reflectivity.max() <= 255
    return bool(in_range and (np.floor(reflectivity) == reflectivity).all())


@functools.cache
def _thresholds() -> Any:
    """The least reflectivity of each grey from 1 to 255: float32, shape (255,)."""
    import numpy as np  # noqa: PLC0415

    return np.array(
        [math.exp((grey - 0.5) / 255 * 8.285 - 8.3) - 0.000244 for grey in range(1, 256)], np.float32
    )


def _read_header(file: BinaryIO) -> _Header:
    """Reads and checks the header of the file."""
    fields = _HEADER.unpack(values.read_exactly(file, 0, _HEADER_BYTES)[: _HEADER.size])
    _, width, scans, height, lateral, distance, axial, slo_width, slo_height = fields[:9]
    values.check_size(width, height, scans)
    header = _Header(
        width,
        height,
        scans,
        slo_width * slo_height,
        lateral,
        axial,
        distance,
        fields[13],
        fields[20],
        fields[24],
    )
    if not fields[0].startswith(_SIGNATURES):
        raise UnreadableImage(_DAMAGED)
    return header


def _find_scans(file: BinaryIO, header: _Header) -> list[int]:
    """Where the pixels of each B-scan begin; fewer than the header promises in a file that is cut short.

    The size of a B-scan's header is taken from itself: eyepy writes another one into the header of the file.
    """
    size, place = values.file_bytes(file), _HEADER_BYTES + header.fundus_pixels
    places: list[int] = []
    for _ in range(header.scans):
        if place + _SCAN_HEADER_BYTES > size:
            break
        signature, header_bytes = _SCAN_HEADER.unpack(values.read_exactly(file, place, _SCAN_HEADER.size))
        if not signature.startswith(_SCAN_SIGNATURES) or header_bytes < _SCAN_HEADER_BYTES:
            raise UnreadableImage(_DAMAGED)
        pixels = place + header_bytes
        place = pixels + 4 * header.width * header.height
        if place > size:
            break
        places.append(pixels)
    if not places:
        raise UnreadableImage(values.cut_short("the volume"))
    return places
