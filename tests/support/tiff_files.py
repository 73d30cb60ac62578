"""TIFF files of several pages, written byte by byte: by another program than the one that reads them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TiffPage:
    """One page of grey pixels, uncompressed.

    Attributes:
        width: In pixels.
        height: In pixels.
        data: The pixels, row by row, in the byte order of the file.
        bits: Of a pixel.
        kind: NewSubfileType: 1 of reduced size, 4 a mask.
        white_is_zero: Whether 0 is white.
    """

    width: int
    height: int
    data: bytes
    bits: int = 8
    kind: int = 0
    white_is_zero: bool = False


def write_tiff(pages: Sequence[TiffPage], order: str = "<", *, big: bool = False) -> bytes:
    """Writes a TIFF file.

    Args:
        pages: The pages.
        order: ``<`` little endian, ``>`` big endian.
        big: Whether to write BigTIFF.

    Returns:
        The file: pixels first and directories behind them, as libtiff does it.
    """
    offset, entries = ("Q", "Q") if big else ("I", "H")
    start = (b"II" if order == "<" else b"MM") + struct.pack(
        order + ("HHH" if big else "H"), *((43, 8, 0) if big else (42,))
    )
    file = bytearray(start + struct.pack(order + offset, 0))
    link = len(start)
    for page in pages:
        strip = len(file)
        file += page.data + b"\0" * (-len(page.data) % 8)
        struct.pack_into(order + offset, file, link, len(file))
        tags = [
            (254, 4, page.kind),
            (256, 4, page.width),
            (257, 4, page.height),
            (258, 4, page.bits),
            (259, 4, 1),
            (262, 4, 0 if page.white_is_zero else 1),
            (273, 4, strip),
            (277, 4, 1),
            (278, 4, page.height),
            (279, 4, len(page.data)),
        ]
        file += struct.pack(order + entries, len(tags))
        for tag, kind, value in tags:
            # A value stands at the left of its field, however wide that is.
            field = struct.pack(order + "I", value).ljust(8 if big else 4, b"\0")
            file += struct.pack(order + "HH" + offset, tag, kind, 1) + field
        link = len(file)
        file += struct.pack(order + offset, 0)
    return bytes(file)
