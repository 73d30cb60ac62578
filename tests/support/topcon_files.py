"""Topcon FDA and FDS files, built from OCT-Converter's structures: no real and free file is known."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BITS = {1: 8, 2: 16}


def topcon_bytes(chunks: dict[str, bytes], kind: str = "FDA") -> bytes:
    """A file of these chunks."""
    from oct_converter.readers.binary_structs import fda_binary

    header = fda_binary.header.build(
        {"file_code": "FOCT", "file_type": kind, "major_ver": 2, "minor_ver": 1000}
    )
    body = b"".join(
        bytes([len(name) + 1]) + b"@" + name.encode() + len(data).to_bytes(4, "little") + data
        for name, data in chunks.items()
    )
    return bytes(header) + body + b"\0"


def facts(eye: int = 1, patient: str = "Study-7") -> dict[str, bytes]:
    """The chunks that tell of patient, eye, day (2024-01-31), device and sizes (6 x 7 mm, 2.6 um)."""
    from oct_converter.readers.binary_structs import fda_binary as fda

    person: dict[str, Any] = {
        "patient_id": patient, "first_name": "PLANTED-FIRST", "last_name": "PLANTED-LAST", "mid_name": "",
        "sex": 2, "birth_date": [1980, 1, 1], "occup_reg": [[0] * 20] * 2, "r_date": [0] * 3,
        "record_id": [0] * 16, "lv_date": [0] * 3, "physician": [[0] * 64] * 2, "zip_code": [0] * 12,
        "addr": [[0] * 48] * 2, "phones": [[0] * 16] * 2, "nx_date": [0] * 6,
        "multipurpose_field": [[0] * 20] * 3, "descp": [0] * 64, "reserved": [0] * 32,
    }  # fmt: skip
    capture = {
        "eye": eye,
        "scan_mode": 2,
        "session_id": 1,
        "label": "PLANTED",
        "cap_date": [2024, 1, 31, 12, 0, 0],
    }
    device: dict[str, Any] = dict.fromkeys((part.name for part in fda.hw_info_03_header.subcons), 0)
    device |= {
        "model_name": "3DOCT-2000",
        "serial_number": "PLANTED",
        "spect_sn": "",
        "rom_ver": "",
        "unknown": "",
    }
    sizes: dict[str, Any] = dict.fromkeys((part.name for part in fda.param_scan_04_header.subcons), 0)
    sizes |= {"x_dimension_mm": 6.0, "y_dimension_mm": 7.0, "z_resolution_um": 2.6}
    return {
        "HW_INFO_03": fda.hw_info_03_header.build(device),
        "PATIENT_INFO_02": fda.patient_info_02_header.build(person),
        "CAPTURE_INFO_02": fda.capture_info_02_header.build(capture),
        "PARAM_SCAN_04": fda.param_scan_04_header.build(sizes),
    }


def raw_chunk(volume: NDArray[Any], promised: int | None = None) -> bytes:
    """IMG_SCAN_03 or IMG_MOT_COMP_03 of a volume, shape (scans, height, width)."""
    from oct_converter.readers.binary_structs import fda_binary as fda

    scans, height, width = volume.shape
    header = fda.oct_header_2.build(
        {
            "scan_mode": 2,
            "width": width,
            "height": height,
            "bits_per_pixel": BITS[volume.itemsize],
            "number_slices": promised or scans,
            "format": 0,
            "size": volume.nbytes,
        }
    )
    return bytes(header) + volume.astype(volume.dtype.newbyteorder("<")).tobytes()


def compressed_chunk(volume: NDArray[Any], promised: int | None = None) -> bytes:
    """IMG_JPEG of a volume, whose B-scans are compressed with JPEG 2000 without loss."""
    from oct_converter.readers.binary_structs import fda_binary as fda

    scans, height, width = volume.shape
    header = fda.oct_header.build(
        {
            "scan_mode": 2,
            "unknown1": 0,
            "unknown2": 0,
            "width": width,
            "height": height,
            "number_slices": promised or scans,
            "unknown3": 0,
        }
    )
    pictures = []
    for pixels in volume:
        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, "JPEG2000", irreversible=False)
        pictures.append(len(encoded.getvalue()).to_bytes(4, "little") + encoded.getvalue())
    return bytes(header) + b"".join(pictures)


def random_scans(dtype: Any, shape: tuple[int, int, int] = (4, 30, 40)) -> NDArray[Any]:
    """Noise over the whole range of the type."""
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
