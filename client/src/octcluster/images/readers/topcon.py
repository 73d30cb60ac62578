"""Topcon FDA and FDS: named chunks, some of which hold the B-scans of one volume.

Topcon does not publish the formats. The layout is what the projects uocte and OCT-Converter found out.
"""

import io
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers import header_values as values
from octcluster.images.readers.reader import Eye, Pixels, ScanFacts, SourceFile
from octcluster.images.reasons import DAMAGED

_FIRST_CHUNK = 15
_MAX_CHUNKS = 10_000
# Kind of scan, width, height, number of B-scans; kind of scan, width, height, bits, number of B-scans.
_COMPRESSED = struct.Struct("<B8x3I4x")
_RAW = struct.Struct("<B4I5x")
_VOLUME_SCAN = 2
# What a compressed B-scan may have more than its pixels.
_SLACK = 64 * 1024
_COMPRESSED_CHUNK = b"@IMG_JPEG"
_RAW_CHUNKS = (b"@IMG_SCAN_03", b"@IMG_MOT_COMP_03")
_FUNDUS_CHUNKS = (b"@IMG_FUNDUS", b"@IMG_OBS", b"@IMG_TRC_02", b"@IMG_TRC")
# Where the size of the scan in millimetres and the height of a pixel in micrometres stand.
_SIZES = {b"@PARAM_SCAN_04": struct.Struct("<12x3d"), b"@PARAM_SCAN_02": struct.Struct("<21x3d")}
_DATES = {b"@CAPTURE_INFO_02": struct.Struct("<B105x3H"), b"@CAPTURE_INFO": struct.Struct("<B3H")}
_MODELS = (b"@HW_INFO_03", b"@HW_INFO_02", b"@HW_INFO_01")
_EYES: dict[int, Eye] = {0: "OD", 1: "OS"}

_Chunks = Mapping[bytes, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Volume:
    """Where the B-scans of a file are: place and number of bytes of each."""

    name: bytes
    kind: int
    width: int
    height: int
    bits: Literal[8, 16]
    promised: int
    places: Sequence[tuple[int, int]]


class TopconReader:
    """Reads Topcon FDA and FDS. Needs Pillow with JPEG 2000. Not tried on real files."""

    format = "Topcon FDA or FDS"
    endings: Sequence[str] = ()

    def recognises(self, head: bytes) -> bool:
        """See ``reader.Reader``."""
        return head.startswith(b"FOCT") and len(head) > _FIRST_CHUNK

    def look(self, path: Path) -> SourceFile:
        """See ``reader.Reader``. No pixel is decoded."""
        with values.open_source(path) as file:
            chunks = _list_chunks(file)
            volume = _find_volume(file, chunks)
            facts = _read_facts(file, chunks, volume, values.name_volume(path))
        warnings = values.tell_lost_scans(len(volume.places), volume.promised)
        if facts.eye is None:
            warnings.append(values.NO_EYE)
        return SourceFile(
            self.format,
            values.number_scans(facts, len(volume.places)),
            _count_others(chunks, volume),
            warnings,
        )

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """See ``reader.Reader``."""
        with values.open_source(path) as file:
            volume = _find_volume(file, _list_chunks(file))
            values.check_numbers(numbers, len(volume.places))
            for number in numbers:
                data = values.read_exactly(file, *volume.places[number - 1])
                if volume.name == _COMPRESSED_CHUNK:
                    yield _decode(data, volume)
                else:
                    yield Pixels(data, volume.height, volume.width, volume.bits)


def _list_chunks(file: BinaryIO) -> dict[bytes, tuple[int, int]]:
    """Place and size of each chunk by its name; of several of one name, the first."""
    size = values.file_bytes(file)
    chunks: dict[bytes, tuple[int, int]] = {}
    place = _FIRST_CHUNK
    for _ in range(_MAX_CHUNKS):
        length = values.read_exactly(file, place, 1)[0] if place < size else 0
        if length == 0 or place + 1 + length + 4 > size:
            break
        name = values.read_exactly(file, place + 1, length)
        data = place + 1 + length + 4
        count = int.from_bytes(values.read_exactly(file, data - 4, 4), "little")
        chunks.setdefault(name, (data, min(count, size - data)))
        place = data + count
    return chunks


def _find_volume(file: BinaryIO, chunks: _Chunks) -> _Volume:
    """Finds the B-scans.

    Raises:
        UnreadableImage: There are none, or none in a form that is read here.
    """
    name = next((name for name in (_COMPRESSED_CHUNK, *_RAW_CHUNKS) if name in chunks), None)
    if name is None:
        raise UnreadableImage(
            "the file holds no B-scans in a form that is read: export them as DICOM, PNG or TIFF"
        )
    place, count = chunks[name]
    if name == _COMPRESSED_CHUNK:
        kind, width, height, scans = _COMPRESSED.unpack(_read(file, chunks[name], _COMPRESSED.size))
        bits = 8
    else:
        kind, width, height, bits, scans = _RAW.unpack(_read(file, chunks[name], _RAW.size))
    values.check_size(width, height, scans)
    if bits not in (8, 16):
        raise UnreadableImage(f"its pixels have {bits} bits, not 8 or 16: export the volume as DICOM or PNG")
    if name == _COMPRESSED_CHUNK:
        largest = 2 * width * height + _SLACK
        places = list(_find_compressed(file, place + _COMPRESSED.size, place + count, scans, largest))
    else:
        step = width * height * bits // 8
        found = min(scans, (count - _RAW.size) // step)
        places = [(place + _RAW.size + step * number, step) for number in range(found)]
    if not places:
        raise UnreadableImage(values.cut_short("the volume"))
    return _Volume(name, kind, width, height, 8 if bits == 8 else 16, scans, places)


def _find_compressed(
    file: BinaryIO, place: int, end: int, scans: int, largest: int
) -> Iterator[tuple[int, int]]:
    """Place and size of each compressed B-scan, up to the first that cannot be one."""
    for _ in range(scans):
        if place + 4 > end:
            return
        size = int.from_bytes(values.read_exactly(file, place, 4), "little")
        if not 0 < size <= largest or place + 4 + size > end:
            return
        yield place + 4, size
        place += 4 + size


def _decode(data: bytes, volume: _Volume) -> Pixels:
    """Decodes a B-scan that is compressed with JPEG 2000."""
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG2000", "JPEG")) as image:
            if image.size != (volume.width, volume.height) or image.mode not in ("L", "I;16"):
                raise UnreadableImage(DAMAGED)
            bits: Literal[8, 16] = 8 if image.mode == "L" else 16
            return Pixels(image.tobytes(), volume.height, volume.width, bits)
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow raises a dozen kinds for broken files
        raise UnreadableImage(DAMAGED) from error


def _read_facts(file: BinaryIO, chunks: _Chunks, volume: _Volume, name: str) -> ScanFacts:
    def unpack(layouts: Mapping[bytes, struct.Struct]) -> tuple[float, ...]:
        found = next(
            (key for key, layout in layouts.items() if chunks.get(key, (0, 0))[1] >= layout.size), None
        )
        return () if found is None else layouts[found].unpack(_read(file, chunks[found], layouts[found].size))

    eye, *date = unpack(_DATES) or (None,)
    lateral, distance, axial = unpack(_SIZES) or (0.0, 0.0, 0.0)
    patient = _read_text(file, chunks, b"@PATIENT_INFO_02", 32)
    model = next((text for key in _MODELS if (text := _read_text(file, chunks, key, 16))), "")
    return ScanFacts(
        patient=patient,
        eye=None if eye is None else _EYES.get(int(eye)),
        visit=values.as_day(*(int(each) for each in date)) if date else None,
        device=f"Topcon {model}".strip(),
        volume=name,
        height=volume.height,
        width=volume.width,
        bits=volume.bits,
        axial_mm=values.as_millimetres(axial / 1000),
        lateral_mm=values.as_millimetres(lateral / volume.width),
        distance_mm=(
            values.as_millimetres(distance / volume.promised) if volume.kind == _VOLUME_SCAN else None
        ),
    )


def _read_text(file: BinaryIO, chunks: _Chunks, name: bytes, length: int) -> str | None:
    if chunks.get(name, (0, 0))[1] < length:
        return None
    return values.as_text(_read(file, chunks[name], length))


def _read(file: BinaryIO, chunk: tuple[int, int], count: int) -> bytes:
    """The beginning of a chunk."""
    place, size = chunk
    if size < count:
        raise UnreadableImage(values.cut_short("the file"))
    return values.read_exactly(file, place, count)


def _count_others(chunks: _Chunks, volume: _Volume) -> Counter[str]:
    """Counts the images that are no B-scans of the volume, by what they are."""
    others: Counter[str] = Counter()
    for name in chunks:
        if name in _FUNDUS_CHUNKS:
            others["fundus image"] += 1
        elif name in (_COMPRESSED_CHUNK, *_RAW_CHUNKS) and name != volume.name:
            others["copy of the volume"] += 1
        elif name.startswith(b"@IMG_") and name != volume.name:
            others["other image"] += 1
    return others
