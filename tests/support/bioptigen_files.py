"""Bioptigen OCT files, built from OCT-Converter's structures: no real and free file is known."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray


def random_frames(shape: tuple[int, int, int] = (5, 30, 40)) -> NDArray[np.uint16]:
    """Noise, shape (frames, height, width)."""
    return np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)


def field(structure: Any, key: str, value: Any, count: int) -> Any:
    return structure.build({"keylength": len(key), "key": key, "dataLength": count, "value": value})


def bioptigen_bytes(frames: NDArray[np.uint16], promised: int | None = None) -> bytes:
    """A file of these frames, taken on 2024-01-31."""
    from oct_converter.readers.binary_structs import boct_binary as boct

    scans, height, width = frames.shape
    empty = struct.pack("<I", 0)
    numbers = {
        "FRAMECOUNT": promised or scans, "LINECOUNT": width, "LINELENGTH": height, "SAMPLEFORMAT": 1,
    }  # fmt: skip
    after = {"SCANS": 1, "FRAMES": scans, "DOPPLERFLAG": 0, "CONFIG": 0}
    reals = ("SCANDEPTH", "SCANLENGTH", "AZSCANLENGTH", "ELSCANLENGTH", "OBJECTDISTANCE", "SCANANGLE")
    header = struct.pack("<IH", 0x0C7DA8C9, 266)
    header += boct.headerField.build({"keylength": 11, "key": "FRAMEHEADER", "dataLength": 500})
    header += b"".join(field(boct.intField, key, value, 4) for key, value in numbers.items())
    header += field(boct.strField, "DESCRIPTION", "PLANTED", 7)
    for axis in ("X", "Y"):
        header += field(boct.floatField, f"{axis}MIN", 0.0, 8) + field(boct.floatField, f"{axis}MAX", 1.0, 8)
        header += field(boct.strField, f"{axis}CAPTION", "mm", 2)
    header += field(boct.intField, "SCANTYPE", 1, 4)
    header += b"".join(field(boct.floatField, key, 2.0, 8) for key in reals)
    header += b"".join(field(boct.intField, key, value, 4) for key, value in after.items()) + empty
    day = {
        "year": 2024, "month": 1, "dow": 3, "day": 31, "hour": 12, "minute": 0, "second": 0, "millisecond": 0,
    }  # fmt: skip
    body = b""
    for pixels in frames:
        body += boct.headerField.build(
            {"keylength": 9, "key": "FRAMEDATA", "dataLength": 100 + pixels.nbytes}
        )
        body += field(boct.dateField, "FRAMEDATETIME", day, 16)
        body += field(boct.floatField, "FRAMETIMESTAMP", 1.0, 8) + field(
            boct.intField, "FRAMELINES", width, 4
        )
        body += struct.pack("<I12sI", 12, b"FRAMESAMPLES", pixels.nbytes)
        body += np.ascontiguousarray(pixels.T).astype("<u2").tobytes() + empty
    return bytes(header + body)
