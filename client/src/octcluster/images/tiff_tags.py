"""The tags of TIFF files and of EXIF, which is laid out alike: orientation, and texts that are blanked."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_ORIENTATION = 0x0112
_SUBFILES, _EXIF, _GPS = 330, 34665, 34853
# What is needed to decode pixels and to show them upright: TIFF 6.0, and JPEG and predictor tags.
_KEPT = frozenset(
    (
        *(*range(254, 260), 262, 266, 273, _ORIENTATION, *range(277, 285), 292, 293, 296, 301, 317, 318, 319),
        *(320, *range(322, 326), 332, 336, 338, 339, 340, 341, 347, *range(512, 522), *range(529, 533)),
    )
)
_SIZES = dict(zip((*range(1, 14), 16, 17, 18), (1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 8, 8, 8), strict=True))
"""Bytes of a value by its type."""
_MOST_DIRECTORIES = 64


class _Layout(NamedTuple):
    """How a file is laid out: byte order, format of the number of entries, of an entry, of an offset."""

    order: str
    number: str
    entry: str
    offset: str


class _Tag(NamedTuple):
    """One entry of a directory: what it is, and where its value lies."""

    tag: int
    kind: int
    value_at: int
    value_bytes: int


def read_orientation(data: bytes) -> int | None:
    """The orientation in the first directory of EXIF or TIFF, 1 to 8; None: it does not tell."""
    try:
        layout, first = _open(data)
        for tag in _tags(data, layout, first):
            if tag.tag == _ORIENTATION:
                (value,) = struct.unpack_from(f"{layout.order}H", data, tag.value_at)
                return value if 1 <= value <= 8 else 1
    except (struct.error, ValueError):
        pass
    return None


def blank_texts(data: bytes) -> bytes:
    """Overwrites with zeros the values of all tags of a TIFF file that its pixels do not need.

    Raises:
        struct.error: Its directories are damaged.
    """
    blanked = bytearray(data)
    layout, first = _open(data)
    places = [first]
    seen: set[int] = set()
    while places and len(seen) < _MOST_DIRECTORIES:
        place = places.pop()
        if place in seen or place == 0:
            continue
        seen.add(place)
        for tag in _tags(data, layout, place):
            if tag.tag in (_SUBFILES, _EXIF, _GPS):
                places += _offsets(data, layout, tag)
            elif tag.tag not in _KEPT:
                blanked[tag.value_at : tag.value_at + tag.value_bytes] = bytes(tag.value_bytes)
        places.append(_next(data, layout, place))
    return data if blanked == data else bytes(blanked)


def _open(data: bytes) -> tuple[_Layout, int]:
    """The layout, and where the first directory lies."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise ValueError("no TIFF")
    (version,) = struct.unpack_from(f"{order}H", data, 2)
    if version == 43:
        layout = _Layout(order, "Q", "HHQ8s", "Q")
        return layout, struct.unpack_from(f"{order}Q", data, 8)[0]
    return _Layout(order, "H", "HHI4s", "I"), struct.unpack_from(f"{order}I", data, 4)[0]


def _tags(data: bytes, layout: _Layout, place: int) -> Iterator[_Tag]:
    entry = struct.Struct(layout.order + layout.entry)
    inline = struct.calcsize(layout.offset)
    (count,) = struct.unpack_from(layout.order + layout.number, data, place)
    start = place + struct.calcsize(layout.number)
    for at in range(start, start + count * entry.size, entry.size):
        tag, kind, number, value = entry.unpack_from(data, at)
        size = _SIZES.get(kind, 1) * number
        value_at = at + entry.size - inline
        if size > inline:
            (value_at,) = struct.unpack(layout.order + layout.offset, value)
        yield _Tag(tag, kind, value_at, min(size, max(0, len(data) - value_at)))


def _offsets(data: bytes, layout: _Layout, tag: _Tag) -> list[int]:
    """The directories that a tag points to."""
    letter = "Q" if _SIZES.get(tag.kind) == 8 else "I"
    number = tag.value_bytes // struct.calcsize(letter)
    return list(struct.unpack_from(f"{layout.order}{number}{letter}", data, tag.value_at))


def _next(data: bytes, layout: _Layout, place: int) -> int:
    (count,) = struct.unpack_from(layout.order + layout.number, data, place)
    end = place + struct.calcsize(layout.number) + count * struct.calcsize(f"={layout.entry}")
    return int(struct.unpack_from(layout.order + layout.offset, data, end)[0])
