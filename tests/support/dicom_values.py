"""What the DICOM reader makes of a file, as arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from octcluster.images.readers.dicom import DicomReader
from octcluster.images.readers.reader import Pixels


def read_values(path: Path) -> NDArray[Any]:
    """All frames of a file: uint8 or uint16, shape (n_frames, height, width)."""
    reader = DicomReader()
    n_frames = len(reader.look(path).scans)
    return np.stack([to_array(pixels) for pixels in reader.read(path, range(1, n_frames + 1))])


def to_array(pixels: Pixels) -> NDArray[Any]:
    """A frame: uint8 or uint16, shape (height, width)."""
    flat = np.frombuffer(pixels.data, "<u2" if pixels.bits == 16 else "u1")
    return flat.reshape(pixels.height, pixels.width)
