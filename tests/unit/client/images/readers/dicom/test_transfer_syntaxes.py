"""Each transfer syntax: frames that other programs than the reader's have compressed."""

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import dicom_files
import imagecodecs
import numpy as np
import pytest
from dicom_files import Stored, encode_jpeg_2000, make_frames, write_opt
from dicom_values import read_values
from machine import need
from numpy.typing import NDArray
from PIL import Image

BASELINE, EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
LOSSLESS = {  # by syntax: what compresses an uncompressed file
    "1.2.840.10008.1.2.5": ["dcmcrle"],
    "1.2.840.10008.1.2.4.57": ["dcmcjpeg", "+el"],
    "1.2.840.10008.1.2.4.70": ["dcmcjpeg", "+e1"],
    "1.2.840.10008.1.2.4.80": ["dcmcjpls"],
}
LOSSY = {  # by syntax: what compresses, what decompresses again, bits, and how far two decoders may differ
    BASELINE: (["dcmcjpeg", "+eb"], ["dcmdjpeg"], 8, 1),
    EXTENDED: (["dcmcjpeg", "+ee"], ["dcmdjpeg"], 12, 1),
    "1.2.840.10008.1.2.4.81": (["dcmcjpls", "+en", "+md", "3"], ["dcmdjpls"], 8, 0),
}


def convert(program: list[str], path: Path) -> Path:
    """Runs a program of dcmtk on a file; returns the file that it makes."""
    need(shutil.which(program[0]), program[0], "apt-get install dcmtk")
    target = path.with_name(f"{path.stem}-{program[0]}.dcm")
    subprocess.run([*program, str(path), str(target)], check=True, capture_output=True)
    return target


def expect(frames: NDArray[Any], bits: int, photometric: str) -> NDArray[Any]:
    """The greys that stored values mean: 0 is black, the largest that the bits can hold is white."""
    grey = frames if bits in (8, 16) else np.rint(frames / (2**bits - 1) * 65535).astype(np.uint16)
    return (255 if bits == 8 else 65535) - grey if photometric == "MONOCHROME1" else grey


def syntax_of(path: Path) -> str:
    """The transfer syntax in a file's meta information."""
    head = path.read_bytes()[:1024]
    at = head.index(b"\x02\x00\x10\x00UI")
    return head[at + 8 : at + 8 + int.from_bytes(head[at + 6 : at + 8], "little")].rstrip(b"\0").decode()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("syntax", sorted(LOSSLESS))
def test_lossless_frames_are_those_written(tmp_path: Path, syntax: str, bits: int, photometric: str) -> None:
    frames = make_frames(3, bits=bits)
    plain = write_opt(tmp_path / "plain.dcm", frames, Stored(bits=bits, photometric=photometric))
    path = convert(LOSSLESS[syntax], plain)
    assert syntax_of(path) == syntax
    np.testing.assert_array_equal(read_values(path), expect(frames, bits, photometric))


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("syntax", sorted(LOSSLESS))
def test_signed_frames_are_those_written(tmp_path: Path, syntax: str, bits: int) -> None:
    frames = make_frames(3, bits=bits)
    signed = frames.astype(np.int32) - 2 ** (bits - 1)
    plain = write_opt(tmp_path / "plain.dcm", signed, Stored(bits=bits, is_signed=True))
    found = read_values(convert(LOSSLESS[syntax], plain))
    np.testing.assert_array_equal(found, expect(frames, bits, "MONOCHROME2"))


def test_colour_of_a_jpeg_becomes_grey_as_pillow_makes_it(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    colours = np.rint(smooth(random.integers(0, 256, (3, 32, 48)))).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(np.moveaxis(colours, 0, 2)).save(stream, "JPEG", quality=95)
    stored = Stored(BASELINE, photometric="YBR_FULL_422", codestreams=[stream.getvalue()])
    path = write_opt(tmp_path / "v.dcm", np.zeros((1, 32, 48, 3), np.uint8), stored)
    expected = np.asarray(Image.open(stream).convert("L"))
    assert np.abs(read_values(path)[0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize(
    "syntax", [dicom_files.IMPLICIT, dicom_files.EXPLICIT, dicom_files.BIG_ENDIAN, dicom_files.DEFLATED]
)
def test_uncompressed_frames_are_those_written(
    tmp_path: Path, syntax: str, bits: int, photometric: str
) -> None:
    frames = make_frames(3, height=31, width=47, bits=bits)
    path = write_opt(tmp_path / "plain.dcm", frames, Stored(syntax, bits, photometric=photometric))
    assert syntax_of(path) == syntax
    np.testing.assert_array_equal(read_values(path), expect(frames, bits, photometric))


def test_big_endian_bytes_in_words_are_those_written(tmp_path: Path) -> None:
    frames = make_frames(3)
    words = np.frombuffer(frames.astype(np.uint8).tobytes(), np.uint16).byteswap().tobytes()
    stored = Stored(dicom_files.BIG_ENDIAN)
    path = write_opt(tmp_path / "v.dcm", frames, stored, {dicom_files.PIXELS: ("OW", words)})
    np.testing.assert_array_equal(read_values(path), frames)


@pytest.mark.parametrize("syntax", sorted(LOSSY))
def test_lossy_frames_are_those_of_the_other_decoder(tmp_path: Path, syntax: str) -> None:
    compress, decompress, bits, tolerance = LOSSY[syntax]
    frames = smooth(make_frames(3, 64, 96, bits))
    path = convert(compress, write_opt(tmp_path / "plain.dcm", frames, Stored(bits=bits)))
    assert syntax_of(path) == syntax
    back = convert(decompress, path)
    difference = read_stored(path, bits) - read_stored(back, bits)
    assert np.abs(difference).max() <= tolerance
    # dcmcjpeg shifts the values that it compresses, as it says in the header, so their differences count
    assert np.corrcoef(read_stored(path, bits).ravel(), frames.ravel())[0, 1] > 0.99


def smooth(frames: NDArray[Any]) -> NDArray[Any]:
    """Frames without noise, which no lossy compression keeps."""
    for axis in (1, 2):
        frames = np.mean([np.roll(frames, step, axis) for step in range(8)], axis=0)
    smoothed: NDArray[Any] = np.rint(frames).astype(np.uint16)
    return smoothed


def read_stored(path: Path, bits: int) -> NDArray[Any]:
    """The stored values that the greys of a file stand for."""
    found = read_values(path)
    stored: NDArray[Any] = np.rint(found * ((2**bits - 1) / (255 if bits == 8 else 65535))).astype(np.int32)
    return stored


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("is_lossless", [True, False])
def test_jpeg_2000_frames_are_those_of_pillow(tmp_path: Path, bits: int, is_lossless: bool) -> None:
    frames = make_frames(3, 64, 96, 8 if bits == 8 else 16)
    codestreams = [encode_jpeg_2000(frame, is_lossless=is_lossless) for frame in frames]
    syntax = dicom_files.JPEG_2000_LOSSLESS if is_lossless else JPEG_2000
    stored = Stored(syntax, 8 if bits == 8 else 16, codestreams=codestreams)
    found = read_values(write_opt(tmp_path / "volume.dcm", frames, stored))
    decoded = np.stack([np.asarray(Image.open(io.BytesIO(codestream))) for codestream in codestreams])
    np.testing.assert_array_equal(found, decoded)
    assert (decoded == frames).all() == is_lossless


@pytest.mark.parametrize("bits", [8, 16])
def test_high_throughput_jpeg_2000_frames_are_those_written(tmp_path: Path, bits: int) -> None:
    frames = make_frames(3, 64, 96, bits)
    kind = np.uint8 if bits == 8 else np.uint16
    codestreams = [bytes(imagecodecs.htj2k_encode(frame.astype(kind), reversible=True)) for frame in frames]
    stored = Stored("1.2.840.10008.1.2.4.201", bits, codestreams=codestreams)
    np.testing.assert_array_equal(read_values(write_opt(tmp_path / "v.dcm", frames, stored)), frames)
