"""Where each frame of a DICOM file lies and how it is stored, checked before anything is decoded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydicom import uid

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom.codestreams import (
    JPEG_2000_SIGNATURES,
    JPEG_END,
    JPEG_SIGNATURE,
    find_frame_size,
)
from octcluster.images.readers.dicom.file import DicomFile, read_integer
from octcluster.images.readers.dicom.fragments import Fragment, group_fragments
from octcluster.images.readers.dicom.reasons import DAMAGED, EXPORT_AGAIN
from octcluster.images.readers.header_values import MAX_PIXELS

GREY = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_MAX_FRAMES = 100_000
_SIGNATURE_BYTES = 8
_END_BYTES = 10  # some programs fill up with other bytes than 0
IMAGECODECS = "imagecodecs"
# One decoder for each syntax, whatever else is installed: lossy frames have the same pixels on every machine.
DECODERS = {
    uid.RLELossless: "pydicom",
    uid.JPEGBaseline8Bit: "pillow",
    uid.JPEGExtended12Bit: IMAGECODECS,
    uid.JPEGLossless: IMAGECODECS,
    uid.JPEGLosslessSV1: IMAGECODECS,
    uid.JPEGLSLossless: "pyjpegls",
    uid.JPEGLSNearLossless: "pyjpegls",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
    uid.HTJ2KLossless: "pylibjpeg",
    uid.HTJ2KLosslessRPCL: "pylibjpeg",
    uid.HTJ2K: "pylibjpeg",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels of a frame are stored.

    Attributes:
        n_frames: Number of frames.
        height: In pixels.
        width: In pixels.
        samples: Values of a pixel: 1 or 3.
        bits_allocated: 8 or 16.
        bits_stored: At most bits_allocated.
        is_signed: Whether values are below 0 too.
        photometric: One of GREY or COLOURS.
    """

    n_frames: int
    height: int
    width: int
    samples: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool
    photometric: str


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of an open file.

    Attributes:
        file: The file.
        layout: How each frame is stored.
        parts: The fragments of each frame; None: frames lie one behind the other, uncompressed.
        has_more: Whether there are more frames than the header tells of.
    """

    file: DicomFile
    layout: Layout
    parts: list[list[Fragment]] | None
    has_more: bool = False

    def read_codestream(self, index: int) -> bytes:
        """The bytes of a compressed frame."""
        if self.parts is None:
            raise ValueError("the frames are not compressed")
        return self.read_bytes(self.parts[index])

    def read_bytes(self, fragments: Sequence[Fragment]) -> bytes:
        """The bytes of fragments, one behind the other."""
        stream, found = self.file.stream, []
        for fragment in fragments:
            stream.seek(fragment.offset)
            found.append(stream.read(fragment.length))
        return b"".join(found)


def find_frames(file: DicomFile) -> Frames:
    """Finds the frames, and checks them against what the file can hold.

    Raises:
        UnreadableImage: There are no pixels, they are of a kind without an agreed range of brightness, or the
            file is too short for them.
    """
    if file.pixels_at is None:
        raise UnreadableImage(f"the DICOM file has no pixels: {EXPORT_AGAIN}, with its images")
    layout = _read_layout(file)
    if not file.syntax.is_encapsulated:
        return Frames(file, layout, None, _has_more_bytes(file, layout))
    in_colour = layout.samples == 3
    if file.syntax not in DECODERS or (in_colour and DECODERS[file.syntax] == IMAGECODECS):
        raise UnreadableImage(
            f"the DICOM file's pixels are compressed as {file.syntax.name}, which is not read"
            f"{' in colour' if in_colour else ''}: export it as JPEG 2000 Lossless or Explicit VR Little "
            "Endian"
        )
    frames = _drop_what_follows(Frames(file, layout, group_fragments(file, layout.n_frames)))
    check_codestream(frames, frames.read_codestream(0))
    return frames


def check_codestream(frames: Frames, codestream: bytes) -> None:
    """Checks what a compressed frame says of its size before a decoder believes it.

    Raises:
        UnreadableImage: It says something else than the header, or it is no such codestream.
    """
    layout, file = frames.layout, frames.file
    if file.syntax == uid.RLELossless:
        if len(codestream) < 64:
            raise UnreadableImage(DAMAGED)
        return
    size = find_frame_size(codestream)
    if size is None:
        if "zeiss" in str(file.header.get("Manufacturer") or "").casefold():
            raise UnreadableImage(
                "the pixels of this DICOM file are scrambled, as Zeiss devices write them for their own "
                "software: export it unscrambled, as DICOM for other systems or as images"
            )
        raise UnreadableImage(
            f"a frame does not begin as {file.syntax.name}: its pixels are damaged or scrambled, "
            f"{EXPORT_AGAIN} unscrambled"
        )
    if (size.height, size.width, size.samples) != (layout.height, layout.width, layout.samples):
        raise UnreadableImage(
            f"a frame has {size.width}x{size.height} pixels of {size.samples} values, and the DICOM header "
            f"tells of {layout.width}x{layout.height} of {layout.samples}: {EXPORT_AGAIN}"
        )
    # Decoders fill up what is missing of a frame and say nothing; that of JPEG-LS searches it for seconds.
    if JPEG_END not in codestream.rstrip(b"\0")[-_END_BYTES:]:
        raise UnreadableImage(DAMAGED)
    # More bits than the header tells of are common, and are harmless as long as no value needs them.
    if not layout.bits_stored <= size.bits <= layout.bits_allocated:
        raise UnreadableImage(
            f"a frame has {size.bits} bits a value, and the DICOM header tells of {layout.bits_stored}: "
            f"{EXPORT_AGAIN}"
        )


def _read_layout(file: DicomFile) -> Layout:
    header = file.header
    layout = Layout(
        n_frames=read_integer(header, "NumberOfFrames", 1) or 1,
        height=read_integer(header, "Rows"),
        width=read_integer(header, "Columns"),
        samples=read_integer(header, "SamplesPerPixel", 1),
        bits_allocated=read_integer(header, "BitsAllocated"),
        bits_stored=read_integer(header, "BitsStored", read_integer(header, "BitsAllocated")),
        is_signed=read_integer(header, "PixelRepresentation", 0) == 1,
        photometric=str(header.get("PhotometricInterpretation") or "").strip().upper(),
    )
    if not 1 <= layout.n_frames <= _MAX_FRAMES or min(layout.height, layout.width) < 1:
        raise UnreadableImage(
            f"the DICOM header tells of {layout.n_frames:,} frames of {layout.width}x{layout.height} pixels: "
            f"it must be damaged, {EXPORT_AGAIN}"
        )
    if layout.height * layout.width > MAX_PIXELS:
        raise UnreadableImage(
            f"a frame has {layout.height * layout.width:,} pixels, more than the limit of "
            f"{MAX_PIXELS:,}: export it at a smaller size"
        )
    _check_kind_of_pixels(layout, read_integer(header, "HighBit", layout.bits_stored - 1))
    return layout


def _check_kind_of_pixels(layout: Layout, high_bit: int) -> None:
    if layout.photometric == "PALETTE COLOR":
        raise UnreadableImage(
            "the pixels are numbers of palette colours, which have no agreed range of brightness: export it "
            "as 8- or 16-bit greyscale"
        )
    grey = layout.samples == 1 and layout.photometric in GREY and layout.bits_allocated in (8, 16)
    colour = layout.samples == 3 and layout.photometric in COLOURS
    if colour and (layout.bits_allocated, layout.bits_stored, layout.is_signed) == (8, 8, False):
        return
    if not grey or not 1 <= layout.bits_stored <= layout.bits_allocated or high_bit != layout.bits_stored - 1:
        raise UnreadableImage(
            f"the pixels have {layout.samples} values of {layout.bits_stored} bits out of "
            f"{layout.bits_allocated} (highest bit {high_bit}) and no photometric interpretation that fits: "
            "export it as 8- or 16-bit MONOCHROME2"
        )


def _has_more_bytes(file: DicomFile, layout: Layout) -> bool:
    """Checks that uncompressed frames are there to their end, and tells whether another one follows."""
    frame_bytes = _frame_bytes(layout)
    needed = frame_bytes * layout.n_frames
    there = min(file.size - (file.pixels_at or 0), file.pixels_bytes or 0)
    if there < needed:
        raise UnreadableImage(
            f"the DICOM file is cut short: {layout.n_frames:,} frames of {layout.width}x{layout.height} "
            f"pixels have {needed:,} bytes, and {max(there, 0):,} are there; copy it again from its source"
        )
    return there >= needed + frame_bytes


def _drop_what_follows(frames: Frames) -> Frames:
    """Keeps the first codestream of a file that tells of one frame and holds several."""
    if frames.parts is None or frames.layout.n_frames > 1 or len(frames.parts[0]) == 1:
        return frames
    first, second = frames.parts[0][:2]
    begin = frames.read_bytes([Fragment(second.offset, min(second.length, _SIGNATURE_BYTES))])
    if frames.file.syntax != uid.RLELossless and not begin.startswith(
        (JPEG_SIGNATURE, *JPEG_2000_SIGNATURES)
    ):
        return frames
    return replace(frames, parts=[[first]], has_more=True)


def _frame_bytes(layout: Layout) -> int:
    samples = 2 if layout.photometric == "YBR_FULL_422" else layout.samples
    return layout.height * layout.width * samples * layout.bits_allocated // 8
