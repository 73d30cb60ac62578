"""Bioptigen OCT, built from OCT-Converter's structures and held against what OCT-Converter reads."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.bioptigen import BioptigenReader
from octcluster.images.readers.reader import Pixels
from vendor_files import as_array

READER = BioptigenReader()
pytestmark = pytest.mark.heavy  # OCT-Converter takes seconds to import


def random_frames(shape: tuple[int, int, int] = (5, 30, 40)) -> NDArray[np.uint16]:
    """Noise, shape (frames, height, width)."""
    return np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)


def field(structure: Any, key: str, value: Any, count: int) -> Any:
    return structure.build({"keylength": len(key), "key": key, "dataLength": count, "value": value})


def bioptigen_bytes(frames: NDArray[np.uint16], promised: int | None = None) -> bytes:
    """A file of these frames, taken on 2024-01-31."""
    from oct_converter.readers.binary_structs import boct_binary as boct

    scans, height, width = frames.shape
    empty = struct.pack("<I", 0)
    numbers = {
        "FRAMECOUNT": promised or scans, "LINECOUNT": width, "LINELENGTH": height, "SAMPLEFORMAT": 1,
    }  # fmt: skip
    after = {"SCANS": 1, "FRAMES": scans, "DOPPLERFLAG": 0, "CONFIG": 0}
    reals = ("SCANDEPTH", "SCANLENGTH", "AZSCANLENGTH", "ELSCANLENGTH", "OBJECTDISTANCE", "SCANANGLE")
    header = struct.pack("<IH", 0x0C7DA8C9, 266)
    header += boct.headerField.build({"keylength": 11, "key": "FRAMEHEADER", "dataLength": 500})
    header += b"".join(field(boct.intField, key, value, 4) for key, value in numbers.items())
    header += field(boct.strField, "DESCRIPTION", "PLANTED", 7)
    for axis in ("X", "Y"):
        header += field(boct.floatField, f"{axis}MIN", 0.0, 8) + field(boct.floatField, f"{axis}MAX", 1.0, 8)
        header += field(boct.strField, f"{axis}CAPTION", "mm", 2)
    header += field(boct.intField, "SCANTYPE", 1, 4)
    header += b"".join(field(boct.floatField, key, 2.0, 8) for key in reals)
    header += b"".join(field(boct.intField, key, value, 4) for key, value in after.items()) + empty
    day = {
        "year": 2024, "month": 1, "dow": 3, "day": 31, "hour": 12, "minute": 0, "second": 0, "millisecond": 0,
    }  # fmt: skip
    body = b""
    for pixels in frames:
        body += boct.headerField.build(
            {"keylength": 9, "key": "FRAMEDATA", "dataLength": 100 + pixels.nbytes}
        )
        body += field(boct.dateField, "FRAMEDATETIME", day, 16)
        body += field(boct.floatField, "FRAMETIMESTAMP", 1.0, 8) + field(
            boct.intField, "FRAMELINES", width, 4
        )
        body += struct.pack("<I12sI", 12, b"FRAMESAMPLES", pixels.nbytes)
        body += np.ascontiguousarray(pixels.T).astype("<u2").tobytes() + empty
    return bytes(header + body)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def read_all(path: Path) -> list[Pixels]:
    return list(READER.read(path, range(1, len(READER.look(path).scans) + 1)))


def test_frames_are_those_that_were_written_and_that_oct_converter_reads(tmp_path: Path) -> None:
    from oct_converter.readers import BOCT

    frames = random_frames()
    path = write(tmp_path / "a.OCT", bioptigen_bytes(frames))
    assert READER.recognises(path.read_bytes()[:16384])
    assert np.array_equal([as_array(pixels) for pixels in read_all(path)], frames)
    # OCT-Converter gives each scan column by column, and calls scans of one place volumes.
    expected = [volume.volume[0].T for volume in BOCT(path).read_oct_volume()]
    assert np.array_equal(expected, frames)
    [fourth, first] = READER.read(path, [4, 1])
    assert np.array_equal([as_array(fourth), as_array(first)], frames[[3, 0]])


def test_facts_and_what_the_format_does_not_tell(tmp_path: Path) -> None:
    source = READER.look(write(tmp_path / "a.OCT", bioptigen_bytes(random_frames())))
    facts = source.scans[2]
    assert (facts.patient, facts.eye, facts.visit, facts.position) == (None, None, "2024-01-31", 2)
    assert (facts.height, facts.width, facts.bits, facts.device) == (30, 40, 16, "Bioptigen")
    [warning] = source.warnings
    assert "neither patient nor eye" in warning
    assert "PLANTED" not in repr(source)


@pytest.mark.parametrize("cut", [None, 100])
def test_lost_frames_are_told(tmp_path: Path, cut: int | None) -> None:
    data = bioptigen_bytes(random_frames(), promised=5 if cut else 6)
    path = write(tmp_path / "a.OCT", data[:-cut] if cut else data)
    source = READER.look(path)
    assert len(source.scans) == len(read_all(path)) == (4 if cut else 5)
    assert source.warnings[0].startswith(f"1 of {5 if cut else 6} B-scans are missing")


def test_frames_of_several_sizes_are_refused(tmp_path: Path) -> None:
    data = bytearray(bioptigen_bytes(random_frames()))
    place = data.rindex(b"FRAMELINES") + len(b"FRAMELINES") + 4
    struct.pack_into("<I", data, place, 41)
    with pytest.raises(UnreadableImage, match="several sizes"):
        READER.look(write(tmp_path / "a.OCT", bytes(data)))


@pytest.mark.parametrize("key", [b"LINELENGTH", b"FRAMECOUNT"])
def test_impossible_sizes_are_refused(tmp_path: Path, key: bytes) -> None:
    data = bytearray(bioptigen_bytes(random_frames()))
    struct.pack_into("<I", data, data.index(key) + len(key) + 4, 2**31)
    with pytest.raises(UnreadableImage, match=r"damaged|impossible"):
        READER.look(write(tmp_path / "a.OCT", bytes(data)))


def test_file_without_frames_is_refused(tmp_path: Path) -> None:
    data = bioptigen_bytes(random_frames())
    with pytest.raises(UnreadableImage, match="cut short"):
        READER.look(write(tmp_path / "a.OCT", data[: data.index(b"FRAMEDATA")]))
