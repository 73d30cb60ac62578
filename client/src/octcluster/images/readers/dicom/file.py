"""Opens a DICOM file: its header without pixels, and where these begin.

A file may lie about every length in it: the header is read through a stream that counts. Only the elements
that are named here are kept, so that no name, no accession number and no private element is in memory for
longer than it takes to pass it.
"""

import io
import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom.elements import guess_syntax
from octcluster.images.readers.dicom.objects import may_hold_scans
from octcluster.images.readers.dicom.reasons import DAMAGED, EXPORT_AGAIN
from octcluster.images.readers.dicom.streams import CountedStream, inflate

_DEFLATED = "1.2.840.10008.1.2.1.99"
_UNDEFINED_LENGTH = 0xFFFFFFFF
_PIXEL_DATA = 0x7FE00010
_ALL_PIXEL_DATA = (0x7FE00008, 0x7FE00009, _PIXEL_DATA)
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
        path: Where it lies.
        stream: The file, or what was inflated of it.
        header: A pydicom Dataset with the elements of KEYWORDS; empty where sop_class holds no scans.
        sop_class: What it is; empty: it does not tell.
        syntax: A pydicom UID: the transfer syntax.
        pixels_at: Where the value of the pixel data begins; None: there is none.
        pixels_bytes: Its length; None: the pixels are encapsulated.
        pixels_vr: Its value representation; None: implicit.
        size: Bytes of the stream.
    """

    path: Path
    stream: BinaryIO
    header: Any
    sop_class: str
    syntax: Any
    pixels_at: int | None = None
    pixels_bytes: int | None = None
    pixels_vr: str | None = None
    size: int = 0


@contextmanager
def open_dicom(path: Path) -> Iterator[DicomFile]:
    """Opens a file and reads its header; pixels stay where they are.

    Raises:
        UnreadableImage: It cannot be read, or what is done with it fails.
    """
    try:
        with path.open("rb") as stream:
            yield _open(path, stream)
    except (UnreadableImage, ModuleNotFoundError):
        raise
    except MemoryError:
        raise UnreadableImage(
            f"the DICOM file needs more memory than there is: {EXPORT_AGAIN} in smaller files"
        ) from None
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}" if error.strerror else DAMAGED
        raise UnreadableImage(reason) from None
    except Exception:  # pydicom raises many kinds for broken files, and quotes values of the header in them
        raise UnreadableImage(DAMAGED) from None


def read_integer(header: Any, keyword: str, default: int | None = None) -> int:
    """A whole number of the header.

    Raises:
        UnreadableImage: It is missing and there is no default, or it is no number.
    """
    try:
        value = header.get(keyword)
        if value is not None and value != "":
            return int(value)
    except Exception:  # pydicom raises what converting the value raises
        raise UnreadableImage(f"{keyword} in the DICOM header is no number: {EXPORT_AGAIN}") from None
    if default is None:
        raise UnreadableImage(f"the DICOM header has no {keyword}: {EXPORT_AGAIN}")
    return default


def _open(path: Path, stream: BinaryIO) -> DicomFile:
    from pydicom.filereader import read_dataset, read_preamble  # noqa: PLC0415
    from pydicom.tag import Tag  # noqa: PLC0415

    _silence()
    counted: Any = CountedStream(stream)
    read_preamble(counted, force=True)  # without one, it goes back to the beginning
    sop_class, syntax = _read_meta(stream, counted)
    if sop_class and not may_hold_scans(sop_class):
        return DicomFile(path, stream, {}, sop_class, syntax)
    if str(syntax) == _DEFLATED:
        stream = inflate(stream)
        counted = CountedStream(stream)
    header = read_dataset(
        counted,
        is_implicit_VR=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
        stop_when=lambda tag, _vr, _length: int(tag) in _ALL_PIXEL_DATA,
        specific_tags=[Tag(keyword) for keyword in KEYWORDS],
    )
    sop_class = str(header.get("SOPClassUID") or "") or sop_class
    return _find_pixels(
        DicomFile(path, stream, header, sop_class, syntax), implicit=bool(header.original_encoding[0])
    )


def _read_meta(stream: BinaryIO, counted: Any) -> tuple[str, Any]:
    """Reads what the file's meta information tells: SOP class and transfer syntax."""
    from pydicom.filereader import read_dataset  # noqa: PLC0415
    from pydicom.uid import UID  # noqa: PLC0415

    meta = read_dataset(
        counted,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, _vr, _length: int(tag) >> 16 != 2,
    )
    syntax = str(meta.get("TransferSyntaxUID") or "")
    if not syntax:
        start = stream.tell()
        syntax = guess_syntax(stream.read(4096)) or ""
        stream.seek(start)
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
    return str(meta.get("MediaStorageSOPClassUID") or ""), uid


def _find_pixels(file: DicomFile, *, implicit: bool) -> DicomFile:
    """Reads the beginning of the element at which the header ended, if there is any."""
    stream = file.stream
    begin_bytes = 8 if implicit else 12
    begin = stream.read(begin_bytes)
    start = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    if start > size:  # the last element that was passed is longer than the file
        raise UnreadableImage(DAMAGED)
    if len(begin) < begin_bytes:
        return replace(file, size=size)
    order = "<" if file.syntax.is_little_endian else ">"
    group, element = struct.unpack_from(f"{order}HH", begin)
    if group << 16 | element != _PIXEL_DATA:
        raise UnreadableImage(
            "the DICOM file's pixels are floating-point numbers, which have no agreed range of brightness: "
            "export it as 8- or 16-bit greyscale"
        )
    (length,) = struct.unpack_from(f"{order}I", begin, begin_bytes - 4)
    is_encapsulated = length == _UNDEFINED_LENGTH
    if is_encapsulated != bool(file.syntax.is_encapsulated):
        raise UnreadableImage(
            "the DICOM file's transfer syntax says otherwise than its pixels whether they are compressed: "
            f"{EXPORT_AGAIN}"
        )
    vr = None if implicit else begin[4:6].decode("ascii", "replace")
    return replace(
        file, pixels_at=start, pixels_bytes=None if is_encapsulated else length, pixels_vr=vr, size=size
    )


def _silence() -> None:
    """Keeps pydicom from quoting values of a header in warnings and logs."""
    warnings.filterwarnings("ignore", module=r"pydicom|pylibjpeg|PIL")
    for name in ("pydicom", "pylibjpeg"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
