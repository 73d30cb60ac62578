"""One volume of ten B-scans in each container that can hold it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import vendor_files
from dicom_files import DEFLATED, EXPLICIT, JPEG_2000_LOSSLESS, Stored, encode_jpeg_2000, write_opt
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
