"""The size that a compressed frame itself tells, read before a decoder allocates memory for it."""

import struct
from typing import NamedTuple

JPEG_SIGNATURE = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
JPEG_2000_SIGNATURES = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
_CODESTREAM_START = b"\xff\x4f\xff\x51"
_NO_FRAME_HEADERS = (0xC4, 0xC8, 0xCC)
_JPEG_LS_FRAME_HEADER = 0xF7


class FrameSize(NamedTuple):
    """What the header of a compressed frame says.

    Attributes:
        height: In pixels.
        width: In pixels.
        samples: Values of a pixel: 1 for grey, 3 for colour.
        bits: Bits of a value.
    """

    height: int
    width: int
    samples: int
    bits: int


def find_frame_size(codestream: bytes) -> FrameSize | None:
    """Reads the size out of a JPEG, JPEG-LS or JPEG 2000 codestream; None: it has no such header."""
    try:
        if codestream.startswith(JPEG_SIGNATURE):
            return _find_in_jpeg(codestream)
        if codestream.startswith(JPEG_2000_SIGNATURES):
            return _find_in_jpeg_2000(codestream)
    except (struct.error, IndexError):  # it ends within its header
        return None
    return None


def _find_in_jpeg(codestream: bytes) -> FrameSize | None:
    position = 2
    while True:
        marker, length = struct.unpack_from(">HH", codestream, position)
        if marker == 0xFFFF:  # fill bytes before a marker
            position += 1
            continue
        kind = marker & 0xFF
        if marker >> 8 != 0xFF or kind == 0xDA:  # no marker, or the scan begins
            return None
        if (0xC0 <= kind <= 0xCF and kind not in _NO_FRAME_HEADERS) or kind == _JPEG_LS_FRAME_HEADER:
            bits, height, width, samples = struct.unpack_from(">BHHB", codestream, position + 4)
            return FrameSize(height, width, samples, bits)
        position += 2 + length


def _find_in_jpeg_2000(codestream: bytes) -> FrameSize | None:
    start = codestream.find(_CODESTREAM_START)
    if start < 0:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", codestream, start + 8)
    (samples,) = struct.unpack_from(">H", codestream, start + 40)
    return FrameSize(bottom - top, right - left, samples, (codestream[start + 42] & 0x7F) + 1)
