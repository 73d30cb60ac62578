"""Zeiss IMG: cubes without a header, which only their names and sizes tell from anything else."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.zeiss import ZeissImgReader
from vendor_files import as_array

READER = ZeissImgReader()
NAME = "P1234_Macular Cube 32x12_4-25-2012_9-11-10_OD_sn1234_cube_z.img"


def write(path: Path, cube: NDArray[np.uint8]) -> Path:
    """Writes a cube of shape (scans, 1024, width) as the device does: each B-scan turned by half a turn."""
    path.write_bytes(cube[:, ::-1, ::-1].tobytes())
    return path


@pytest.fixture
def cube() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (12, 1024, 32), dtype=np.uint8)


def test_scans_are_turned_upright(tmp_path: Path, cube: NDArray[np.uint8]) -> None:
    path = write(tmp_path / NAME, cube)
    assert not READER.recognises(path.read_bytes()[:16384])
    assert READER.endings == (".img",)
    found = list(READER.read(path, range(1, 13)))
    assert np.array_equal([as_array(pixels) for pixels in found], cube)
    [last] = READER.read(path, [12])
    assert np.array_equal(as_array(last), cube[11])


def test_name_tells_facts(tmp_path: Path, cube: NDArray[np.uint8]) -> None:
    source = READER.look(write(tmp_path / NAME, cube))
    facts = source.scans[7]
    assert (facts.patient, facts.eye, facts.visit, facts.position) == ("P1234", "OD", "2012-04-25", 7)
    assert (facts.height, facts.width, facts.bits) == (1024, 32, 8)
    assert (facts.axial_mm, facts.lateral_mm, facts.distance_mm) == (2 / 1024, 6 / 32, 6 / 12)
    assert (len(source.scans), source.warnings) == (12, [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MacularCube32x12_25-4-2012_9-11-10_OS_sn1_cube_z.img", (None, "OS", "2012-04-25")),
        ("330_Optic Disc Cube 32x12_5-5-2012_9-8-0_OD_sn1_cube_z.IMG", ("330", "OD", "2012-05-05")),
        ("330_Macular Cube 32x12_4-5-2012_9-8-0_OD_sn1_cube_z.img", ("330", "OD", None)),
    ],
)
def test_day_is_told_where_it_is_clear(
    tmp_path: Path, cube: NDArray[np.uint8], name: str, expected: tuple[str | None, ...]
) -> None:
    source = READER.look(write(tmp_path / name, cube))
    facts = source.scans[0]
    assert (facts.patient, facts.eye, facts.visit) == expected
    assert bool(source.warnings) == (expected[2] is None)


@pytest.mark.parametrize(
    "name",
    [
        "scan.img",
        NAME.replace("32x12", "12x32x1"),
        NAME.replace("cube_z", "cube_raw"),
        NAME.replace("cube_z", "FlowCube_z"),
        NAME.replace("Macular Cube 32x12", "Angiography 3x3 mm"),
        NAME.replace("32x12", "32x11"),
        NAME.replace("32x12", "512x128"),
        NAME.replace("32x12", "00x12"),
    ],
)
def test_name_that_does_not_agree_is_refused(tmp_path: Path, cube: NDArray[np.uint8], name: str) -> None:
    path = write(tmp_path / name, cube)
    with pytest.raises(UnreadableImage, match=r"no header.*or export DICOM"):
        READER.look(path)
    with pytest.raises(UnreadableImage, match=r"no header.*or export DICOM"):
        list(READER.read(path, [1]))


def test_cube_that_is_cut_short_is_refused(tmp_path: Path, cube: NDArray[np.uint8]) -> None:
    with pytest.raises(UnreadableImage, match="do not agree"):
        READER.look(write(tmp_path / NAME, cube[:-1]))
