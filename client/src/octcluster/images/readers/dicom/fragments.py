"""Where the fragments of compressed frames lie in a DICOM file, and which belong together."""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom.file import DicomFile
from octcluster.images.readers.dicom.reasons import DAMAGED, EXPORT_AGAIN

_MAX_FRAGMENTS = 200_000
_ITEM, _END_OF_ITEMS = 0xFFFEE000, 0xFFFEE0DD


class Fragment(NamedTuple):
    """Bytes of a compressed frame.

    Attributes:
        offset: Where they begin in the file.
        length: Their number.
    """

    offset: int
    length: int


def group_fragments(file: DicomFile, n_frames: int) -> list[list[Fragment]]:
    """Tells which fragments each frame has.

    Args:
        file: The file; its pixels are compressed.
        n_frames: Number of its frames.

    Raises:
        UnreadableImage: There are fewer, or the file does not tell which fragments belong together.
    """
    fragments = _walk_fragments(file)
    first = next(fragments, None)
    if first is None:
        raise UnreadableImage(DAMAGED)
    table_at, table_bytes = first
    parts = list(islice(fragments, _MAX_FRAGMENTS))
    if len(parts) == n_frames:
        return [[part] for part in parts]
    if n_frames == 1 and parts:
        return [parts]
    if len(parts) < n_frames:
        raise UnreadableImage(
            f"the DICOM file is cut short: it tells of {n_frames:,} frames, and {len(parts):,} are there; "
            "copy it again from its source"
        )
    offsets = _read_offsets(file, table_at, table_bytes)
    # offsets count from the item after the table, fragments begin behind that item's tag and length
    base = table_at + table_bytes + 8
    starts = [base + offset for offset in offsets]
    positions = {offset: index for index, (offset, _) in enumerate(parts)}
    if len(starts) != n_frames or starts != sorted(set(starts)) or any(s not in positions for s in starts):
        raise UnreadableImage(
            f"the DICOM file has {len(parts):,} fragments for {n_frames:,} frames and no table of which "
            f"belong together: {EXPORT_AGAIN} as Explicit VR Little Endian"
        )
    bounds = [*(positions[start] for start in starts), len(parts)]
    return [parts[bounds[i] : bounds[i + 1]] for i in range(n_frames)]


def _walk_fragments(file: DicomFile) -> Iterator[Fragment]:
    """Where each item of encapsulated pixels begins, and its length; the first is the table of offsets."""
    stream, position = file.stream, file.pixels_at or 0
    while True:
        stream.seek(position)
        begin = stream.read(8)
        if len(begin) < 8:
            return
        group, element, length = struct.unpack("<HHI", begin)
        tag = group << 16 | element
        if tag == _END_OF_ITEMS:
            return
        if tag != _ITEM or position + 8 + length > file.size:
            raise UnreadableImage(DAMAGED)
        yield Fragment(position + 8, length)
        position += 8 + length


def _read_offsets(file: DicomFile, table_at: int, table_bytes: int) -> list[int]:
    extended = file.header.get("ExtendedOffsetTable")
    if isinstance(extended, bytes) and extended:
        return [offset for (offset,) in struct.iter_unpack("<Q", extended[: len(extended) // 8 * 8])]
    file.stream.seek(table_at)
    table = file.stream.read(table_bytes // 4 * 4)
    return [offset for (offset,) in struct.iter_unpack("<I", table)]
