"""One volume in each container that can hold it: ten real B-scans, or 49 that look like a volume's."""

import copy
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import vendor_files
from dicom_files import DEFLATED, EXPLICIT, JPEG_2000_LOSSLESS, Stored, encode_jpeg_2000, write_opt
from numpy.typing import NDArray
from octcluster.images.phantoms import draw_phantoms
from PIL import Image
from tiff_files import TiffPage, write_tiff

Volume = NDArray[np.uint8]
Containers = Mapping[str, Callable[[Path], Path]]

VOLUME: Volume = np.array([np.asarray(Image.open(vendor_files.HEYEX / f"B{n}.tif")) for n in range(1, 11)])


def draw_volume() -> Volume:
    """49 B-scans of 124 x 128 pixels: swollen ones in the middle, and healthy ones about them."""
    healthy, swollen = draw_phantoms("NORMAL", seed=0), draw_phantoms("DME", seed=0)
    scans = [next(swollen if 16 <= number < 33 else healthy)[2] for number in range(49)]
    return np.stack([scan[::4, :512:4] for scan in scans])


def write_dicom(path: Path, volume: Volume, syntax: str) -> Path:
    compressed = [encode_jpeg_2000(frame) for frame in volume] if syntax == JPEG_2000_LOSSLESS else []
    return write_opt(path, volume.astype(np.uint16), Stored(syntax, codestreams=compressed))


def write_pages(path: Path, volume: Volume) -> Path:
    _, height, width = volume.shape
    path.write_bytes(write_tiff([TiffPage(width, height, pixels.tobytes()) for pixels in volume]))
    return path


def write_reflectivity(path: Path, volume: Volume) -> Path:
    path.write_bytes(vendor_files.vol_bytes(volume))
    return path


def write_xml_export(path: Path, volume: Volume) -> Path:
    """The dummy's export with another volume: as many images, each a file beside it."""
    tree = ElementTree.parse(vendor_files.DUMMY_XML)
    (series,) = [element for element in tree.iter("Series") if element.find("Image") is not None]
    images = series.findall("Image")
    for image in images:
        series.remove(image)
    first = next(image for image in images if image.findtext("ImageType/Type") == "OCT")
    path.mkdir()
    for number, pixels in enumerate(volume, start=1):
        image = copy.deepcopy(first)
        context = "OphthalmicAcquisitionContext"
        height, width = pixels.shape
        for place, value in (
            ("ID", number),
            ("ImageNumber", number),
            (f"{context}/Width", width),
            (f"{context}/Height", height),
            ("ImageData/ExamURL", f"file:///exported\\B{number}.tif"),
        ):
            _set(image, place, value)
        series.append(image)
        Image.fromarray(pixels).save(path / f"B{number}.tif")
    _set(series, "NumImages", len(volume))
    tree.write(path / "export.xml")
    return path / "export.xml"


def _set(element: Any, place: str, value: object) -> None:
    element.find(place).text = str(value)


def containers_of(volume: Volume) -> dict[str, Callable[[Path], Path]]:
    """What writes the volume, by name of the container."""
    return {
        "VOL, as a device writes it": partial(write_reflectivity, volume=volume),
        "DICOM": partial(write_dicom, volume=volume, syntax=EXPLICIT),
        "DICOM, deflated": partial(write_dicom, volume=volume, syntax=DEFLATED),
        "DICOM, JPEG 2000": partial(write_dicom, volume=volume, syntax=JPEG_2000_LOSSLESS),
        "TIFF": partial(write_pages, volume=volume),
    }


CONTAINERS: Containers = {
    **containers_of(VOLUME),
    "VOL, as eyepy 0.6.8 writes it": lambda _: vendor_files.DUMMY_VOL,
    "XML export": lambda _: vendor_files.DUMMY_XML,
}
