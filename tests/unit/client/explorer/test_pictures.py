"""Pictures of scans that lie in volumes; those of plain images are tested through the command."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from machine import REPOSITORY
from made_results import write_result
from octcluster.explorer.pictures import Pictures, draw_small
from octcluster.explorer.result import Category, Result, read_result
from octcluster.images.readers.processes import kept_workers
from octcluster.model.errors import NotThere
from PIL import Image

VOLUMES = REPOSITORY / "tests/files/heyex"
SCANS = 10


@pytest.fixture
def result(tmp_path: Path) -> Result:
    """Of the made run, the first ten images are the scans of a volume, from the last to the first."""
    made = read_result(str(write_result(tmp_path / "run")))
    numbers = np.full(len(made.names), -1, dtype=np.int32)
    numbers[:SCANS] = range(SCANS, 0, -1)
    names = [f"dummy-ten-bscans.vol#{number}" for number in numbers[:SCANS]]
    volumes = Category(["dummy-ten-bscans.vol"], np.where(numbers > 0, 0, -1).astype(np.int32))
    return replace(
        made,
        root=VOLUMES,
        names=[*names, *made.names[SCANS:]],
        numbers=numbers,
        categories={**made.categories, "volume": volumes},
    )


@pytest.mark.heavy
def test_a_volume_is_read_once_for_all_of_its_small_pictures(result: Result, tmp_path: Path) -> None:
    pictures = Pictures(result, tmp_path / "cache", b"")
    with kept_workers():
        first = pictures.small(3, 96)
        assert len(list((tmp_path / "cache").rglob("*.jpeg"))) == SCANS
        whole = np.asarray(Image.open(io.BytesIO(pictures.full(3))).convert("L"))
        away = Pictures(replace(result, root=tmp_path), tmp_path / "cache", b"")
        others = [away.small(row, 96) for row in range(SCANS)]
        assert others[3] == first
        assert len(set(others)) == SCANS
        assert whole.shape == Image.open(VOLUMES / "B1.tif").size[::-1]
        with pytest.raises(NotThere, match="name its folder with --images FOLDER"):
            away.small(3, 192)


def test_a_small_picture_holds_pixels_alone() -> None:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "Jane Doe"
    scan = Image.linear_gradient("L").resize((512, 496))
    scan.save(stream, "JPEG", comment=b"Jane Doe", exif=exif, quality=95)
    assert stream.getvalue().count(b"Jane Doe") == 2
    small = draw_small(stream.getvalue(), 128)
    assert b"Jane" not in small
    picture = Image.open(io.BytesIO(small))
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "L", (128, 124))
    assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    difference = np.asarray(picture, dtype=int) - np.asarray(scan.resize((128, 124)), dtype=int)
    assert abs(difference).mean() < 3
