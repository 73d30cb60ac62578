"""Topcon FDA and FDS, built from OCT-Converter's structures: no real file is known.

OCT-Converter 0.7.0 itself cannot read them with NumPy 2.3 and newer, so what was written is compared.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.reader import Pixels
from octcluster.images.readers.topcon import TopconReader
from topcon_files import compressed_chunk, facts, random_scans, raw_chunk, topcon_bytes
from vendor_files import as_array

READER = TopconReader()
pytestmark = pytest.mark.heavy  # OCT-Converter takes seconds to import


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def read_all(path: Path) -> list[Pixels]:
    return list(READER.read(path, range(1, len(READER.look(path).scans) + 1)))


@pytest.mark.parametrize(
    ("name", "dtype", "build"),
    [
        ("IMG_JPEG", np.uint8, compressed_chunk),
        ("IMG_JPEG", np.uint16, compressed_chunk),
        ("IMG_SCAN_03", np.uint16, raw_chunk),
        ("IMG_MOT_COMP_03", np.uint16, raw_chunk),
        ("IMG_SCAN_03", np.uint8, raw_chunk),
    ],
)
def test_scans_are_those_that_were_written(tmp_path: Path, name: str, dtype: Any, build: Any) -> None:
    volume = random_scans(dtype)
    path = write(tmp_path / "a.fda", topcon_bytes(facts() | {name: build(volume)}))
    assert READER.recognises(path.read_bytes()[:16384])
    found = read_all(path)
    assert {pixels.bits for pixels in found} == {8 * np.dtype(dtype).itemsize}
    assert np.array_equal([as_array(pixels) for pixels in found], volume)
    [third, first] = READER.read(path, [3, 1])
    assert np.array_equal([as_array(third), as_array(first)], volume[[2, 0]])


@pytest.mark.parametrize(("kind", "name"), [("FDA", "IMG_JPEG"), ("FDS", "IMG_SCAN_03")])
def test_chunks_tell_facts(tmp_path: Path, kind: str, name: str) -> None:
    scans = (
        compressed_chunk(random_scans(np.uint8)) if name == "IMG_JPEG" else raw_chunk(random_scans(np.uint16))
    )
    chunks = facts(patient="Study-9") | {
        name: scans,
        "IMG_FUNDUS": b"",
        "IMG_PROJECTION": b"",
        "THUMBNAIL": b"",
    }
    source = READER.look(write(tmp_path / "a", topcon_bytes(chunks, kind)))
    told = source.scans[3]
    assert (told.patient, told.eye, told.visit) == ("Study-9", "OS", "2024-01-31")
    assert (told.device, told.position, told.height, told.width) == ("Topcon 3DOCT-2000", 3, 30, 40)
    assert told.axial_mm == pytest.approx(0.0026)
    assert told.lateral_mm == pytest.approx(6 / 40)
    assert told.distance_mm == pytest.approx(7 / 4)
    assert source.left_out == {"fundus image": 1, "other image": 1}
    assert source.warnings == []


def test_compressed_scans_go_before_their_corrected_copy(tmp_path: Path) -> None:
    volume = random_scans(np.uint8)
    chunks = {"IMG_MOT_COMP_03": raw_chunk(random_scans(np.uint16)), "IMG_JPEG": compressed_chunk(volume)}
    path = write(tmp_path / "a.fda", topcon_bytes(facts() | chunks))
    assert READER.look(path).left_out == {"copy of the volume": 1}
    assert np.array_equal([as_array(pixels) for pixels in read_all(path)], volume)


def test_facts_that_are_missing_are_unknown(tmp_path: Path) -> None:
    chunks = {"IMG_SCAN_03": raw_chunk(random_scans(np.uint16))}
    source = READER.look(write(tmp_path / "a.fds", topcon_bytes(chunks)))
    told = source.scans[0]
    assert (told.patient, told.eye, told.visit, told.device) == (None, None, None, "Topcon")
    assert (told.axial_mm, told.lateral_mm, told.distance_mm) == (None, None, None)
    assert "which eye" in source.warnings[0]


@pytest.mark.parametrize("eye", [2, 255])
def test_eye_that_is_neither_is_unknown(tmp_path: Path, eye: int) -> None:
    chunks = facts(eye=eye) | {"IMG_SCAN_03": raw_chunk(random_scans(np.uint16))}
    assert READER.look(write(tmp_path / "a.fds", topcon_bytes(chunks))).scans[0].eye is None


@pytest.mark.parametrize("build", [raw_chunk, compressed_chunk])
def test_lost_scans_are_told(tmp_path: Path, build: Any) -> None:
    name = "IMG_SCAN_03" if build is raw_chunk else "IMG_JPEG"
    volume = random_scans(np.uint16)
    promised = write(tmp_path / "a.fds", topcon_bytes(facts() | {name: build(volume, promised=5)}))
    cut = write(tmp_path / "b.fds", topcon_bytes(facts() | {name: build(volume)})[:-100])
    for path, lost, all_scans in ((promised, 1, 5), (cut, 1, 4)):
        source = READER.look(path)
        assert len(source.scans) == len(read_all(path)) == all_scans - lost
        assert source.warnings[0].startswith(f"{lost} of {all_scans} B-scans are missing")


def test_file_without_scans_that_can_be_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fda", topcon_bytes(facts() | {"IMG_SCAN_02": bytes(1000)}))
    with pytest.raises(UnreadableImage, match="export them as DICOM"):
        READER.look(path)


def test_header_that_promises_too_much_is_refused(tmp_path: Path) -> None:
    chunk = bytearray(raw_chunk(random_scans(np.uint16)))
    struct.pack_into("<2I", chunk, 1, 2**31, 2**31)
    path = write(tmp_path / "a.fds", topcon_bytes(facts() | {"IMG_SCAN_03": bytes(chunk)}))
    with pytest.raises(UnreadableImage, match="impossible"):
        READER.look(path)
    struct.pack_into("<3I", chunk, 1, 40, 30, 12)
    with pytest.raises(UnreadableImage, match="12 bits"):
        READER.look(write(path, topcon_bytes(facts() | {"IMG_SCAN_03": bytes(chunk)})))


def test_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    chunk = bytearray(compressed_chunk(random_scans(np.uint8)))
    struct.pack_into("<I", chunk, 9, 41)
    path = write(tmp_path / "a.fda", topcon_bytes(facts() | {"IMG_JPEG": bytes(chunk)}))
    with pytest.raises(UnreadableImage, match="damaged"):
        read_all(path)


def test_names_and_births_do_not_leave_the_reader(tmp_path: Path) -> None:
    data = topcon_bytes(facts() | {"IMG_SCAN_03": raw_chunk(random_scans(np.uint16))})
    assert b"PLANTED" in data
    told = repr(READER.look(write(tmp_path / "a.fds", data)))
    assert not [word for word in ("PLANTED", "1980", str(tmp_path)) if word in told]
