"""Whatever a DICOM file does, it is read or refused with a reason, in little memory, and quotes nothing."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dicom_files
import imagecodecs
import jpeg_ls
import numpy as np
import pytest
from dicom_files import (
    PER_FRAME,
    PIXELS,
    SHARED,
    Element,
    Stored,
    encapsulate,
    encode_jpeg,
    encode_jpeg_2000,
    make_frames,
    write_opt,
)
from numpy.typing import NDArray
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom import DicomReader
from octcluster.images.readers.processes import look_into

READER = DicomReader()
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
Changes = dict[int, Element | None]


def refuse(path: Path) -> str:
    """The reason for which a file is refused: by look, or by read where look does not see it."""
    with pytest.raises(UnreadableImage) as raised:
        list(READER.read(path, range(1, len(READER.look(path).scans) + 1)))
    assert str(path) not in str(raised.value)
    return str(raised.value)


def encode_lossless_jpeg(frame: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(frame, lossless=True))


def write_compressed(path: Path, n_frames: int = 3, changes: Changes | None = None) -> Path:
    frames = make_frames(n_frames)
    codestreams = [encode_jpeg_2000(frame) for frame in frames]
    return write_opt(path, frames, Stored(dicom_files.JPEG_2000_LOSSLESS, codestreams=codestreams), changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({PIXELS: None}, "has no pixels"),
        ({0x00280010: None}, "has no Rows"),
        ({0x00280010: ("US", [0])}, "must be damaged"),
        ({0x00280008: ("IS", -3)}, "must be damaged"),
        ({0x00280008: ("IS", 2_000_000_000)}, "must be damaged"),
        ({0x00280008: ("IS", 4)}, "cut short: 4 frames"),
        ({0x00280010: ("US", [65535]), 0x00280011: ("US", [65535])}, "pixels, more than the limit"),
        ({0x00280100: None}, "has no BitsAllocated"),
        ({PIXELS: None, 0x7FE00008: ("OF", bytes(3 * 32 * 48 * 4))}, "floating-point"),
    ],
)
def test_header_that_does_not_fit_is_refused(tmp_path: Path, changes: Changes, reason: str) -> None:
    assert reason in refuse(write_opt(tmp_path / "v.dcm", make_frames(3), changes=changes))


def test_compressed_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    big = encode_jpeg_2000(make_frames(1, 64, 96)[0])
    good = encode_jpeg_2000(make_frames(1)[0])
    for codestreams in ([big, good], [good, big]):
        stored = Stored(dicom_files.JPEG_2000_LOSSLESS, codestreams=codestreams)
        reason = refuse(write_opt(tmp_path / "v.dcm", make_frames(2), stored))
        assert "a frame has 96x64 pixels of 1 values, and the DICOM header tells of 48x32 of 1" in reason


def test_compressed_frame_of_fewer_bits_is_refused(tmp_path: Path) -> None:
    # 8 bits in a range of 16 would be an image that is nearly black
    frames = make_frames(1)
    stored = Stored(dicom_files.JPEG_2000_LOSSLESS, 16, codestreams=[encode_jpeg_2000(frames[0])])
    assert "a frame has 8 bits a value, and the DICOM header tells of 16" in refuse(
        write_opt(tmp_path / "v.dcm", frames, stored)
    )


def test_values_beyond_the_stored_bits_are_refused(tmp_path: Path) -> None:
    frames = make_frames(1, bits=16)
    stored = Stored(dicom_files.JPEG_2000_LOSSLESS, 12, codestreams=[encode_jpeg_2000(frames[0])])
    assert "do not fit into the 12 bits" in refuse(write_opt(tmp_path / "v.dcm", frames, stored))


def test_missing_frames_are_told(tmp_path: Path) -> None:
    path = write_compressed(tmp_path / "v.dcm", changes={0x00280008: ("IS", 5)})
    assert "it tells of 5 frames, and 3 are there" in refuse(path)


def test_frame_cut_short_is_refused(tmp_path: Path) -> None:
    path = write_compressed(tmp_path / "v.dcm")
    path.write_bytes(path.read_bytes()[:-200])
    assert "damaged, for example cut short" in refuse(path)


@pytest.mark.parametrize("is_filled_up", [False, True])
@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (JPEG_BASELINE, encode_jpeg),
        ("1.2.840.10008.1.2.4.51", encode_jpeg),
        ("1.2.840.10008.1.2.4.70", encode_lossless_jpeg),
        ("1.2.840.10008.1.2.4.80", jpeg_ls.encode_array),
        (dicom_files.JPEG_2000_LOSSLESS, encode_jpeg_2000),
    ],
)
def test_frame_without_its_end_costs_only_itself(
    tmp_path: Path, syntax: str, encode: Callable[[Any], bytes], is_filled_up: bool
) -> None:
    frames = make_frames(3)
    codestreams = [bytes(encode(frame.astype(np.uint8))) for frame in frames]
    cut = codestreams[1][: len(codestreams[1]) // 2]
    codestreams[1] = cut + bytes(len(cut) if is_filled_up else 0)
    path = write_opt(tmp_path / "v.dcm", frames, Stored(syntax, codestreams=codestreams))
    assert len(READER.look(path).scans) == 3
    assert len(list(READER.read(path, [1, 3]))) == 2
    with pytest.raises(UnreadableImage):
        list(READER.read(path, [2]))


def test_fragments_without_a_table_are_refused(tmp_path: Path) -> None:
    codestream = encode_jpeg_2000(make_frames(1)[0])
    halves = [codestream[:400], codestream[400:]]
    changes: Changes = {PIXELS: ("OB", encapsulate([*halves, *halves, *halves, *halves], with_table=False))}
    assert "8 fragments for 3 frames" in refuse(write_compressed(tmp_path / "v.dcm", changes=changes))


def test_fragments_are_put_together_by_the_table(tmp_path: Path) -> None:
    codestreams = [encode_jpeg_2000(frame) for frame in make_frames(3)]
    pieces = [piece for stream in codestreams for piece in (stream[:400], stream[400:])]
    lengths = [8 + len(piece) + len(piece) % 2 for piece in pieces]
    offsets = [sum(lengths[: 2 * index]) for index in range(3)]
    table = struct.pack("<HHI3I", 0xFFFE, 0xE000, 12, *offsets)
    value = table + encapsulate(pieces, with_table=False)[8:]
    whole = write_compressed(tmp_path / "whole.dcm")
    cut = write_compressed(tmp_path / "cut.dcm", changes={PIXELS: ("OB", value)})
    assert list(READER.read(cut, [1, 2, 3])) == list(READER.read(whole, [1, 2, 3]))


def test_one_frame_in_many_fragments_is_read(tmp_path: Path) -> None:
    codestream = encode_jpeg_2000(make_frames(1)[0])
    pieces = [codestream[start : start + 100] for start in range(0, len(codestream), 100)]
    value = encapsulate(pieces, with_table=False)
    whole = write_compressed(tmp_path / "whole.dcm", 1)
    cut = write_compressed(tmp_path / "cut.dcm", 1, {PIXELS: ("OB", value)})
    assert list(READER.read(cut, [1])) == list(READER.read(whole, [1]))


@pytest.mark.parametrize("is_compressed", [True, False])
def test_frames_that_the_header_does_not_tell_of_are_warned_of(tmp_path: Path, is_compressed: bool) -> None:
    changes: Changes = {0x00280008: None, PER_FRAME: None}
    if is_compressed:
        path = write_compressed(tmp_path / "v.dcm", 3, changes)
    else:
        path = write_opt(tmp_path / "v.dcm", make_frames(3), changes=changes)
    found = READER.look(path)
    assert len(found.scans) == 1
    assert any("more frames than its header tells of" in warning for warning in found.warnings)
    (pixels,) = READER.read(path, [1])
    assert pixels.data == make_frames(3)[0].astype("u1").tobytes()


def scramble(codestream: bytes) -> bytes:
    """Bytes that are no codestream any more."""
    return bytes(byte ^ 0x5A for byte in codestream)


@pytest.mark.parametrize(
    ("maker", "reason"),
    [("Carl Zeiss Meditec", "as Zeiss devices write them for their own software: export it unscrambled"),
     ("Phantom Optics", "damaged or scrambled")],
)  # fmt: skip
def test_scrambled_pixels_are_refused_with_the_cure(tmp_path: Path, maker: str, reason: str) -> None:
    codestreams = [scramble(encode_jpeg_2000(frame)) for frame in make_frames(2)]
    stored = Stored(dicom_files.JPEG_2000_LOSSLESS, codestreams=codestreams)
    changes: Changes = {0x00080070: ("LO", maker)}
    path = write_opt(tmp_path / "v.dcm", make_frames(2), stored, changes)
    with pytest.raises(UnreadableImage, match=reason):
        READER.look(path)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.102", "1.2.826.0.1.19500101", ""])
def test_syntax_that_is_not_read_is_refused(tmp_path: Path, syntax: str) -> None:
    stored = Stored(syntax, codestreams=[b"\x00" * 100])
    reason = refuse(write_opt(tmp_path / "v.dcm", make_frames(1), stored))
    assert "export" in reason
    assert "19500101" not in reason


ITEM = b"\xfe\xff\x00\xe0" + bytes(4)
OPEN_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + b"\xfe\xff\x0d\xe0" + bytes(4)
DEEPER = b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x09\x00\x10\x10SQ\x00\x00\xff\xff\xff\xff"
OPEN = 0xFFFFFFFF
HEADERS_WITHOUT_END = [  # tag, value representation, length, value
    (PER_FRAME, b"SQ", None, ITEM * 300_000),
    (SHARED, b"SQ", None, OPEN_ITEM * 200_000),
    (SHARED, b"SQ", OPEN, OPEN_ITEM * 200_000),
    (SHARED, b"SQ", OPEN, DEEPER * 3000),
    (0x00091010, b"SQ", OPEN, OPEN_ITEM * 200_000),
    (0x00281050, b"UT", None, b"1\\" * 3_000_000),
    (0x00100020, b"UT", None, b"x" * 30_000_000),
]


def encode_header_without_end(tag: int, vr: bytes, length: int | None, value: bytes) -> bytes:
    described = dicom_files.describe_opt(1)
    before = {at: element for at, element in described.items() if at < tag}
    return (
        dicom_files.encode_meta(described, dicom_files.EXPLICIT)
        + dicom_files.encode_elements(before, dicom_files.EXPLICIT)
        + struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, len(value) if length is None else length)
        + value
    )


@pytest.mark.heavy
def test_bombs_are_refused_within_memory_and_time(tmp_path: Path) -> None:
    bombs = [encode_header_without_end(*header) for header in HEADERS_WITHOUT_END]
    paths = [tmp_path / f"{index}.dcm" for index in range(len(bombs) + 1)]
    for path, bomb in zip(paths, [*bombs, dicom_files.encode_deflated_bomb()], strict=True):
        path.write_bytes(bomb)
    assert paths[-1].stat().st_size < 1 << 20
    # in processes that may have 500 MB and 10 s for a file: the reader refuses before they do
    reasons = {position: str(found) for position, found in look_into(paths)}
    for position in range(len(bombs)):
        assert "the DICOM header has more than" in reasons[position] or "is damaged" in reasons[position]
        assert "of a kind that its reader does not know" not in reasons[position]
    assert "holds more than 256 MiB" in reasons[len(bombs)]


def describe_with_planted_words(word: str) -> dict[int, Element]:
    """The elements of an object that names somebody wherever a file can."""
    digits = "".join(str(ord(letter)) for letter in word)
    code = {**dicom_files.code(word, word, word), 0x00091001: ("LO", word)}
    frame = {**dicom_files.describe_frame(1), 0x00091002: ("SQ", [{0x00100010: ("PN", word)}])}
    return {
        **dicom_files.describe_opt(1),
        0x00080018: ("UI", f"1.2.826.{digits}.1"),
        0x00080050: ("SH", word),
        0x00080080: ("LO", word),
        0x00080090: ("PN", word),
        0x0008103E: ("LO", word),
        0x00081030: ("LO", word),
        0x00082218: ("SQ", [code]),
        0x00090010: ("LO", word),
        0x00091003: ("UN", word.encode()),
        0x00100010: ("PN", word),
        0x00100030: ("DA", "19431217"),
        0x00101000: ("LO", word),
        0x00101002: ("SQ", [{0x00100020: ("LO", word)}]),
        0x00104000: ("LT", word),
        0x0020000D: ("UI", f"1.2.826.{digits}.2"),
        0x0020000E: ("UI", f"1.2.826.{digits}.3"),
        0x00204000: ("LT", word),
        PER_FRAME: ("SQ", [frame]),
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {0x00281050: ("DS", "KERTESZ"), 0x00281051: ("DS", "KERTESZ")},
        {0x00280010: ("CS", "KERTESZ")},
        {0x00280004: ("CS", "KERTESZ")},
        {0x00281056: ("CS", "KERTESZ"), 0x00281050: ("DS", "1"), 0x00281051: ("DS", "9")},
        {0x00080005: ("CS", "KERTESZ")},
        {0x00080016: ("UI", "KERTESZ")},
        {0x00200062: ("CS", "KERTESZ"), 0x00080060: ("CS", "KERTESZ")},
        {0x00200013: ("IS", "KERTESZ")},
        {0x0008002A: ("DT", "KERTESZ")},
        {PIXELS: ("OB", b"KERTESZ")},
    ],
)
def test_nothing_but_facts_leaves_the_reader(
    tmp_path: Path,
    changes: Changes,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    word = "KERTESZ"
    digits = "".join(str(ord(letter)) for letter in word)
    stored = Stored()
    elements = {
        **describe_with_planted_words(word),
        **dicom_files.describe_pixels(make_frames(1), stored),
        **changes,
    }
    path = dicom_files.write_elements(tmp_path / "v.dcm", elements, stored)
    caplog.set_level(0)
    try:
        found = READER.look(path)
        told = [repr(found), *(repr(pixels) for pixels in READER.read(path, range(1, len(found.scans) + 1)))]
    except UnreadableImage as error:
        told = [str(error)]
    printed = capfd.readouterr()
    told += [printed.out, printed.err, caplog.text, *(str(warning.message) for warning in recwarn)]
    for text in told:
        assert not any(planted in text for planted in (word, digits, "19431217", "1943-12-17"))
