"""Files of OCT devices: made by libraries, and those of others that lie in ``tests/files``."""

from pathlib import Path
from typing import Any

import machine
import numpy as np
from numpy.typing import NDArray
from octcluster.images.readers.reader import Pixels

HEYEX = machine.REPOSITORY / "tests" / "files" / "heyex"
DUMMY_VOL = HEYEX / "dummy-ten-bscans.vol"
DUMMY_XML = HEYEX / "test_dummy.xml"


def real_vol() -> Path | None:
    """A file of a real device, if this machine has it."""
    path = machine.REPOSITORY.parent / "shared" / "vendor" / "heyex-vol" / "spectralis-one-bscan.vol"
    return path if path.is_file() else None


def as_array(pixels: Pixels) -> NDArray[Any]:
    """The pixels as an array, shape (height, width)."""
    dtype = np.uint8 if pixels.bits == 8 else np.dtype("<u2")
    return np.frombuffer(pixels.data, dtype).reshape(pixels.height, pixels.width)


def random_volume(shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Noise, shape (scans, height, width)."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def vol_bytes(volume: NDArray[np.uint8], patient: str = "Study-7") -> bytes:
    """A Heidelberg VOL file, built from eyepy's structure: the left eye on 2024-01-31, and a fundus image."""
    import construct
    from eyepy.core.utils import to_vol_intensity
    from eyepy.io.he.vol_reader import vol_format

    scans, height, width = volume.shape
    headers = [
        {
            "version": "HSF-BS-103",
            "bscan_hdr_size": 256 + 17 * 4 * width,
            "start_x": 1.0,
            "start_y": 5 - 0.123 * position,
            "end_x": 6.0,
            "end_y": 5 - 0.123 * position,
            "num_seg": 17,
            "quality": 30.0,
            "shift": 0,
            "iv_transformation": [0.0] * 6,
            "layer_segmentations": np.zeros((17, width), np.float32),
            "data": to_vol_intensity(volume[position]),
        }
        for position in range(scans)
    ]
    # eyepy cannot write the time of an examination, which nothing here reads.
    timeless = construct.Struct(
        *(
            "exam_time" / construct.Int64ul if part.name == "exam_time" else part
            for part in vol_format.subcons
        )
    )
    built = timeless.build(
        {
            "version": "HSF-OCT-103",
            "size_x": width,
            "n_bscans": scans,
            "size_y": height,
            "scale_x": 0.0116,
            "distance": 0.123,
            "scale_y": 0.00387,
            "size_x_slo": 24,
            "size_y_slo": 20,
            "scale_x_slo": 0.2,
            "scale_y_slo": 0.2,
            "scan_position": "OS",
            "exam_time": 0,
            "scan_pattern": 3,
            "bscan_hdr_size": 256 + 17 * 4 * width,
            "id": "2390",
            "reference_id": "2390",
            "patient_id": patient,
            "dob": "1950-05-05",
            "visit_date": "2024-01-31",
            "grid_type": 0,
            "grid_offset": 0,
            "grid_type1": 0,
            "grid_offset1": 0,
            "prog_id": "",
            "localizer": np.zeros((20, 24), np.uint8),
            "bscans": headers,
        }
    )
    return bytes(built)
