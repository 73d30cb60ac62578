"""Why a file cannot be read as an image: what it is instead, or what is wrong with it, and the cure.

The client and the embedder each have this file, byte for byte the same, so that one file has one reason.
"""

import re
import struct
from typing import Any, BinaryIO, NamedTuple

_HEAD_BYTES = 16 * 1024
_CONVERT = "convert it to PNG"
_UNPACK = "unpack it"
_COPY = "copy it again from its source"
DAMAGED = "the image is damaged, for example cut short: export it again from its source"
_DAMAGED_HEADER = "the image's header is damaged: export it again from its source"
_EMPTY = "the image has no bytes: the file is empty, copy it again from its source"
_NO_IMAGE = "the bytes are no JPEG, PNG, TIFF, BMP or WebP image: convert the file to one of them"

# Where files have which bytes, what they are, and what to do.
_SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"GIF8", "a GIF image", _CONVERT),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image", _CONVERT),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image", _CONVERT),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image", _CONVERT),
    (0, b"\xff\x0a", "a JPEG XL image", _CONVERT),
    (0, b"II\xbc", "a JPEG XR image", _CONVERT),
    (0, b"8BPS", "a Photoshop file", _CONVERT),
    (0, b"v/1\x01", "an OpenEXR image", _CONVERT),
    (0, b"\0\0\x01\0", "an icon", _CONVERT),
    *((0, b"P%d\n" % kind, "a PNM image", _CONVERT) for kind in range(1, 7)),
    (0, b"%PDF", "a PDF document", "export its images as PNG"),
    (0, b"%!PS", "a PostScript document", "export its images as PNG"),
    (0, b"PK\x03\x04", "a ZIP archive or an office document", _UNPACK),
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (0, b"\xd0\xcf\x11\xe0", "an office document", "export its images as PNG"),
    (0, b"\x93NUMPY", "a NumPy array", "save it as PNG"),
    (0, b"\x89HDF", "an HDF5 file", "save its images as PNG"),
    (0, b"MATLAB 5.0", "a MATLAB file", "save its images as PNG"),
    (0, b"\0\x05\x16\x07", "what macOS keeps beside a file", "leave it out"),
    (0, b"version https://git-lfs", "a pointer of Git LFS", "fetch the file with 'git lfs pull'"),
    (8, b"WAVE", "a sound", "leave it out"),
    (8, b"AVI ", "a film", _CONVERT),
    (128, b"DICM", "a DICOM file", "give it to octcluster by itself, or export its B-scans as PNG"),
    (344, b"n+1", "a NIfTI file", "save its images as PNG"),
    (344, b"ni1", "a NIfTI file", "save its images as PNG"),
)
_BRANDS = {
    b"avif": "an AVIF image",
    b"avis": "an AVIF image",
    b"mif1": "a HEIC image",
    b"msf1": "a HEIC image",
}
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body")
# By the second byte of the marker that begins a JPEG's frame; the others are read.
_JPEG_KINDS = {
    0xC3: "a lossless JPEG",
    0xC7: "a lossless JPEG",
    0xCB: "a lossless JPEG",
    0xF7: "a JPEG-LS image",
}
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
_FRAME_OF_SCANS, _SCAN, _FIRST_COMPONENT = 0xC2, 0xDA, 6
# Within compressed pixels, 0xFF is followed by 0 or by the marker of a restart.
_NEXT_SEGMENT = re.compile(rb"\xff[\xc0-\xcf\xda-\xfe]", re.DOTALL)
_BITS, _COMPRESSION, _SAMPLES, _SAMPLE_FORMAT = 258, 259, 277, 339
# Those that Pillow decodes: none, CCITT, LZW, JPEG, Deflate, PackBits, LZMA, Zstandard, WebP.
_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, 34925, 50000, 50001)
_SAMPLE_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}


class Reason(NamedTuple):
    """Why a file cannot be read.

    Attributes:
        text: What is wrong and the cure; names no file.
        damaged: Whether it is an image that is damaged; else it is none, or of a kind that is not read.
    """

    text: str
    damaged: bool = False


def explain(file: BinaryIO, *, identified: bool = False) -> Reason:
    """Finds out why Pillow could not read a file.

    Args:
        file: The file, at its beginning.
        identified: Whether Pillow could read its header, and failed at the pixels.

    Returns:
        The reason.
    """
    damage = Reason(DAMAGED if identified else _DAMAGED_HEADER, damaged=True)
    head = file.read(_HEAD_BYTES)
    if not head:
        return Reason(_EMPTY)
    foreign = _name_foreign(head)
    if foreign is not None:
        name, cure = foreign
        return Reason(f"it is {name}, no JPEG, PNG, TIFF, BMP or WebP image: {cure}")
    if head.startswith(b"\xff\xd8\xff"):
        return _explain_jpeg(head) or damage
    if head.startswith((b"II", b"MM")):
        return _explain_tiff(file, head, identified=identified) or damage
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"BM")) or (head[:4], head[8:12]) == (b"RIFF", b"WEBP"):
        return damage
    return Reason(_NO_IMAGE)


def _name_foreign(head: bytes) -> tuple[str, str] | None:
    """What a file is that is no image of a known format, and the cure."""
    for offset, signature, name, cure in _SIGNATURES:
        if head.startswith(signature, offset):
            return name, cure
    if head[4:8] == b"ftyp":
        is_heic = head[8:10] == b"he"
        return _BRANDS.get(head[8:12], "a HEIC image" if is_heic else "a film"), _CONVERT
    if not any(head):
        return "nothing but zeros, as after a copy that failed", _COPY
    return _name_text(head)


def _name_text(head: bytes) -> tuple[str, str] | None:
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if begins.startswith(_PAGES):
        return "a web page, for example the answer of a download that failed", "download the image again"
    if b"<svg" in begins[:500]:
        return "an SVG drawing", _CONVERT
    if begins.startswith((b"<?xml", b"{", b"[{")):
        return "text, for example the answer of a download that failed", "download the image again"
    text = head[:500].decode("latin-1")
    if all(" " <= character <= "~" or character in "\r\n\t" for character in text):
        return "text", _COPY
    return None


def _explain_jpeg(head: bytes) -> Reason | None:
    """Tells kinds of JPEG that are not read by the marker that begins the frame."""
    position = 2
    while position + 4 < len(head) and head[position] == 0xFF:
        kind, length = head[position + 1], int.from_bytes(head[position + 2 : position + 4])
        if kind in _FRAMES:
            if kind in _JPEG_KINDS:
                return Reason(f"it is {_JPEG_KINDS[kind]}, which is not read: {_CONVERT}")
            bits = head[position + 4]
            if bits not in (0, 8):
                return Reason(f"it is a JPEG of {bits} bits, which is not read: {_CONVERT} of 16 bits")
            return None
        position += 2 + length
    return None


def _explain_tiff(file: BinaryIO, head: bytes, *, identified: bool) -> Reason | None:
    """Tells kinds of TIFF that are not read."""
    if head.startswith(b"MM\0+"):
        return Reason("it is a BigTIFF image of big-endian bytes, which is not read: save it as a usual TIFF")
    tags = _read_tags(file, head)
    if not tags:
        return None
    compression = tags.get(_COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        return Reason(
            f"it is a TIFF image of compression {compression}, which is not read: save it without compression"
        )
    if identified:
        return None
    bits, formats, samples = tags.get(_BITS, (1,)), tags.get(_SAMPLE_FORMAT, (1,)), tags.get(_SAMPLES, 1)
    number = _SAMPLE_FORMATS.get(formats[0], "whole")
    return Reason(
        f"it is a TIFF image of {samples} {number} number{'' if samples == 1 else 's'} of {bits[0]} bits a "
        "pixel, which is not read: export it as 8- or 16-bit greyscale or colour"
    )


def _read_tags(file: BinaryIO, head: bytes) -> dict[int, Any] | None:
    """The tags of a TIFF file's first image; None if they cannot be read."""
    from PIL import TiffImagePlugin  # noqa: PLC0415

    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(head[:16] if b"\x2b" in head[2:4] else head[:8])
        file.seek(directory.next)
        directory.load(file)
        return dict(directory)
    except Exception:  # Pillow raises a dozen kinds for broken files
        return None


def lacks_scans(data: bytes) -> bool:
    """Whether a progressive JPEG ends before all of its scans: Pillow shows the rest, blurred.

    Args:
        data: A JPEG file that Pillow can read.

    Returns:
        Whether a coefficient of the brightness, one of 64, is not there to its last bit.
    """
    brightness, unfinished = 0, set(range(64))
    position = 2
    while segment := _NEXT_SEGMENT.search(data, position):
        kind, start = data[segment.start() + 1], segment.end()
        length = int.from_bytes(data[start : start + 2])
        body = data[start + 2 : start + length]
        if kind == _FRAME_OF_SCANS and len(body) > _FIRST_COMPONENT:
            brightness = body[_FIRST_COMPONENT]
        elif kind == _SCAN and body and len(body) == 4 + 2 * body[0]:
            first, last, precision = body[-3:]
            if brightness in body[1:-3:2] and precision & 15 == 0:
                unfinished -= set(range(first, last + 1))
        position = start + length
    return bool(unfinished)


def drop_png_texts(data: bytes) -> bytes:
    """The PNG without colour profile and texts, which Pillow refuses when they are large.

    Args:
        data: A file.

    Returns:
        The same image; what is no PNG, as it is.
    """
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    kept, position = [data[:8]], 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 12 + length
        if data[position + 4 : position + 8] not in (b"iCCP", b"tEXt", b"zTXt", b"iTXt"):
            kept.append(data[position:end])
        position = end
    return b"".join([*kept, data[position:]])
