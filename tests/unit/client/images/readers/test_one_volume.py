"""One volume in many containers: the same pixels, the same bytes for the embedder, and so the same keys."""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vendor_files
from dicom_files import DEFLATED, EXPLICIT, JPEG_2000_LOSSLESS, Stored, encode_jpeg_2000, write_opt
from numpy.typing import NDArray
from octcluster.images.folder import find_images
from octcluster.images.readers.encoding import encode
from octcluster.images.readers.reader import Pixels
from octcluster.images.readers.registry import find_reader
from PIL import Image
from tiff_files import TiffPage, write_tiff

VOLUME = np.array([np.asarray(Image.open(vendor_files.HEYEX / f"B{n}.tif")) for n in range(1, 11)])


def write_dicom(path: Path, syntax: str) -> Path:
    compressed = [encode_jpeg_2000(frame) for frame in VOLUME] if syntax == JPEG_2000_LOSSLESS else []
    return write_opt(path, VOLUME.astype(np.uint16), Stored(syntax, codestreams=compressed))


def write_pages(path: Path) -> Path:
    path.write_bytes(write_tiff([TiffPage(50, 40, pixels.tobytes()) for pixels in VOLUME]))
    return path


def write_reflectivity(path: Path) -> Path:
    path.write_bytes(vendor_files.vol_bytes(VOLUME))
    return path


CONTAINERS: Mapping[str, Callable[[Path], Path]] = {
    "VOL, as a device writes it": write_reflectivity,
    "VOL, as eyepy 0.6.8 writes it": lambda _: vendor_files.DUMMY_VOL,
    "XML export": lambda _: vendor_files.DUMMY_XML,
    "DICOM": lambda path: write_dicom(path, EXPLICIT),
    "DICOM, deflated": lambda path: write_dicom(path, DEFLATED),
    "DICOM, JPEG 2000": lambda path: write_dicom(path, JPEG_2000_LOSSLESS),
    "TIFF": write_pages,
}


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
