"""DICOM files made byte by byte: what is found in them, and their pixels one by one."""

import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dicom_files
import numpy as np
import pytest
from dicom_files import Element, Stored, encode_jpeg, make_frames, write_elements, write_opt
from dicom_values import read_values, to_array
from machine import dciodvfy, need
from numpy.typing import NDArray
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom import DicomReader
from octcluster.images.readers.reader import ScanFacts

READER = DicomReader()


def test_volume_tells_each_fact(tmp_path: Path) -> None:
    found = READER.look(write_opt(tmp_path / "volume.dcm", make_frames(3)))
    assert found.format == "DICOM"
    assert (dict(found.left_out), list(found.warnings)) == ({}, [])
    first = found.scans[0]
    assert first == ScanFacts(
        patient="P-0012",
        eye="OD",
        visit="2024-01-31",
        device="Phantom Optics Layer One",
        volume=first.volume,
        position=0,
        height=32,
        width=48,
        bits=8,
        axial_mm=0.00387,
        lateral_mm=0.01158,
        distance_mm=0.123,
    )
    assert [scan.position for scan in found.scans] == [0, 1, 2]
    assert {scan.volume for scan in found.scans} == {first.volume}


def test_frames_come_in_the_order_asked_for(tmp_path: Path) -> None:
    frames = make_frames(4)
    path = write_opt(tmp_path / "volume.dcm", frames)
    third, first = READER.read(path, [3, 1])
    np.testing.assert_array_equal(to_array(third), frames[2])
    np.testing.assert_array_equal(to_array(first), frames[0])


@pytest.mark.parametrize("codec", [None, encode_jpeg])
def test_one_frame_is_in_memory_at_a_time(
    tmp_path: Path, codec: Callable[[NDArray[Any]], bytes] | None
) -> None:
    n_frames, frame_bytes = 100, 256 * 512
    frames = np.tile(make_frames(1, 256, 512), (n_frames, 1, 1))
    codestreams = [codec(frames[0])] * n_frames if codec else []
    syntax = "1.2.840.10008.1.2.4.50" if codec else dicom_files.EXPLICIT
    path = write_opt(tmp_path / "v.dcm", frames, Stored(syntax, codestreams=codestreams))
    list(READER.read(path, [1]))  # imports
    tracemalloc.start()
    for _ in READER.read(path, range(1, n_frames + 1)):
        pass
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert highest < n_frames * frame_bytes / 4


@pytest.mark.parametrize("syntax", [dicom_files.IMPLICIT, dicom_files.EXPLICIT, dicom_files.BIG_ENDIAN])
def test_file_without_preamble_is_read(tmp_path: Path, syntax: str) -> None:
    frames = make_frames(2)
    stored = Stored(syntax)
    elements = {**dicom_files.describe_opt(2), **dicom_files.describe_pixels(frames, stored)}
    path = write_elements(tmp_path / "no ending", elements, stored, preamble=False)
    assert READER.recognises(path.read_bytes()[:16384])
    np.testing.assert_array_equal(read_values(path), frames)


def test_file_with_meta_information_but_no_preamble_is_read(tmp_path: Path) -> None:
    path = write_opt(tmp_path / "v", make_frames(2))
    path.write_bytes(path.read_bytes()[132:])
    assert READER.recognises(path.read_bytes()[:16384])
    np.testing.assert_array_equal(read_values(path), make_frames(2))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"II*\x00" + bytes(200),
        b"HSF-OCT-103" + bytes(2000),
        b"CMDb" + bytes(2000),
        b"FOCT" + bytes(2000),
        b"<?xml version='1.0'?>" + b" " * 200,
        bytes(16384),
        b"\x08\x00" * 8192,
        bytes(range(256)) * 64,
    ],
)
def test_other_formats_are_not_recognised(head: bytes) -> None:
    assert not READER.recognises(head)


def find_faults(path: Path) -> list[str]:
    """What dciodvfy finds, without what it finds in every Ophthalmic Tomography object.

    The standard wants each to be number 1 of 1 of a concatenation (C.8.17.7). dciodvfy wants that too,
    and by its general rule for concatenations forbids it.
    """
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True).stderr.splitlines()
    assert "OphthalmicTomographyImage" in said
    return [line for line in said if line.startswith("Error") and "oncatenation" not in line]


def test_validator_finds_no_fault(tmp_path: Path) -> None:
    need(dciodvfy(), "dciodvfy", "apt-get install dicom3tools")
    for bits, photometric in ((8, "MONOCHROME2"), (16, "MONOCHROME2")):
        stored = Stored(bits=bits, photometric=photometric)
        assert find_faults(write_opt(tmp_path / "volume.dcm", make_frames(2, bits=bits), stored)) == []
    without_spacing: dict[int, Element | None] = {dicom_files.SHARED: ("SQ", [{}])}
    assert find_faults(write_opt(tmp_path / "volume.dcm", make_frames(2), changes=without_spacing))


def test_short_file_is_refused(tmp_path: Path) -> None:
    path = write_opt(tmp_path / "volume.dcm", make_frames(3))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        UnreadableImage, match=r"cut short: 3 frames of 48x32 pixels have 4,608 bytes, and 4,508"
    ):
        READER.look(path)
