"""Secondary captures that another library makes: its pixels, and what it says of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import make_frames
from dicom_values import read_values
from numpy.typing import NDArray
from octcluster.images.readers.dicom import DicomReader
from PIL import Image
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)


def write_capture(
    path: Path, pixels: NDArray[Any], photometric: str, syntax: str, modality: str = "OPT"
) -> Path:
    from highdicom.sc import SCImage

    capture = SCImage(
        pixels,
        photometric,
        bits_allocated=8 * pixels.itemsize,
        coordinate_system="PATIENT",
        study_instance_uid="1.2.826.0.1.3680043.10.511.12.2",
        series_instance_uid="1.2.826.0.1.3680043.10.511.12.3",
        series_number=1,
        sop_instance_uid="1.2.826.0.1.3680043.10.511.12.4",
        instance_number=7,
        manufacturer="Phantom Optics",
        patient_id="P-0012",
        study_date="20240131",
        laterality="L",
        patient_orientation=("L", "P"),
        transfer_syntax_uid=syntax,
    )
    capture.Modality = modality
    capture.save_as(path)
    return path


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless],
)
def test_capture_is_read(tmp_path: Path, syntax: str, bits: int) -> None:
    frame = make_frames(1, bits=bits)[0].astype(np.uint8 if bits == 8 else np.uint16)
    path = write_capture(tmp_path / "capture.dcm", frame, "MONOCHROME2", syntax)
    np.testing.assert_array_equal(read_values(path), frame[None])
    scan = DicomReader().look(path).scans[0]
    assert (scan.patient, scan.eye, scan.visit, scan.position) == ("P-0012", "OS", "2024-01-31", 6)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_capture_in_colour_is_read_as_grey(tmp_path: Path, syntax: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    path = write_capture(tmp_path / "capture.dcm", pixels, "RGB", syntax)
    np.testing.assert_array_equal(read_values(path)[0], np.asarray(Image.fromarray(pixels).convert("L")))


def test_capture_of_a_page_is_left_out(tmp_path: Path) -> None:
    pixels = np.zeros((32, 48, 3), np.uint8)
    path = write_capture(tmp_path / "page.dcm", pixels, "RGB", ExplicitVRLittleEndian, modality="OT")
    assert dict(DicomReader().look(path).left_out) == {"secondary capture": 1}
