"""Opens a DICOM file: its header without pixels, and where these begin.

A file may lie about every length in it. So the header is read through a stream that counts what is read, a
deflated file is inflated up to a limit, and only the elements that are named here are kept: no name, no
accession number and no private element is ever in memory longer than it takes to skip it.
"""

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from octcluster.images.headers import UnreadableImage

EXPORT_AGAIN = "export the file again from its source"
DAMAGED = f"the DICOM file is damaged, for example cut short: {EXPORT_AGAIN}"
MAX_INFLATED_BYTES = 1 << 28
_MAX_HEADER_BYTES = 1 << 24
_MAX_HEADER_READS = 600_000
_INFLATE_BYTES = 1 << 20
_DEFLATED = "1.2.840.10008.1.2.1.99"
_UNDEFINED_LENGTH = 0xFFFFFFFF
_PIXEL_DATA = 0x7FE00010
_ALL_PIXEL_DATA = (0x7FE00008, 0x7FE00009, _PIXEL_DATA)
_LONG_VALUE_REPRESENTATIONS = (b"OB", b"OD", b"OF", b"OW", b"SQ", b"UN", b"UT")

KEYWORDS = (
    "AcquisitionDate",
    "AcquisitionDateTime",
    "AcquisitionDeviceTypeCodeSequence",
    "BitsAllocated",
    "BitsStored",
    "BurnedInAnnotation",
    "Columns",
    "ConcatenationFrameOffsetNumber",
    "ConcatenationUID",
    "ContentDate",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "HighBit",
    "ImageLaterality",
    "ImageType",
    "InstanceNumber",
    "Laterality",
    "Manufacturer",
    "ManufacturerModelName",
    "Modality",
    "ModalityLUTSequence",
    "NumberOfFrames",
    "PatientID",
    "PerFrameFunctionalGroupsSequence",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "PlanarConfiguration",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SOPClassUID",
    "SOPInstanceUID",
    "SamplesPerPixel",
    "SeriesInstanceUID",
    "SharedFunctionalGroupsSequence",
    "StudyDate",
    "VOILUTFunction",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
)
"""What is kept of a header."""


@dataclass(frozen=True)
class DicomFile:
    """An open DICOM file.

    Attributes:
        stream: The file, or what was inflated of it.
        header: A pydicom Dataset with the elements of KEYWORDS.
        syntax: A pydicom UID: the transfer syntax.
        pixels_at: Where the value of the pixel data begins; None: there is none.
        pixels_bytes: Its length; None: the pixels are encapsulated.
        pixels_vr: Its value representation; None: implicit.
        size: Bytes of the stream.
    """

    stream: BinaryIO
    header: Any
    syntax: Any
    pixels_at: int | None
    pixels_bytes: int | None
    pixels_vr: str | None
    size: int


@contextmanager
def open_dicom(path: Path) -> Iterator[DicomFile]:
    """Opens a file and reads its header; pixels stay where they are.

    Raises:
        UnreadableImage: It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            yield _open(stream)
    except UnreadableImage:
        raise
    except OSError as error:
        if error.strerror:
            raise UnreadableImage(f"the file cannot be read: {error.strerror}") from None
        raise UnreadableImage(DAMAGED) from None
    except Exception:  # pydicom raises many kinds for broken files, and quotes values of the header in them
        raise UnreadableImage(DAMAGED) from None


def read_integer(header: Any, keyword: str, default: int | None = None) -> int:
    """A whole number of the header.

    Raises:
        UnreadableImage: It is missing and there is no default, or it is no number.
    """
    value = header.get(keyword)
    if value is None or value == "":
        if default is not None:
            return default
        raise UnreadableImage(f"the DICOM header has no {keyword}: {EXPORT_AGAIN}")
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UnreadableImage(f"{keyword} in the DICOM header is no number: {EXPORT_AGAIN}") from None


def guess_syntax(head: bytes) -> str | None:
    """The transfer syntax of a file that has only its data elements; None: it does not begin with any.

    Two plausible elements in a row are asked for: a raw volume hardly ever begins like that.
    """
    for order, syntax in (("<", "1.2.840.10008.1.2.1"), (">", "1.2.840.10008.1.2.2")):
        if _begins_with_elements(head, order, explicit=True):
            return syntax
    return "1.2.840.10008.1.2" if _begins_with_elements(head, "<", explicit=False) else None


def _begins_with_elements(head: bytes, order: str, *, explicit: bool) -> bool:
    position, before = 0, 0
    for _ in range(2):
        if len(head) < position + 8:
            return False
        group, element = struct.unpack_from(f"{order}HH", head, position)
        tag = group << 16 | element
        if group not in (2, 8) or element > 0x2000 or (before and tag <= before):
            return False
        if explicit:
            vr = head[position + 4 : position + 6]
            if not (vr.isalpha() and vr.isupper()) or vr in _LONG_VALUE_REPRESENTATIONS:
                return False
            (length,) = struct.unpack_from(f"{order}H", head, position + 6)
        else:
            (length,) = struct.unpack_from(f"{order}I", head, position + 4)
        if length > 1024 or length % 2:
            return False
        position, before = position + 8 + length, tag
    return True


class _CountedStream:
    """A stream that refuses to be read without end: a header of millions of elements fills the memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._bytes = 0
        self._reads = 0
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _MAX_HEADER_BYTES:
            raise _too_large()
        data = self._stream.read(size)
        self._bytes += len(data)
        self._reads += 1
        if self._bytes > _MAX_HEADER_BYTES or self._reads > _MAX_HEADER_READS:
            raise _too_large()
        return data


def _too_large() -> UnreadableImage:
    return UnreadableImage(
        f"the DICOM header is larger than {_MAX_HEADER_BYTES >> 20} MiB: it must be damaged, {EXPORT_AGAIN}"
    )


def _open(stream: BinaryIO) -> DicomFile:
    from pydicom.filereader import read_dataset, read_preamble  # noqa: PLC0415
    from pydicom.tag import Tag  # noqa: PLC0415

    _silence()
    counted: Any = _CountedStream(stream)
    if read_preamble(counted, force=True) is None:
        stream.seek(0)
    syntax = _read_syntax(stream, counted)
    if str(syntax) == _DEFLATED:
        stream = io.BytesIO(_inflate(stream))
        counted = _CountedStream(stream)
    header = read_dataset(
        counted,
        is_implicit_VR=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
        stop_when=lambda tag, _vr, _length: int(tag) in _ALL_PIXEL_DATA,
        specific_tags=[Tag(keyword) for keyword in KEYWORDS],
    )
    implicit = bool(header.original_encoding[0])
    return _find_pixels(stream, header, syntax, implicit=implicit)


def _read_syntax(stream: BinaryIO, counted: Any) -> Any:
    """Reads the file's meta information; the stream then stands at its data."""
    from pydicom.filereader import read_dataset  # noqa: PLC0415
    from pydicom.uid import UID  # noqa: PLC0415

    start = stream.tell()
    meta = read_dataset(
        counted,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, _vr, _length: int(tag) >> 16 != 2,
    )
    syntax = str(meta.get("TransferSyntaxUID") or "")
    if not syntax:
        if not meta:
            stream.seek(start)
        here = stream.tell()
        syntax = guess_syntax(stream.read(4096)) or ""
        stream.seek(here)
    if not syntax:
        raise UnreadableImage(
            f"the DICOM file does not tell its transfer syntax: {EXPORT_AGAIN} as a DICOM file (part 10)"
        )
    uid = UID(syntax)
    if not uid.is_transfer_syntax:
        raise UnreadableImage(
            f"the DICOM file has a transfer syntax that is not in the standard: {EXPORT_AGAIN} as Explicit "
            "VR Little Endian"
        )
    return uid


def _inflate(stream: BinaryIO) -> bytes:
    """Inflates the rest of a stream, up to MAX_INFLATED_BYTES."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = bytearray()
    while not inflater.eof and (block := inflater.unconsumed_tail or stream.read(_INFLATE_BYTES)):
        inflated += inflater.decompress(block, _INFLATE_BYTES)
        if len(inflated) > MAX_INFLATED_BYTES:
            raise UnreadableImage(
                f"the deflated DICOM file holds more than {MAX_INFLATED_BYTES >> 20} MiB: {EXPORT_AGAIN} as "
                "JPEG 2000 Lossless or Explicit VR Little Endian"
            )
    if not inflater.eof:
        raise UnreadableImage(DAMAGED)
    return bytes(inflated)


def _find_pixels(stream: BinaryIO, header: Any, syntax: Any, *, implicit: bool) -> DicomFile:
    """Reads the beginning of the element at which the header ended, if there is any."""
    order = "<" if syntax.is_little_endian else ">"
    begin = stream.read(8 if implicit else 12)
    start = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    if len(begin) < (8 if implicit else 12):
        return DicomFile(stream, header, syntax, None, None, None, size)
    group, element = struct.unpack_from(f"{order}HH", begin)
    if group << 16 | element != _PIXEL_DATA:
        raise UnreadableImage(
            "the DICOM file's pixels are floating-point numbers, which have no agreed range of brightness: "
            "export it as 8- or 16-bit greyscale"
        )
    (length,) = struct.unpack_from(f"{order}I", begin, len(begin) - 4)
    if length == _UNDEFINED_LENGTH and not syntax.is_encapsulated:
        raise UnreadableImage(
            "the DICOM file's pixels are compressed, and its transfer syntax says that they are not: "
            f"{EXPORT_AGAIN}"
        )
    vr = None if implicit else begin[4:6].decode("ascii", "replace")
    pixels_bytes = None if length == _UNDEFINED_LENGTH else length
    return DicomFile(stream, header, syntax, start, pixels_bytes, vr, size)


def _silence() -> None:
    """Keeps pydicom from quoting values of a header in warnings and logs."""
    warnings.filterwarnings("ignore", module=r"pydicom|pylibjpeg|PIL")
    for name in ("pydicom", "pylibjpeg"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
