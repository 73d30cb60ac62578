"""Takes from an encoded image what is not needed to see it: names and dates in texts, EXIF, XMP, comments.

The pixels stay encoded as they are. Of EXIF and XMP only the orientation remains. What cannot be taken apart
stays as it is: such an image is damaged, and the embedder refuses it.
"""

import contextlib
import re
import struct
import zlib
from collections.abc import Callable, Iterator

from octcluster.images.tiff_tags import blank_texts, read_orientation

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT")
_EXIF = b"Exif\x00\x00"
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
# JFIF's and Adobe's segments say how colours are stored.
_JPEG_DROPPED = frozenset((*range(0xE1, 0xEE), 0xEF, 0xFE))
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
_WEBP_DROPPED = (b"ICCP", b"EXIF", b"XMP ")
_MOST_TEXT_BYTES = 1 << 20
_WEBP_FLAGS = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}


class _Unknown(Exception):
    """The image is not laid out as its format says."""


def remove_metadata(data: bytes) -> bytes:
    """Takes texts and other metadata from an encoded image.

    Args:
        data: A JPEG, PNG, TIFF, WebP or BMP image; BMP has no place for texts.

    Returns:
        The image with the same encoded pixels and orientation, or ``data`` itself where nothing had to go.
    """
    remove = _find_remover(data)
    if remove is None:
        return data
    try:
        return remove(data)
    except (_Unknown, struct.error, IndexError):
        return data


def _find_remover(data: bytes) -> Callable[[bytes], bytes] | None:
    if data.startswith(b"\xff\xd8\xff"):
        return _clean_jpeg
    if data.startswith(_PNG):
        return _clean_png
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _clean_webp
    return blank_texts if data[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+") else None


def _clean_jpeg(data: bytes) -> bytes:
    kept: list[bytes] = [data[:2]]
    dropped: list[bytes] = []
    for marker, segment in _split_jpeg(data):
        (dropped if marker in _JPEG_DROPPED else kept).append(segment)
    if sum(map(len, kept)) == len(data):
        return data
    orientation = _orientation_of([segment[4:] for segment in dropped])
    if orientation > 1:
        body = _EXIF + _make_exif(orientation)
        kept.insert(1, b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    return b"".join(kept)


def _split_jpeg(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers with their segments, up to the end of the image; a scan goes with its pixels."""
    place = 2
    while True:
        while data[place : place + 2] == b"\xff\xff":
            place += 1
        if data[place] != 0xFF:
            raise _Unknown
        marker = data[place + 1]
        if marker == _END_OF_IMAGE:
            yield marker, data[place : place + 2]
            return
        (length,) = struct.unpack_from(">H", data, place + 2)
        end = place + 2 + length
        if marker == _START_OF_SCAN:
            found = _MARKER.search(data, end)
            if found is None:  # cut short: the decoder will say so
                yield marker, data[place:]
                return
            end = found.start()
        yield marker, data[place:end]
        place = end


def _clean_png(data: bytes) -> bytes:
    kept: list[bytes] = [_PNG]
    dropped: list[bytes] = []
    place = len(_PNG)
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        name, end = data[place + 4 : place + 8], place + 12 + length
        if not name.isalpha():
            raise _Unknown
        if name in _PNG_KEPT:
            kept.append(data[place:end])
        else:
            dropped.append(_read_text(name, data[place + 8 : end - 4]))
        place = end
        if name == b"IEND":
            break
    if sum(map(len, kept)) == len(data):
        return data
    orientation = _orientation_of(dropped)
    if orientation > 1:
        body = b"eXIf" + _make_exif(orientation)
        kept.insert(2, struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)))
    return b"".join(kept)


def _read_text(name: bytes, body: bytes) -> bytes:
    """What a chunk of text holds, inflated; of EXIF in hexadecimal digits (ImageMagick's way), the bytes."""
    keyword, _, text = body.partition(b"\x00")
    if name == b"zTXt":
        text = _inflate(text[1:])
    elif name == b"iTXt":
        language_and_text = text[2:].split(b"\x00", 2)[-1]
        text = _inflate(language_and_text) if text[:1] == b"\x01" else language_and_text
    elif name != b"tEXt":
        return body
    if keyword in (b"Raw profile type exif", b"Raw profile type APP1"):
        with contextlib.suppress(ValueError):
            return bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    return text


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MOST_TEXT_BYTES)
    except zlib.error:
        return b""


def _clean_webp(data: bytes) -> bytes:
    chunks: list[bytes] = []
    dropped: list[bytes] = []
    place = 12
    while place + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, place + 4)
        name, end = data[place : place + 4], place + 8 + length + length % 2
        (dropped if name in _WEBP_DROPPED else chunks).append(data[place:end])
        place = end
    if not dropped:
        return data
    orientation = _orientation_of([chunk[8:] for chunk in dropped])
    if orientation > 1:
        body = _make_exif(orientation)
        chunks.append(b"EXIF" + struct.pack("<I", len(body)) + body)
    flags = 0x08 if orientation > 1 else 0
    if chunks[0].startswith(b"VP8X"):
        first = bytearray(chunks[0])
        first[8] = first[8] & ~sum(_WEBP_FLAGS.values()) | flags
        chunks[0] = bytes(first)
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _orientation_of(blocks: list[bytes]) -> int:
    """The orientation, 1 to 8, that EXIF or else XMP among the blocks tells; 1, upright, if neither does."""
    for block in blocks:
        found = read_orientation(block.removeprefix(_EXIF))
        if found is not None:
            return found
    for block in blocks:
        if match := _XMP_ORIENTATION.search(block):
            return int(match[1])
    return 1


def _make_exif(orientation: int) -> bytes:
    """EXIF with nothing but the orientation."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"II*\x00" + struct.pack("<IH", 8, 1) + entry + bytes(4)
