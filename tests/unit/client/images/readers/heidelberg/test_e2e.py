"""Heidelberg E2E, built from eyepy's structures and held against what eyepy reads: no real file is known."""

import struct
from pathlib import Path

import numpy as np
import pytest
from e2e_files import Volume, e2e_bytes
from numpy.typing import NDArray
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.heidelberg.e2e import HeidelbergE2eReader
from octcluster.images.readers.heidelberg.vol import to_grey
from octcluster.images.readers.reader import Pixels
from vendor_files import as_array

READER = HeidelbergE2eReader()
SHAPE = (5, 30, 40)


def random_pixels(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> NDArray[np.uint16]:
    """Reflectivity from 0.0001 to 1, as E2E stores it."""
    return np.random.default_rng(seed).integers(50 << 10, 63 << 10, shape, dtype=np.uint16)


def expected_greys(stored: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """What VOL would show: the fraction has 10 bits, the exponent 6."""
    value = (1 + (stored & 1023) / 1024) * 2.0 ** ((stored >> 10).astype(int) - 63)
    greys: NDArray[np.uint8] = to_grey(value.astype(np.float32))
    return greys


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def read_all(path: Path) -> list[Pixels]:
    return list(READER.read(path, range(1, len(READER.look(path).scans) + 1)))


@pytest.mark.parametrize("multiple", [False, True])
def test_scans_of_all_volumes_are_read(tmp_path: Path, multiple: bool) -> None:
    right, left = random_pixels(), random_pixels((3, 20, 24), seed=1)
    path = write(tmp_path / "a.e2e", e2e_bytes([Volume(right, "R"), Volume(left, "L")], multiple=multiple))
    assert READER.recognises(path.read_bytes()[:16384])
    source = READER.look(path)
    assert [scan.eye for scan in source.scans] == ["OD"] * 5 + ["OS"] * 3
    assert [scan.position for scan in source.scans] == [0, 1, 2, 3, 4, 0, 1, 2]
    assert len({scan.volume for scan in source.scans}) == 2
    assert source.left_out == {"fundus image": 2}
    for pixels, stored in zip(read_all(path), [*right, *left], strict=True):
        assert np.array_equal(as_array(pixels), expected_greys(stored))
    [seventh, second] = READER.read(path, [7, 2])
    assert np.array_equal(as_array(seventh), expected_greys(left[1]))
    assert np.array_equal(as_array(second), expected_greys(right[1]))


def test_facts_and_what_the_format_does_not_tell(tmp_path: Path) -> None:
    source = READER.look(write(tmp_path / "a.e2e", e2e_bytes([Volume(random_pixels())], patient="Study-9")))
    facts = source.scans[2]
    assert (facts.patient, facts.eye, facts.visit) == ("Study-9", "OD", "2024-01-31")
    assert (facts.height, facts.width, facts.bits) == (30, 40, 16)
    assert facts.axial_mm == pytest.approx(0.00387)
    assert (facts.lateral_mm, facts.distance_mm) == (None, None)
    [warning] = source.warnings
    assert "width of a pixel" in warning


def test_eyepy_reads_the_same_where_its_order_of_bits_is_of_no_matter(tmp_path: Path) -> None:
    from eyepy.core.utils import from_e2e_intensity
    from eyepy.io import HeE2eReader

    # eyepy reads the ten bits of the fraction from right to left: those here are the same either way.
    same = [bits for bits in range(1024) if f"{bits:010b}" == f"{bits:010b}"[::-1]]
    stored = (random_pixels() & ~np.uint16(1023)) | np.random.default_rng(1).choice(same, SHAPE).astype(
        np.uint16
    )
    path = write(tmp_path / "a.e2e", e2e_bytes([Volume(stored, "L")]))
    with HeE2eReader(path) as reader:
        [series] = reader.series
        assert chr(int(series.laterality())) == "L"
        expected = [from_e2e_intensity(scan.get_bscan().copy()) for scan in series.slices.values()]
    difference = np.abs(np.array([as_array(pixels) for pixels in read_all(path)]).astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_pixels_outside_the_scan_are_black(tmp_path: Path) -> None:
    stored = random_pixels((1, 2, 2))
    stored[0] = [[0, 65535], [63 << 10, (62 << 10) + 1023]]
    [pixels] = read_all(write(tmp_path / "a.e2e", e2e_bytes([Volume(stored)])))
    assert as_array(pixels).tolist() == [[0, 0], [255, 255]]


def test_lost_scans_are_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.e2e", e2e_bytes([Volume(random_pixels(), promised=6), Volume(random_pixels())])
    )
    source = READER.look(path)
    assert len(source.scans) == 10
    assert source.warnings[0].startswith("1 of 6 B-scans are missing")


@pytest.mark.parametrize(("missing", "found"), [(1, 4), (30 * 40 * 2 + 100, 4), (2 * 30 * 40 * 2 + 700, 3)])
def test_file_that_is_cut_short_loses_its_last_scans_and_says_so(
    tmp_path: Path, missing: int, found: int
) -> None:
    path = write(tmp_path / "a.e2e", e2e_bytes([Volume(random_pixels())])[:-missing])
    source = READER.look(path)
    assert len(source.scans) == len(read_all(path)) == found
    assert source.warnings[0].startswith(f"{5 - found} of 5 B-scans are missing")


@pytest.mark.parametrize("eye", ["\0", "X"])
def test_eye_that_is_not_told_is_unknown(tmp_path: Path, eye: str) -> None:
    path = write(tmp_path / "a.e2e", e2e_bytes([Volume(random_pixels(), "L"), Volume(random_pixels(), eye)]))
    source = READER.look(path)
    assert [scan.eye for scan in source.scans] == ["OS"] * 5 + [None] * 5
    assert any("which eye" in warning for warning in source.warnings)


def test_circle_of_directories_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    data = bytearray(e2e_bytes([Volume(random_pixels())]))
    struct.pack_into("<I", data, 88 + 44, 88)  # the directory before the first is the first
    with pytest.raises(UnreadableImage, match="damaged"):
        READER.look(write(tmp_path / "a.e2e", bytes(data)))
    struct.pack_into("<I", data, 88 + 36, 2**31)  # number of entries
    with pytest.raises(UnreadableImage, match=r"damaged|cut short"):
        READER.look(write(tmp_path / "b.e2e", bytes(data)))
    with pytest.raises(UnreadableImage, match="cut short"):
        READER.look(write(tmp_path / "c.e2e", bytes(data[:100])))


def test_records_of_a_database_without_images_are_left_out(tmp_path: Path) -> None:
    source = READER.look(write(tmp_path / "00000001.pdb", e2e_bytes([])))
    assert (list(source.scans), source.left_out) == ([], {"record without images": 1})


def test_names_and_births_do_not_leave_the_reader(tmp_path: Path) -> None:
    data = e2e_bytes([Volume(random_pixels())])
    assert b"PLANTED" in data
    told = repr(READER.look(write(tmp_path / "a.e2e", data)))
    assert not [word for word in ("PLANTED", "1980", str(tmp_path)) if word in told]
