"""Reads objects of the spool, with a bound on what a deflated one may become in memory."""

import zlib
from collections.abc import Sequence
from pathlib import Path

from pydicom import FileDataset, dcmread
from pydicom.filereader import read_file_meta_info

from octcluster_gateway.errors import Unprocessable

DEFLATED = "1.2.840.10008.1.2.1.99"
MAX_INFLATED_BYTES = 1 << 28
_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 144  # of a file before its meta information, whose length stands at their end


def read_object(
    path: Path, keywords: Sequence[str] | None = None, *, with_pixels: bool = False
) -> FileDataset:
    """Reads an object.

    Args:
        path: Its file.
        keywords: What is read of it; None: all.
        with_pixels: Whether the pixels are read, too.

    Raises:
        Unprocessable: It is deflated, and holds more than MAX_INFLATED_BYTES.
        Exception: It cannot be read; pydicom raises many kinds, whose messages may quote values.
    """
    meta = read_file_meta_info(path)
    if str(meta.get("TransferSyntaxUID")) == DEFLATED:
        _check_inflated(path, _HEAD_BYTES + int(meta.FileMetaInformationGroupLength))
    return dcmread(
        path,
        stop_before_pixels=not with_pixels,
        specific_tags=None if keywords is None else list(keywords),
    )


def _check_inflated(path: Path, begin: int) -> None:
    """Inflates a data set piece by piece, and keeps nothing of it."""
    inflater, count = zlib.decompressobj(-zlib.MAX_WBITS), 0
    with path.open("rb") as file:
        file.seek(begin)
        while not inflater.eof and (block := inflater.unconsumed_tail or file.read(_BLOCK_BYTES)):
            count += len(inflater.decompress(block, _BLOCK_BYTES))
            if count > MAX_INFLATED_BYTES:
                raise Unprocessable(
                    f"its deflated data set holds more than {MAX_INFLATED_BYTES >> 20} MiB: have it sent as "
                    "JPEG 2000 Lossless or Explicit VR Little Endian"
                )
