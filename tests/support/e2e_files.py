"""Heidelberg E2E files, built from eyepy's structures: no real file with a free licence is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMAGE = 1073741824
_NOTHING = -1


@dataclass(frozen=True)
class Volume:
    """A volume: pixels as E2E has them (uint16, shape (scans, height, width)), and what is told of it."""

    pixels: NDArray[np.uint16]
    eye: str = "R"
    promised: int | None = None
    patient: int = 1


def e2e_bytes(volumes: Sequence[Volume], patient: str = "Study-7", multiple: bool = False) -> bytes:
    """An E2E file with these volumes, each with a fundus image; series are numbered from 100."""
    pieces = [((1, _NOTHING, _NOTHING, _NOTHING), 0, 9, patient_piece(patient))]
    for number, volume in enumerate(volumes):
        ids = (volume.patient, 10, 100 + number)
        pieces.append(((*ids, _NOTHING), 0, 11, b"\0" * 14 + volume.eye.encode() + b"\0" * 12))
        pieces.append(((*ids, _NOTHING), 0, IMAGE, image_piece(np.zeros((20, 24), np.uint8))))
        for position, pixels in enumerate(volume.pixels):
            where = (*ids, 2 * position)
            promised = len(volume.pixels) if volume.promised is None else volume.promised
            pieces.append((where, 1, 10004, scan_piece(pixels.shape, position, promised)))
            pieces.append((where, 1, IMAGE, image_piece(pixels)))
    built = _build(pieces)
    return b"E2EMultipleVolumeFile".ljust(64, b"\0") + built if multiple else built


def _build(pieces: Sequence[tuple[tuple[int, int, int, int], int, int, bytes]]) -> bytes:
    from eyepy.io.he import e2e_format as e2e

    padding = [0xFFFF] * 9 + [0]
    start = 36 + 52
    version = e2e.version_format.build(e2e.Version("CMDb", 100, padding))
    main = e2e.header_format.build(e2e.Header("MDbMDir", 100, padding, len(pieces), start, 0, 0))
    directory = e2e.header_format.build(e2e.Header("MDbDir", 100, padding, len(pieces), start, 0, 0))
    place = start + 52 + 44 * len(pieces)
    folders, containers = b"", b""
    for number, (ids, index, kind, data) in enumerate(pieces):
        entry = start + 52 + 44 * number
        folders += e2e.folderheader_format.build(
            e2e.FolderHeader(entry, place, len(data), 0, *ids, index, 0, e2e.TypesEnum(kind), 0)
        )
        containers += e2e.containerheader_format.build(
            e2e.ContainerHeader(
                "MDbData", 0, entry, place, len(data), 0, *ids, index, 0, e2e.TypesEnum(kind), 0
            )
        )
        containers += data
        place += 60 + len(data)
    return bytes(version + main + directory + folders + containers)


def patient_piece(patient: str) -> bytes:
    """What E2E tells of a patient."""
    from eyepy.io.he import e2e_format as e2e

    return bytes(e2e.type9_format.build(e2e.Type9("PLANTED-FIRST", "PLANTED-LAST", 19800101, "F", patient)))


def scan_piece(shape: Sequence[int], position: int, promised: int) -> bytes:
    """What E2E tells of a B-scan: 2024-01-31 at noon."""
    from eyepy.io.he import e2e_format as e2e

    values: dict[str, Any] = {
        "unknown0": 0, "size_y": shape[0], "size_x": shape[1],
        "start_x": -10.0, "start_y": 5.0, "end_x": 10.0, "end_y": 5.0,
        "zero1": 0, "unknown1": 0.0, "scale_y": 0.00387, "unknown2": 0.0, "zero2": 0,
        "unknown3": [0.0, 0.0], "zero3": 0, "imgSizeWidth": shape[1], "n_bscans": promised,
        "aktImage": position, "scan_pattern": 3, "center_x": 0.0, "center_y": 5.0, "unknown4": 120,
        "acquisitionTime": "2024-01-31T12:00:00", "numAve": 9, "quality": 0.8, "unknown5": 0.0,
        "unknown6": bytes(12), "art_mode": 9, "oct_controller_fw_raw": bytes(4),
        "oct_camera_fw_raw": bytes(4), "oct_camera_fpga_raw": bytes(4), "unknown7": bytes(4),
        "focus_candidate_raw": 0.0, "unknown8": bytes(12), "quality_ui": 30.0, "rest": bytes(268),
    }  # fmt: skip
    return bytes(e2e.type10004_format.build(e2e.Type10004(**values)))


def image_piece(pixels: NDArray[Any]) -> bytes:
    """An image: a B-scan if it has 16 bits, else a fundus image."""
    kind = 35652097 if pixels.dtype == np.uint16 else 33620481
    height, width = pixels.shape
    header = np.array([pixels.nbytes, kind, pixels.size, height, width], "<u4").tobytes()
    return header + pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
