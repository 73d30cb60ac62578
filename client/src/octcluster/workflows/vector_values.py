"""The numbers of vectors that somebody brings: out of a Parquet column, a NumPy file or an array."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from octcluster.model.errors import ExtraNotInstalled, InvalidImageSet

NUMPY_MAGIC = b"\x93NUMPY"
_FLOATS = ("<f2", "<f4", "<f8")
_ROWS_AT_ONCE = 1 << 14


@dataclass(frozen=True)
class VectorValues:
    """Vectors of one length, side by side.

    Attributes:
        data: Their little-endian values.
        data_type: ``float32`` or ``float16``.
        dimension: Number of values in a vector.
        count: Number of vectors.
    """

    data: Any
    data_type: str
    dimension: int
    count: int

    def __getitem__(self, row: int) -> bytes:
        size = self.dimension * (2 if self.data_type == "float16" else 4)
        return bytes(self.data[row * size : (row + 1) * size])


def read_numpy(file: Path) -> VectorValues:
    """Reads a ``.npy`` file: float16, float32 or float64 of shape (n_vectors, n_values), one row a vector.

    Raises:
        InvalidImageSet: It holds something else; the message says what to do.
        ExtraNotInstalled: NumPy is not installed.
    """
    try:
        from numpy.lib import format as numpy_format  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraNotInstalled("numpy", "vendors") from error
    with file.open("rb") as opened:
        try:
            is_first = numpy_format.read_magic(opened) == (1, 0)
            read_head = numpy_format.read_array_header_1_0 if is_first else numpy_format.read_array_header_2_0
            shape, by_column, kind = read_head(opened)
        except ValueError:
            raise InvalidImageSet(
                f"{file} is damaged: its head is none of a NumPy file; save it again"
            ) from None
        start = opened.tell()
        _check_form(file, kind, shape, by_column)
        count, dimension = shape
        if file.stat().st_size - start != count * dimension * kind.itemsize:
            raise InvalidImageSet(
                f"{file} is damaged: it is shorter or longer than its head says; save it again"
            )
        pieces = iter(partial(opened.read, _ROWS_AT_ONCE * dimension * kind.itemsize), b"")
        return gather_values(str(file), pieces, kind.name, dimension)


def _check_form(file: Path, kind: Any, shape: tuple[int, ...], by_column: bool) -> None:
    told = None
    if kind.hasobject:
        told = "holds Python objects, which are not read, for reading them runs their code"
    elif kind.str not in _FLOATS:
        told = f"holds values of the type {kind.str}"
    elif by_column:
        told = "holds its values column by column"
    if told:
        raise InvalidImageSet(f"{file} {told}: save numpy.ascontiguousarray(vectors, dtype='float32')")
    if len(shape) != 2 or min(shape) < 1:
        raise InvalidImageSet(
            f"{file} has the shape {shape}: give one row a vector, (n_vectors, n_values), and at least "
            "one of both"
        )


def read_array(vectors: Any) -> VectorValues:
    """Reads an array of floats, shape (n_vectors, n_values).

    Raises:
        InvalidImageSet: It has another shape, or values that are not finite.
    """
    if 0 in vectors.shape:
        raise InvalidImageSet(f"the vectors have the shape {vectors.shape}: give at least one row and column")
    kind = "float16" if str(vectors.dtype) == "float16" else "float32"
    data = memoryview(vectors.astype("<f2" if kind == "float16" else "<f4").tobytes())
    return gather_values("vectors", [data], kind, vectors.shape[1])


def gather_values(named: str, pieces: Iterable[Any], kind: str, dimension: int) -> VectorValues:
    """Gathers little-endian values of a type; float64 becomes float32.

    Args:
        named: What they are called in errors.
        pieces: The values, whole vectors in each.
        kind: ``float16``, ``float32`` or ``float64``.
        dimension: Number of values in a vector.

    Raises:
        InvalidImageSet: A value is not finite.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    source = pa.type_for_alias(kind)
    wanted = pa.float16() if kind == "float16" else pa.float32()
    size = dimension * source.bit_width // 8
    gathered, count = bytearray(), 0
    for piece in pieces:
        for start in range(0, len(piece), size * _ROWS_AT_ONCE):
            part = bytes(piece[start : start + size * _ROWS_AT_ONCE])
            values = pa.Array.from_buffers(
                source, len(part) // (size // dimension), [None, pa.py_buffer(part)]
            )
            values = values.cast(wanted, safe=False) if source != wanted else values
            finite = pc.is_finite(values.cast(pa.float32()))
            if not pc.all(finite).as_py():
                row = count + pc.index(finite, False).as_py() // dimension
                raise InvalidImageSet(
                    f"{named}: vector {row} (from 0) has a value that is no finite number: remove or mend it"
                )
            gathered += values.buffers()[1]
            count += len(values) // dimension
    data_type = "float16" if kind == "float16" else "float32"
    return VectorValues(memoryview(gathered), data_type, dimension, count)
