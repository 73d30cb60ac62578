"""Optovue OCT: floats without a header, and a text file that tells how many."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.optovue import OptovueReader
from vendor_files import as_array

READER = OptovueReader()
TEXT = """Patient = PLANTED
Eye Scanned = OS
Window Height = 30
Scan Length = 40
Scan Usage = 3
Scan Length = 20
Scan Usage = 2
"""


def random_volumes() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    random = np.random.default_rng(0)
    return tuple(random.random((n, 30, width), np.float32) * 900 - 100 for n, width in ((3, 40), (2, 20)))  # type: ignore[return-value]


def write(path: Path, text: str = TEXT) -> Path:
    """Writes two volumes as the device does: column by column, from the bottom."""
    stored = [np.ascontiguousarray(volume[:, ::-1].swapaxes(1, 2)) for volume in random_volumes()]
    path.write_bytes(b"".join(volume.astype("<f4").tobytes() for volume in stored))
    path.with_suffix(".txt").write_text(text)
    return path


def test_scans_are_the_written_ones_on_the_range_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.OCT")
    volumes = random_volumes()
    least = min(float(volume.min()) for volume in volumes)
    largest = max(float(volume.max()) for volume in volumes)
    found = list(READER.read(path, range(1, 6)))
    assert {(pixels.bits, pixels.height) for pixels in found} == {(16, 30)}
    assert [pixels.width for pixels in found] == [40, 40, 40, 20, 20]
    for pixels, written in zip(found, [*volumes[0], *volumes[1]], strict=True):
        expected = (written.astype(float) - least) / (largest - least) * 65535
        assert np.abs(as_array(pixels) - expected).max() <= 0.51
    assert max(int(as_array(pixels).max()) for pixels in found) == 65535


@pytest.mark.heavy
def test_first_scan_is_that_of_oct_converter(tmp_path: Path) -> None:
    from oct_converter.readers import POCT

    path = write(tmp_path / "a.OCT")
    # Later volumes are not compared: OCT-Converter begins each at the beginning of the file.
    expected = POCT(path).read_oct_volume()[0].volume[0]
    [pixels] = READER.read(path, [1])
    assert np.corrcoef(as_array(pixels).ravel(), expected.ravel())[0, 1] > 0.999999


def test_text_tells_facts_and_nothing_else_of_it_leaves_the_reader(tmp_path: Path) -> None:
    source = READER.look(write(tmp_path / "a.OCT"))
    assert [(scan.eye, scan.position) for scan in source.scans] == [
        ("OS", 0), ("OS", 1), ("OS", 2), ("OS", 0), ("OS", 1)
    ]  # fmt: skip
    assert len({scan.volume for scan in source.scans}) == 2
    assert "black and white" in source.warnings[0]
    assert "PLANTED" not in repr(source)


def test_values_that_are_no_numbers_are_black(tmp_path: Path) -> None:
    path = write(tmp_path / "a.OCT")
    values = np.fromfile(path, "<f4")
    values[:40] = np.tile(np.array([np.nan, np.inf, -np.inf, 3e38], np.float32), 10)
    values.tofile(path)
    [pixels] = READER.read(path, [1])
    assert as_array(pixels)[::-1].T.ravel()[:40].max() == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.replace("= 3", "= 4"),
        TEXT.replace("Window Height = 30", ""),
        TEXT.replace("= 40", "= 999999999"),
    ],
    ids=["empty", "too many", "no height", "vast"],
)
def test_text_that_does_not_agree_is_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.OCT", text)
    with pytest.raises(UnreadableImage, match=r"do not agree|impossible"):
        READER.look(path)


def test_missing_text_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.OCT")
    path.with_suffix(".txt").unlink()
    with pytest.raises(UnreadableImage, match="no Optovue text file beside it"):
        READER.look(path)
