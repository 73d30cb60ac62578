"""DICOM files for tests, written byte by byte: nothing of what reads them helps to write them.

``write_opt`` makes an Ophthalmic Tomography object that ``dciodvfy`` accepts. ``changes`` replaces elements
of it by tag, or removes them where the value is None; ``write_elements`` writes anything else.
"""

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
OPT = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SOP_CLASS, MODALITY, LATERALITY, IMAGE_LATERALITY = 0x00080016, 0x00080060, 0x00200060, 0x00200062
SHARED, PER_FRAME, PIXELS = 0x52009229, 0x52009230, 0x7FE00010
_ROOT = "1.2.826.0.1.3680043.10.511.12"
_LONG = ("OB", "OW", "SQ", "UN", "UT", "OF", "OD")

Element = tuple[str, Any]
Elements = Mapping[int, Element | None]


@dataclass(frozen=True)
class Stored:
    """How the pixels are stored.

    Attributes:
        syntax: Transfer syntax.
        bits: Bits stored.
        is_signed: Whether the values are signed.
        photometric: Photometric interpretation.
        codestreams: The compressed frames, for a compressed syntax.
    """

    syntax: str = EXPLICIT
    bits: int = 8
    is_signed: bool = False
    photometric: str = "MONOCHROME2"
    codestreams: Sequence[bytes] = ()


def make_frames(n_frames: int, height: int = 32, width: int = 48, bits: int = 8) -> NDArray[np.uint16]:
    """Frames with layers and noise, no two alike: shape (n_frames, height, width), all bits used."""
    random = np.random.default_rng(n_frames)
    rows = np.arange(height)[None, :, None] / height
    waves = (
        np.sin(12 * rows + np.arange(n_frames)[:, None, None]) + 1 + random.random((n_frames, height, width))
    )
    scaled = (waves - waves.min()) / (waves.max() - waves.min()) * (2**bits - 1)
    frames: NDArray[np.uint16] = np.rint(scaled).astype(np.uint16)
    return frames


def write_opt(
    path: Path, frames: NDArray[Any], stored: Stored | None = None, changes: Elements | None = None
) -> Path:
    """Writes frames (n_frames, height, width) as an Ophthalmic Tomography object.

    It is of a right eye, of patient ``P-0012`` on 2024-01-31; a pixel is 0.00387 mm high and 0.01158 mm wide,
    and frames are 0.123 mm apart.
    """
    stored = stored or Stored()
    elements = {**describe_opt(frames.shape[0]), **describe_pixels(frames, stored)}
    return write_elements(path, {**elements, **(changes or {})}, stored)


def write_elements(
    path: Path, elements: Elements, stored: Stored | None = None, *, preamble: bool = True
) -> Path:
    """Writes elements by their tags; those without a value are left out."""
    stored = stored or Stored()
    kept = {tag: element for tag, element in elements.items() if element is not None}
    body = encode_elements(kept, stored.syntax)
    if stored.syntax == DEFLATED:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = deflater.compress(body) + deflater.flush()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((encode_meta(kept, stored.syntax) if preamble else b"") + body)
    return path


def encode_meta(elements: Mapping[int, Element], syntax: str) -> bytes:
    """Preamble, prefix and file meta information."""
    meta = encode_elements(
        {
            0x00020001: ("OB", b"\x00\x01"),
            0x00020002: ("UI", elements.get(SOP_CLASS, ("UI", OPT))[1]),
            0x00020003: ("UI", elements.get(0x00080018, ("UI", f"{_ROOT}.9"))[1]),
            0x00020010: ("UI", syntax),
            0x00020012: ("UI", f"{_ROOT}.1"),
        },
        EXPLICIT,
    )
    return bytes(128) + b"DICM" + encode_elements({0x00020000: ("UL", [len(meta)])}, EXPLICIT) + meta


def encode_elements(elements: Mapping[int, Element], syntax: str) -> bytes:
    return b"".join(_encode(tag, *elements[tag], syntax) for tag in sorted(elements))


def encapsulate(codestreams: Sequence[bytes], *, with_table: bool = True) -> bytes:
    """Compressed frames as items behind a table of offsets."""
    items, offsets, position = b"", [], 0
    for codestream in codestreams:
        even = codestream + b"\x00" * (len(codestream) % 2)
        offsets.append(position)
        items += struct.pack("<HHI", 0xFFFE, 0xE000, len(even)) + even
        position += 8 + len(even)
    table = struct.pack(f"<{len(offsets)}I", *offsets) if with_table else b""
    begin = struct.pack("<HHI", 0xFFFE, 0xE000, len(table)) + table
    return begin + items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def encode_jpeg(frame: NDArray[Any]) -> bytes:
    """A JPEG of a frame of 8 bits, by Pillow."""
    stream = io.BytesIO()
    Image.fromarray(frame.astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def encode_jpeg_2000(frame: NDArray[Any], *, is_lossless: bool = True) -> bytes:
    """A JPEG 2000 codestream of a frame, by Pillow: of 16 bits where a value needs more than 8."""
    stream = io.BytesIO()
    image = Image.fromarray(frame.astype(np.uint8 if frame.max() < 256 else np.uint16))
    lossy: dict[str, Any] = {} if is_lossless else {"irreversible": True, "quality_layers": [8]}
    image.save(stream, "JPEG2000", no_jp2=True, **lossy)
    return stream.getvalue()


def _encode(tag: int, vr: str, value: Any, syntax: str) -> bytes:
    order = ">" if syntax == BIG_ENDIAN else "<"
    data = _encode_value(vr, value, syntax, order)
    data += (b"\x00" if vr in ("UI", "OB", "UN") else b" ") * (len(data) % 2)
    begin = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    is_encapsulated = tag == PIXELS and syntax not in (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)
    length = 0xFFFFFFFF if is_encapsulated else len(data)
    if syntax == IMPLICIT:
        return begin + struct.pack("<I", length) + data
    if vr in _LONG:
        return begin + vr.encode() + bytes(2) + struct.pack(f"{order}I", length) + data
    return begin + vr.encode() + struct.pack(f"{order}H", len(data)) + data


def _encode_value(vr: str, value: Any, syntax: str, order: str) -> bytes:
    if vr == "SQ":
        items = [encode_elements(item, syntax) for item in value]
        return b"".join(struct.pack(f"{order}HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
    if isinstance(value, bytes):
        return value
    letters = {"US": "H", "UL": "I", "FL": "f", "FD": "d", "SS": "h", "AT": "I"}
    if vr in letters:
        return struct.pack(f"{order}{len(value)}{letters[vr]}", *value)
    return str(value).encode()


def describe_pixels(frames: NDArray[Any], stored: Stored) -> dict[int, Element]:
    """The elements of the image's pixels; frames (n_frames, height, width) or with 3 colours behind."""
    allocated = 8 if stored.bits <= 8 else 16
    kind = f"{'>' if stored.syntax == BIG_ENDIAN else '<'}{'i' if stored.is_signed else 'u'}{allocated // 8}"
    data = encapsulate(stored.codestreams) if stored.codestreams else frames.astype(kind).tobytes()
    found: dict[int, Element] = {
        0x00280002: ("US", [3 if frames.ndim == 4 else 1]),
        0x00280004: ("CS", stored.photometric),
        0x00280008: ("IS", frames.shape[0]),
        0x00280010: ("US", [frames.shape[1]]),
        0x00280011: ("US", [frames.shape[2]]),
        0x00280100: ("US", [allocated]),
        0x00280101: ("US", [stored.bits]),
        0x00280102: ("US", [stored.bits - 1]),
        0x00280103: ("US", [int(stored.is_signed)]),
        0x00280301: ("CS", "NO"),
        0x00282110: ("CS", "00"),
        PIXELS: ("OB" if allocated == 8 or stored.codestreams else "OW", data),
    }
    if frames.ndim == 4:
        found[0x00280006] = ("US", [0])
    else:
        found[0x20500020] = ("CS", "INVERSE" if stored.photometric == "MONOCHROME1" else "IDENTITY")
    return found


def code(value: str, scheme: str, meaning: str) -> dict[int, Element]:
    """An item of a code sequence."""
    return {0x00080100: ("SH", value), 0x00080102: ("SH", scheme), 0x00080104: ("LO", meaning)}


def describe_opt(n_frames: int) -> dict[int, Element]:
    """The elements of an Ophthalmic Tomography object besides its pixels."""
    return {
        0x00080005: ("CS", "ISO_IR 100"),
        0x00080008: ("CS", "ORIGINAL\\PRIMARY"),
        SOP_CLASS: ("UI", OPT),
        0x00080018: ("UI", f"{_ROOT}.4"),
        0x00080020: ("DA", "20240131"),
        0x00080023: ("DA", "20240131"),
        0x0008002A: ("DT", "20240131101500"),
        0x00080030: ("TM", "101000"),
        0x00080033: ("TM", "101600"),
        0x00080050: ("SH", ""),
        MODALITY: ("CS", "OPT"),
        0x00080070: ("LO", "Phantom Optics"),
        0x00080090: ("PN", ""),
        0x00081090: ("LO", "Layer One"),
        0x00082218: ("SQ", [code("81745001", "SCT", "Eye")]),
        0x00100010: ("PN", "Phantom^Eye"),
        0x00100020: ("LO", "P-0012"),
        0x00100030: ("DA", ""),
        0x00100040: ("CS", ""),
        0x00181000: ("LO", "17"),
        0x00181020: ("LO", "1.0"),
        0x0020000D: ("UI", f"{_ROOT}.2"),
        0x0020000E: ("UI", f"{_ROOT}.3"),
        0x00200010: ("SH", ""),
        0x00200011: ("IS", 1),
        0x00200013: ("IS", 1),
        0x00200052: ("UI", f"{_ROOT}.5"),
        0x00200200: ("UI", f"{_ROOT}.6"),
        IMAGE_LATERALITY: ("CS", "R"),
        0x00201040: ("LO", ""),
        0x00209221: ("SQ", [{0x00209164: ("UI", f"{_ROOT}.7")}]),
        0x00209222: (
            "SQ",
            [
                {
                    0x00209164: ("UI", f"{_ROOT}.7"),
                    0x00209165: ("AT", [0x90570020]),
                    0x00209167: ("AT", [0x91110020]),
                }
            ],
        ),
        **_describe_acquisition(),
        SHARED: ("SQ", [describe_shared()]),
        PER_FRAME: ("SQ", [describe_frame(number) for number in range(1, n_frames + 1)]),
    }


def _describe_acquisition() -> dict[int, Element]:
    """What the modules on the device, the eye and the scan pattern ask for, mostly empty."""
    return {
        0x0018106A: ("CS", "NO TRIGGER"),
        0x00181800: ("CS", "N"),
        0x00189073: ("FD", [1000.0]),
        0x00200012: ("IS", 1),
        0x00209162: ("US", [1]),
        0x00209163: ("US", [1]),
        0x00209228: ("UL", [0]),
        0x0022000A: ("FL", []),
        0x0022000B: ("FL", []),
        0x0022000C: ("FL", []),
        0x0022000D: ("CS", ""),
        0x00220015: ("SQ", [code("392012008", "SCT", "Optical Coherence Tomography Scanner")]),
        0x00220017: ("SQ", []),
        0x0022001B: ("SQ", []),
        0x00220030: ("FL", []),
        0x00187004: ("CS", "CCD"),
        0x00220035: ("FL", [10.0]),
        0x00400555: ("SQ", []),
    }


def describe_shared(spacing: str = "0.00387\\0.01158", distance: str = "0.123") -> dict[int, Element]:
    """The shared functional groups; spacing is that of rows, then of columns."""
    measures: dict[int, Element] = {
        0x00180050: ("DS", "0.01"),
        0x00180088: ("DS", distance),
        0x00280030: ("DS", spacing),
    }
    anatomy: dict[int, Element] = {
        0x00082218: ("SQ", [code("81745001", "SCT", "Eye")]),
        0x00209072: ("CS", "R"),
    }
    plane: dict[int, Element] = {0x00200037: ("DS", "1\\0\\0\\0\\1\\0")}
    return {0x00209071: ("SQ", [anatomy]), 0x00209116: ("SQ", [plane]), 0x00289110: ("SQ", [measures])}


def describe_frame(number: int) -> dict[int, Element]:
    """The functional groups of a frame; numbers begin at 1."""
    content: dict[int, Element] = {
        0x00189074: ("DT", "20240131101500"),
        0x00189151: ("DT", "20240131101500"),
        0x00189220: ("FD", [10.0]),
        0x00209056: ("SH", "1"),
        0x00209057: ("UL", [number]),
        0x00209157: ("UL", [number]),
    }
    plane: dict[int, Element] = {0x00200032: ("DS", f"0\\0\\{0.123 * (number - 1):.3f}")}
    return {0x00209111: ("SQ", [content]), 0x00209113: ("SQ", [plane])}


def encode_deflated_bomb(changes: Mapping[int, Element] | None = None) -> bytes:
    """An Ophthalmic Tomography object of some hundred kilobytes, deflated, that holds 300 MiB."""
    described: dict[int, Element] = {**describe_opt(1), **(changes or {})}
    deflater = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)
    bomb = deflater.compress(encode_elements(described, EXPLICIT))
    bomb += b"".join(deflater.compress(bytes(1 << 20)) for _ in range(300))
    return encode_meta(described, DEFLATED) + bomb + deflater.flush()
