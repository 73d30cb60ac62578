"""What the header of an image file says; its pixels stay undecoded."""

import io
import os
import re
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from octcluster.images.reasons import drop_png_texts, explain
from octcluster.model.server_info import too_many_bytes

FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
MAX_BYTES = 32 * 2**20
MAX_PIXELS = 64_000_000
MIN_SIDE = 16
_HEAD_BYTES = 16 * 1024
_JPEG, _PNG, _RIFF, _BMP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"BM"
_WEBP_ANIMATION = 2
_BMP_KIND = slice(14, 18)
_BMP_KINDS = (12, 16, 40, 52, 56, 64, 108, 124)  # sizes of the second header, by which its versions differ
_BITS_BY_MODE = {"1": 1, "I": 32, "F": 32}


class UnreadableImage(Exception):
    """An image file that is unusable; the message says why and what to do, and names no file."""


class ImageHeader(NamedTuple):
    """What is known of an image without decoding it.

    Attributes:
        format: Name out of FORMATS.
        width: In pixels, as stored: before any turn that EXIF asks for.
        height: In pixels, as stored.
        channels: 1 for greyscale (and for a palette), 3 for RGB, ...
        bits: Bits of one channel of one pixel.
        file_bytes: Size of the file.
        head: Stands for the first bytes of the file: equal files have equal ones.
    """

    format: str
    width: int
    height: int
    channels: int
    bits: int
    file_bytes: int
    head: int


class FileHead(NamedTuple):
    """The beginning of a file.

    Attributes:
        path: The file.
        data: Its first bytes: as many as were asked for, if it has that many.
        file_bytes: Its size.
    """

    path: Path
    data: bytes
    file_bytes: int

    @property
    def is_cut(self) -> bool:
        """Whether the file goes on."""
        return len(self.data) < self.file_bytes


def is_plain_image(head: bytes) -> bool:
    """Whether a file with this beginning is one image of one of FORMATS; of TIFF, its reader tells."""
    if head.startswith(_BMP):
        # Two letters alone may begin any text.
        return int.from_bytes(head[_BMP_KIND], "little") in _BMP_KINDS
    if head.startswith(_JPEG):
        return True
    return (head.startswith(_PNG) or _is_webp(head)) and not has_several_frames(head)


def has_several_frames(head: bytes) -> bool:
    """Whether a file with this beginning is an animated PNG or WebP."""
    if head.startswith(_PNG):
        animation = head.find(b"acTL")
        pixels = head.find(b"IDAT")
        return animation > 0 and (pixels < 0 or animation < pixels)
    return _is_webp(head) and len(head) > 20 and head[12:16] == b"VP8X" and bool(head[20] & _WEBP_ANIMATION)


def has_more_pictures(head: bytes) -> bool:
    """Whether a JPEG with this beginning says that others follow in its file (MPO); they are not read."""
    return head.startswith(_JPEG) and b"\xff\xe2" in head and b"MPF\0" in head


def _is_webp(head: bytes) -> bool:
    return head[:4] == _RIFF and head[8:12] == b"WEBP"


def read_head(path: Path, most: int = _HEAD_BYTES) -> FileHead:
    """Reads the beginning of a file.

    Args:
        path: The file.
        most: How many bytes; MAX_BYTES for all of an image that is not refused for its size.

    Raises:
        UnreadableImage: It cannot be read.
    """
    try:
        # Without Python's buffer, since threads that wait for a disk should touch the interpreter little.
        descriptor = os.open(path, os.O_RDONLY)
        try:
            size = os.fstat(descriptor).st_size
            wanted = min(size, most)
            data = os.read(descriptor, wanted)
            while len(data) < wanted and (more := os.read(descriptor, wanted - len(data))):
                data += more
            return FileHead(path, data, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnreadableImage(f"the file cannot be read: {error.strerror or error}") from error


def parse_header(head: FileHead) -> ImageHeader:
    """Reads an image's header out of the beginning of its file, and more of it only where that is too little.

    Raises:
        UnreadableImage: It has no header of a known format.
    """
    header, image = open_image(head)
    image.close()
    return header


def open_image(head: FileHead) -> tuple[ImageHeader, Any]:
    """Like parse_header, and returns the image of Pillow as well, whose pixels are not decoded yet.

    Raises:
        UnreadableImage: It has no header of a known format.
    """
    try:
        try:
            return _open(head, io.BytesIO(head.data))
        except Exception:
            if not head.is_cut and not head.data.startswith(_PNG):
                raise
            return _open(head, _open_bare(head))
    except Exception as error:  # Pillow raises a dozen kinds for broken files
        raise UnreadableImage(_explain(error, head)) from error


def check_size(header: ImageHeader) -> None:
    """Raises UnreadableImage if an embedder would refuse the image for its size, unless set otherwise."""
    if header.file_bytes > MAX_BYTES:
        raise UnreadableImage(too_many_bytes(header.file_bytes, MAX_BYTES).message)
    if header.width * header.height > MAX_PIXELS:
        raise UnreadableImage(_too_many_pixels(header.width * header.height))
    if min(header.width, header.height) < MIN_SIDE:
        raise UnreadableImage(
            f"the image has {header.width}x{header.height} pixels, and each side must have at least "
            f"{MIN_SIDE}: send the whole image, not a thumbnail"
        )


def _too_many_pixels(number: int) -> str:
    return (
        f"the image has {number:,} pixels, more than the embedder's limit of {MAX_PIXELS:,}: scale it down, "
        "or raise the embedder's --max-image-pixels"
    )


def _open_bare(head: FileHead) -> io.BytesIO | Path:
    """The whole file; a PNG without the texts that Pillow refuses."""
    if not head.data.startswith(_PNG) or head.file_bytes > MAX_BYTES:
        return head.path
    return io.BytesIO(drop_png_texts(head.path.read_bytes() if head.is_cut else head.data))


def _open(head: FileHead, source: io.BytesIO | Path) -> tuple[ImageHeader, Any]:
    from PIL import Image  # noqa: PLC0415

    image = Image.open(source, formats=FORMATS)
    header = ImageHeader(
        format="JPEG" if image.format == "MPO" else str(image.format),
        width=image.width,
        height=image.height,
        channels=len(image.getbands()),
        bits=_count_bits(image),
        file_bytes=head.file_bytes,
        head=crc32(head.data[:_HEAD_BYTES]),
    )
    return header, image


def _count_bits(image: Any) -> int:
    """Bits of a channel: the file's own, which Pillow keeps as what it decodes from, not those in memory."""
    raw_mode = image.tile[0].args if image.tile else ""
    if not isinstance(raw_mode, str):
        raw_mode = raw_mode[0] if raw_mode else ""
    stored = re.search(r";(\d+)", str(raw_mode))
    if stored is not None and not str(raw_mode).startswith("BGR"):
        return int(stored[1])
    return 16 if image.mode.startswith("I;16") else _BITS_BY_MODE.get(image.mode, 8)


def _explain(error: Exception, head: FileHead) -> str:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    if isinstance(error, Image.DecompressionBombError):
        return _too_many_pixels(int(re.findall(r"\d+", str(error))[0]))
    if isinstance(error, OSError) and error.strerror:
        return f"the file cannot be read: {error.strerror}"
    with io.BytesIO(head.data) if not head.is_cut else head.path.open("rb") as file:
        return explain(file, identified=not isinstance(error, UnidentifiedImageError)).text
