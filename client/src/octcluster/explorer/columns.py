"""The columns of a result as the page takes them: a header in JSON, then arrays of numbers.

    uint32 length of the header ─ header, padded with spaces ─ array ─ array ─ ...

All numbers are little-endian. Every array begins at a multiple of eight bytes.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from octcluster.explorer.result import Category, Result

_ALIGNMENT = 8
_KINDS = {"f": "f4", "i": "i4", "u": "u1"}
_TYPES = {"f4": "<f4", "i4": "<i4", "u1": "u1"}
# Names of these stay on this machine: a patient has an id, a visit a date, a volume a path.
_PSEUDONYMS = {"patient": "patient", "visit": "visit", "volume": "volume"}


def format_columns(
    result: Result, *, identified: bool = False, more: Mapping[str, NDArray[Any]] | None = None
) -> bytes:
    """Formats all columns.

    Args:
        result: The result.
        identified: Whether patients, visits and volumes have their own names.
        more: Further columns by name.

    Returns:
        The content as above.
    """
    arrays: dict[str, NDArray[Any]] = {**result.maps, "cluster": result.clusters}
    arrays |= {name: category.codes for name, category in result.categories.items()}
    if result.numbers is not None:
        arrays["scan"] = result.numbers
    arrays |= {
        "silhouette": result.silhouettes,
        "distance": result.distances,
        "outlier": result.outliers,
        "duplicate": result.duplicates,
        **(more or {}),
    }
    values = {
        name: name_values(name, category, identified=identified)
        for name, category in result.categories.items()
    }
    return pack_columns(len(result.names), arrays, values)


def name_values(name: str, category: Category, *, identified: bool) -> list[str]:
    """What the values of a column are called: their own names, or ``patient 12``."""
    if identified or name not in _PSEUDONYMS:
        return list(category.values)
    return [f"{_PSEUDONYMS[name]} {number}" for number, _ in enumerate(category.values, start=1)]


def pack_columns(rows: int, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Sequence[str]]) -> bytes:
    """Packs arrays of equal length behind a header that tells where each of them lies."""
    columns: list[dict[str, object]] = []
    pieces: list[bytes] = []
    offset = 0
    for name, array in arrays.items():
        kind = _KINDS[array.dtype.kind]
        content = np.ascontiguousarray(array, dtype=_TYPES[kind]).tobytes()
        column: dict[str, object] = {"name": name, "kind": kind, "offset": offset}
        columns.append(column | ({"values": list(values[name])} if name in values else {}))
        pieces.append(content + bytes(-len(content) % _ALIGNMENT))
        offset += len(pieces[-1])
    header = json.dumps({"rows": rows, "columns": columns}).encode()
    header += b" " * (-(4 + len(header)) % _ALIGNMENT)
    return b"".join([struct.pack("<I", len(header)), header, *pieces])
