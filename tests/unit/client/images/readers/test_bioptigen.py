"""Bioptigen OCT, built from OCT-Converter's structures and held against what OCT-Converter reads."""

import struct
from pathlib import Path

import numpy as np
import pytest
from bioptigen_files import bioptigen_bytes, random_frames
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.bioptigen import BioptigenReader
from octcluster.images.readers.reader import Pixels
from vendor_files import as_array

READER = BioptigenReader()
pytestmark = pytest.mark.heavy  # OCT-Converter takes seconds to import


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
