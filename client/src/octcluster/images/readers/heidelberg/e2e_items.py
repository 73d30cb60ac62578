"""The pieces of data in a Heidelberg E2E file, found by its linked directories.

Heidelberg does not publish the format. The layout is what the projects uocte, LibE2E, OCT-Converter and eyepy
found out.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import BinaryIO

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers import header_values as values

SIGNATURES = (b"CMDb", b"E2EMultipleVolumeFile")
_DIRECTORY = struct.Struct("<12s24x4I")
# Places of header and data, bytes, ids of patient, study, series and slice, kind.
_ENTRY = struct.Struct("<3I4x4i4xI4x")
_DATA_HEADER = struct.Struct("<12s8x2I4x4i4xI4x")
_FIRST_DIRECTORY = 36
_MULTIPLE_OFFSET = 64
_MAX_ENTRIES = 1_000_000
_MAX_ITEMS = 10 * values.MAX_SCANS
_DAMAGED = "the file's directory is damaged: export the volume again"


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of data.

    Attributes:
        patient: Number of its patient in the file; -1 for what belongs to no patient, and so on below.
        study: Number of the visit.
        series: Number of the volume.
        slice: Twice the number of the B-scan.
        kind: Number of the kind of data.
        place: Where its data begin.
        size: Bytes that the data should have.
    """

    patient: int
    study: int
    series: int
    slice: int
    kind: int
    place: int
    size: int


def list_items(file: BinaryIO, kinds: Collection[int]) -> list[Item]:
    """Lists the pieces of data of these kinds, in the order of the file.

    Args:
        file: An open E2E file.
        kinds: Numbers of kinds.

    Raises:
        UnreadableImage: The directories are damaged, or the file is cut short.
    """
    offset = _MULTIPLE_OFFSET if values.read_exactly(file, 0, 21).startswith(SIGNATURES[1]) else 0
    signature, _, place, _, _ = _DIRECTORY.unpack(
        values.read_exactly(file, offset + _FIRST_DIRECTORY, _DIRECTORY.size)
    )
    if not signature.startswith(b"MDb"):
        raise UnreadableImage(_DAMAGED)
    entries: list[tuple[int, ...]] = []
    seen: set[int] = set()
    count = 0
    while place:
        _, number, _, before, _ = _DIRECTORY.unpack(
            values.read_exactly(file, offset + place, _DIRECTORY.size)
        )
        count += number
        if place in seen or count > _MAX_ENTRIES:
            raise UnreadableImage(_DAMAGED)
        seen.add(place)
        table = values.read_exactly(file, offset + place + _DIRECTORY.size, number * _ENTRY.size)
        entries += (entry for entry in _ENTRY.iter_unpack(table) if entry[1] > entry[0] and entry[7] in kinds)
        if len(entries) > _MAX_ITEMS:
            raise UnreadableImage(_DAMAGED)
        place = before
    found = (_check(file, offset, entry) for entry in sorted(entries, key=lambda entry: entry[1]))
    return [item for item in found if item is not None]


def _check(file: BinaryIO, offset: int, entry: tuple[int, ...]) -> Item | None:
    """The item of an entry; None if something else lies there, as in files that are cut short."""
    _, start, size, patient, study, series, number, kind = entry
    place = offset + start
    if place + _DATA_HEADER.size + size > values.file_bytes(file):
        return None
    header = _DATA_HEADER.unpack(values.read_exactly(file, place, _DATA_HEADER.size))
    if not header[0].startswith(b"MDb") or header[3:] != (patient, study, series, number, kind):
        return None
    return Item(patient, study, series, number, kind, place + _DATA_HEADER.size, size)
