"""One volume in many containers: the same pixels, the same bytes for the embedder, and so the same keys."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vendor_files
from numpy.typing import NDArray
from octcluster.images.folder import find_images
from octcluster.images.readers.encoding import encode
from octcluster.images.readers.reader import Pixels
from octcluster.images.readers.registry import find_reader
from one_volume import CONTAINERS, VOLUME
from PIL import Image


def read_all(path: Path) -> list[Pixels]:
    registered = find_reader(path, path.read_bytes()[:16384])
    assert registered is not None
    numbers = range(1, len(registered.reader.look(path).scans) + 1)
    return list(registered.reader.read(path, numbers))


@pytest.mark.parametrize("container", CONTAINERS)
def test_scans_have_the_same_pixels_and_keys_in_any_container(tmp_path: Path, container: str) -> None:
    scans = read_all(CONTAINERS[container](tmp_path / "volume"))
    assert np.array_equal([vendor_files.as_array(pixels) for pixels in scans], VOLUME)
    keys = [hashlib.sha256(encode(pixels)).hexdigest() for pixels in scans]
    expected = [Pixels(pixels.tobytes(), 40, 50, 8) for pixels in VOLUME]
    assert keys == [hashlib.sha256(encode(pixels)).hexdigest() for pixels in expected]


def decode_for_embedder(encoded: bytes, path: Path) -> NDArray[Any]:
    path.write_bytes(encoded)
    with Image.open(path) as image:
        return np.asarray(image)


def test_embedder_gets_the_pixels_that_a_png_has(tmp_path: Path) -> None:
    for number, pixels in enumerate(read_all(vendor_files.DUMMY_VOL)):
        Image.fromarray(VOLUME[number]).save(tmp_path / "scan.png")
        with Image.open(tmp_path / "scan.png") as png:
            assert np.array_equal(decode_for_embedder(encode(pixels), tmp_path / "scan.tif"), np.asarray(png))


@pytest.mark.heavy
def test_images_of_an_export_are_counted_once(tmp_path: Path) -> None:
    shutil.copytree(vendor_files.HEYEX, tmp_path / "export")
    (tmp_path / "export" / vendor_files.DUMMY_VOL.name).unlink()
    Image.fromarray(VOLUME[0]).save(tmp_path / "other.png")
    found = find_images(tmp_path)
    # B11.tif lies beside the export, and the export does not name it.
    expected = [f"export/test_dummy.xml#{number}" for number in range(1, 11)] + [
        "export/B11.tif",
        "other.png",
    ]
    assert sorted(image.name for image in found.images) == sorted(expected)
    assert {image.patient for image in found.images if image.facts} == {"Study-01"}
    assert found.left_out == {"fundus image": 1}
