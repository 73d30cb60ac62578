"""Heidelberg VOL: a real file and built ones, held against what eyepy reads and what was written."""

import struct
from pathlib import Path

import numpy as np
import pytest
import vendor_files
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.heidelberg.vol import HeidelbergVolReader, to_grey
from octcluster.images.readers.reader import Pixels
from PIL import Image
from vendor_files import as_array, random_volume, vol_bytes

READER = HeidelbergVolReader()
REAL = vendor_files.real_vol()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def read_all(path: Path) -> list[Pixels]:
    return list(READER.read(path, range(1, len(READER.look(path).scans) + 1)))


def test_scans_of_a_volume_are_those_that_were_written(tmp_path: Path) -> None:
    volume = random_volume((7, 30, 40))
    path = write(tmp_path / "volume.vol", vol_bytes(volume))
    assert READER.recognises(path.read_bytes()[:16384])
    assert np.array_equal([as_array(pixels) for pixels in read_all(path)], volume)
    some = list(READER.read(path, [7, 2]))
    assert np.array_equal([as_array(pixels) for pixels in some], volume[[6, 1]])


def test_header_tells_facts(tmp_path: Path) -> None:
    data = vol_bytes(random_volume((3, 30, 40)), patient="Study-9")
    source = READER.look(write(tmp_path / "volume.vol", data))
    facts = source.scans[1]
    assert (facts.patient, facts.eye, facts.visit) == ("Study-9", "OS", "2024-01-31")
    assert (facts.height, facts.width, facts.bits, facts.position) == (30, 40, 32, 1)
    assert (facts.axial_mm, facts.lateral_mm, facts.distance_mm) == (0.00387, 0.0116, 0.123)
    assert len({scan.volume for scan in source.scans}) == 1
    assert source.left_out == {"fundus image": 1}
    assert source.warnings == []


def test_eye_that_is_not_told_is_unknown(tmp_path: Path) -> None:
    data = bytearray(vol_bytes(random_volume((3, 30, 40))))
    data[84:88] = bytes(4)
    source = READER.look(write(tmp_path / "volume.vol", bytes(data)))
    assert source.scans[0].eye is None
    assert "which eye" in source.warnings[0]


def test_two_volumes_with_the_same_header_are_two(tmp_path: Path) -> None:
    first, second = (
        READER.look(write(tmp_path / f"{seed}.vol", vol_bytes(random_volume((3, 30, 40), seed))))
        for seed in (1, 2)
    )
    assert first.scans[0].volume != second.scans[0].volume


@pytest.mark.skipif(REAL is None, reason="needs ../shared/vendor: real files of devices")
def test_real_file_is_read_as_eyepy_reads_it() -> None:
    from eyepy.core.utils import from_vol_intensity
    from eyepy.io.he.vol_reader import HeVolReader

    assert REAL is not None
    [facts] = READER.look(REAL).scans
    assert (facts.height, facts.width, facts.eye, facts.visit) == (496, 768, "OD", "2011-11-09")
    assert facts.axial_mm == pytest.approx(0.00387, abs=1e-5)
    assert facts.patient is None
    [pixels] = read_all(REAL)
    expected = from_vol_intensity(np.array(HeVolReader(REAL).parsed_file.bscans[0].data))
    difference = np.abs(as_array(pixels).astype(int) - expected)
    # eyepy rounds logarithms of 32 bits, which may fall to either side of a limit between two greys.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001


@pytest.mark.skipif(REAL is None, reason="needs ../shared/vendor: real files of devices")
def test_numbers_of_a_real_file_have_the_fractions_of_e2e() -> None:
    assert REAL is not None
    numbers = np.frombuffer(REAL.read_bytes()[-768 * 496 * 4 :], "<u4")
    assert not (numbers & (2**13 - 1)).any()


def test_greys_are_those_of_the_formula() -> None:
    reflectivity = np.array([0, 0.000244, 0.01, 0.25, 0.985, 1], np.float32)
    expected = np.clip((np.log(reflectivity.astype(float) + 0.000244) + 8.3) / 8.285, 0, 1) * 255
    assert to_grey(reflectivity).tolist() == np.rint(expected).tolist()


def test_pixels_outside_the_scan_and_no_numbers_are_black() -> None:
    invalid = np.array([3.4028235e38, 3.4e38, np.nan, np.inf, -np.inf], np.float32)
    assert to_grey(np.append(invalid, np.float32(0.985))).tolist() == [0, 0, 0, 0, 0, 255]
    assert to_grey(invalid).tolist() == [0] * 5


def test_greys_in_place_of_reflectivity_are_kept() -> None:
    assert to_grey(np.array([0, 3, 254, 255], np.float32)).tolist() == [0, 3, 254, 255]


@pytest.mark.parametrize("value", [1.5, 300.0, 1e20])
def test_values_that_are_no_reflectivity_are_refused(value: float) -> None:
    with pytest.raises(UnreadableImage, match=r"no reflectivity.*export the volume again"):
        to_grey(np.array([0.5, value], np.float32))


def test_dummy_volume_equals_its_xml_export() -> None:
    for number, pixels in enumerate(read_all(vendor_files.DUMMY_VOL), start=1):
        with Image.open(vendor_files.HEYEX / f"B{number}.tif") as image:
            assert np.array_equal(as_array(pixels), np.asarray(image))


@pytest.mark.parametrize(("missing_bytes", "found"), [(1, 4), (30 * 40 * 4, 4), (20_000, 2)])
def test_lost_scans_are_told(tmp_path: Path, missing_bytes: int, found: int) -> None:
    data = vol_bytes(random_volume((5, 30, 40)))
    path = write(tmp_path / "volume.vol", data[:-missing_bytes])
    source = READER.look(path)
    assert len(source.scans) == len(read_all(path)) == found
    [warning] = source.warnings
    assert warning.startswith(f"{5 - found} of 5 B-scans are missing")


@pytest.mark.parametrize(
    ("place", "value"),
    [(12, 0), (12, 2**31), (16, 0), (16, 2**32 - 1), (20, 2**32 - 1), (48, 2**32 - 1)],
    ids=["no width", "vast width", "no scans", "vast number", "vast height", "vast fundus image"],
)
def test_impossible_headers_are_refused(tmp_path: Path, place: int, value: int) -> None:
    data = bytearray(vol_bytes(random_volume((2, 30, 40))))
    struct.pack_into("<I", data, place, value)
    path = write(tmp_path / "volume.vol", bytes(data))
    with pytest.raises(UnreadableImage, match=r"export|copy"):
        READER.look(path)


def test_scan_that_does_not_begin_where_it_should_is_refused(tmp_path: Path) -> None:
    data = bytearray(vol_bytes(random_volume((2, 30, 40))))
    struct.pack_into("<I", data, 48, 20)  # a narrower fundus image
    with pytest.raises(UnreadableImage, match="damaged"):
        READER.look(write(tmp_path / "volume.vol", bytes(data)))


def test_file_that_was_cut_in_its_header_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "volume.vol", vol_bytes(random_volume((2, 30, 40)))[:1000])
    with pytest.raises(UnreadableImage, match="cut short"):
        READER.look(path)
    with pytest.raises(UnreadableImage, match="cut short"):
        list(READER.read(path, [1]))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="cannot be read"):
        READER.look(tmp_path / "volume.vol")


def test_scan_that_a_changed_file_does_not_hold_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "volume.vol", vol_bytes(random_volume((2, 30, 40))))
    with pytest.raises(UnreadableImage, match="it has changed"):
        list(READER.read(path, [3]))


def test_nothing_else_of_the_header_leaves_the_reader(tmp_path: Path) -> None:
    data = bytearray(vol_bytes(random_volume((2, 30, 40))))
    planted = {104: b"PLANTED-SERIES", 120: b"PLANTED-REF", 176: b"PLANTED-VISIT", 224: b"PLANTED-PROGRESS"}
    for place, text in planted.items():
        data[place : place + len(text)] = text
    struct.pack_into("<d", data, 164, 29221.0)  # born on 1980-01-01
    struct.pack_into("<I", data, 136, 777001)
    told = repr(READER.look(write(tmp_path / "volume.vol", bytes(data))))
    assert not [word for word in ("PLANTED", "1980", "29221", "777001", str(tmp_path)) if word in told]
