"""Streams that bound what a file can make of its bytes."""

import io
import zlib
from typing import BinaryIO

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom.reasons import DAMAGED, EXPORT_AGAIN

MAX_INFLATED_BYTES = 1 << 28
MAX_HEADER_BYTES = 1 << 25
MAX_VALUE_BYTES = 1 << 23
MAX_HEADER_PARTS = 200_000
_INFLATE_BYTES = 1 << 20
# A read, an item or one of several values each becomes an object that is far larger than its bytes.
_PARTS = (b"\\", b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


class CountedStream:
    """Reads a header, and refuses one that would fill the memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._bytes = 0
        self._parts = 0
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        """Reads so many bytes.

        Raises:
            UnreadableImage: All reads together have too many of them.
        """
        if not 0 <= size <= MAX_VALUE_BYTES:
            raise _too_large()
        data = self._stream.read(size)
        self._bytes += len(data)
        self._parts += 1 + sum(map(data.count, _PARTS))
        if self._bytes > MAX_HEADER_BYTES or self._parts > MAX_HEADER_PARTS:
            raise _too_large()
        return data


def inflate(stream: BinaryIO) -> BinaryIO:
    """Inflates the rest of a stream.

    Raises:
        UnreadableImage: It is damaged, or holds more than MAX_INFLATED_BYTES.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = io.BytesIO()
    while not inflater.eof and (block := inflater.unconsumed_tail or stream.read(_INFLATE_BYTES)):
        inflated.write(inflater.decompress(block, _INFLATE_BYTES))
        if inflated.tell() > MAX_INFLATED_BYTES:
            raise UnreadableImage(
                f"the deflated DICOM file holds more than {MAX_INFLATED_BYTES >> 20} MiB: {EXPORT_AGAIN} as "
                "JPEG 2000 Lossless or Explicit VR Little Endian"
            )
    if not inflater.eof:
        raise UnreadableImage(DAMAGED)
    inflated.seek(0)
    return inflated


def _too_large() -> UnreadableImage:
    return UnreadableImage(
        f"the DICOM header has more than {MAX_HEADER_BYTES >> 20} MiB, {MAX_VALUE_BYTES >> 20} MiB in one "
        f"value or {MAX_HEADER_PARTS:,} parts: it is damaged, or holds other data than images; {EXPORT_AGAIN}"
    )
