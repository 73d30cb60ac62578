"""Shards: Parquet files of vectors, whose rows can be read one by one.

Any program that opens Parquet reads them. All values have a fixed size and lie plain in one page a row group,
with no compression: they are the last bytes of their column there. So this program finds a row by
its number and reads nothing else. A file of another layout fails at its checksums.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from octcluster_clusterer.model import DataType, VectorSpace
from octcluster_clusterer.store.sound_vectors import CHECKSUM_BYTES
from octcluster_clusterer.store.vectors import IMAGE_KEY_BYTES

_LARGEST_GROUP_ROWS = 10_000
_LARGEST_GROUP_BYTES = 8 * 2**20  # to write one, the library takes ten times as much memory
_MERGED_FROM = b"octcluster.merged_from"
_LARGEST_SPAN_BYTES = 8 * 2**20


class DamagedShard(Exception):
    """The file is no shard, or not any more; each of its vectors counts as missing."""


@dataclass(frozen=True)
class Rows:
    """Some vectors with what belongs to each.

    Attributes:
        image_keys: uint8, shape (n_rows, 32).
        put_at: int64, shape (n_rows,): when each was put, in nanoseconds since 1970: the latest one counts.
        checksums: uint8, shape (n_rows, 16).
        vectors: uint8, shape (n_rows, bytes of a vector).
    """

    image_keys: NDArray[np.uint8]
    put_at: NDArray[np.int64]
    checksums: NDArray[np.uint8]
    vectors: NDArray[np.uint8]

    def take(self, which: NDArray[Any] | slice) -> "Rows":
        """The rows of these numbers, or where this is true."""
        return Rows(self.image_keys[which], self.put_at[which], self.checksums[which], self.vectors[which])

    @classmethod
    def join(cls, parts: Sequence["Rows"]) -> "Rows":
        """The rows of several parts, one part after the other."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def name_folder(space: VectorSpace) -> str:
    """The folder of a space: a partition ``space=...``, whose shards all have the same columns."""
    return f"space={space.digest.hex()}-{space.data_type.value}-{space.dimension}"


def read_folder(name: str) -> VectorSpace | None:
    """The space of a folder of this name; None if it is none of a space."""
    digest, _, rest = name.removeprefix("space=").partition("-")
    data_type, _, dimension = rest.partition("-")
    try:
        space = VectorSpace(bytes.fromhex(digest), int(dimension), DataType(data_type))
    except ValueError:
        return None
    return space if name_folder(space) == name else None


def count_group_rows(space: VectorSpace) -> int:
    """How many vectors of a space a row group holds."""
    return max(1, min(_LARGEST_GROUP_ROWS, _LARGEST_GROUP_BYTES // space.vector_bytes))


def write_shard(
    file: IO[bytes], space: VectorSpace, parts: Iterable[Rows], merged_from: Sequence[str] = ()
) -> None:
    """Writes a shard.

    Args:
        file: Takes its bytes.
        space: Space of its vectors.
        parts: Its rows; each part makes row groups of its own.
        merged_from: Names of the shards that it takes the place of.
    """
    schema = _make_schema(space)
    if merged_from:
        schema = schema.with_metadata({_MERGED_FROM: json.dumps(list(merged_from)).encode()})
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    with pq.ParquetWriter(file, schema, data_page_size=2**30, **options) as writer:
        for rows in parts:
            columns = [
                _fixed_size(rows.image_keys),
                pa.array(rows.put_at, schema.field("put_at").type),
                _fixed_size(rows.checksums),
                _make_vectors(space, rows.vectors),
            ]
            table = pa.Table.from_arrays(columns, schema=schema)
            writer.write_table(table, row_group_size=count_group_rows(space))


class Shard:
    """An open shard. Safe to read from several threads."""

    def __init__(self, file: Any, space: VectorSpace, gap_bytes: int) -> None:
        """Reads the end of a file.

        Args:
            file: ``pyarrow.NativeFile`` that can be read at any place.
            space: The space that its vectors should be of.
            gap_bytes: Rows with fewer bytes between them are read together.

        Raises:
            DamagedShard: It is no shard of this space.
        """
        self._file = file
        self._space = space
        self._gap_bytes = gap_bytes
        try:
            with _absence_named():
                parquet = pq.ParquetFile(file)
            metadata = parquet.metadata
            if not parquet.schema_arrow.equals(_make_schema(space)):
                raise DamagedShard("its columns are not those of the space")
            self.merged_from = json.loads((metadata.metadata or {}).get(_MERGED_FROM, b"[]"))
            self._groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
            if not all(
                _is_plain(group.column(i)) for group in self._groups for i in range(group.num_columns)
            ):
                raise DamagedShard("its values do not lie plain: another program has written it")
            self._starts = np.cumsum([0, *(group.num_rows for group in self._groups)])
        except (pa.ArrowException, ValueError, KeyError) as error:
            raise DamagedShard(str(error)) from error
        except OSError as error:
            if error.errno or isinstance(error, FileNotFoundError) or "AWS Error" in str(error):
                raise
            raise DamagedShard(
                str(error)
            ) from error  # what it could not take apart is an OSError for pyarrow

    @property
    def n_rows(self) -> int:
        """Number of its vectors."""
        return int(self._starts[-1])

    def read_keys(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Image keys, uint8, shape (n_rows, 32), and when each was put, int64, shape (n_rows,).

        Raises:
            DamagedShard: They cannot be read.
        """
        keys, put_at = (self._read_values(np.arange(self.n_rows), column) for column in (0, 1))
        return keys, put_at.view(np.int64).reshape(-1)

    def read_vectors(self, rows: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Reads vectors, each part of the file once.

        Args:
            rows: Their numbers, ascending, shape (n_rows,).

        Returns:
            Their checksums, shape (n_rows, 16), and values, shape (n_rows, bytes of a vector).

        Raises:
            DamagedShard: The file is too short for them.
            FileNotFoundError: It was deleted.
            OSError: It cannot be read.
        """
        return self._read_values(rows, 2), self._read_values(rows, 3)

    def read_groups(self) -> Iterator[tuple[int, Rows]]:
        """All rows, row group by row group, with the number of the first in each.

        Raises:
            DamagedShard: They cannot be read.
        """
        keys, put_at = self.read_keys()
        for start, stop in zip(self._starts[:-1].tolist(), self._starts[1:].tolist(), strict=True):
            columns = self.read_vectors(np.arange(start, stop))
            yield start, Rows(keys[start:stop], put_at[start:stop], *columns)

    def _read_values(self, rows: NDArray[Any], column: int) -> NDArray[np.uint8]:
        """The values of a column in these rows, uint8, shape (n_rows, bytes of a value)."""
        n_bytes = (IMAGE_KEY_BYTES, 8, CHECKSUM_BYTES, self._space.vector_bytes)[column]
        values = np.empty((len(rows), n_bytes), dtype=np.uint8)
        groups = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(groups):
            first, stop = np.searchsorted(groups, [number, number + 1])
            part = self._groups[number].column(column)
            end = part.data_page_offset + part.total_compressed_size
            begin = end - self._groups[number].num_rows * n_bytes
            if begin < 0:
                raise DamagedShard("a column is too short")
            within = rows[first:stop] - self._starts[number]
            for low, high in _find_spans(within, n_bytes, self._gap_bytes):
                span = within[low:high]
                n_span_bytes = int(span[-1] - span[0] + 1) * n_bytes
                with _absence_named():
                    content = self._file.read_at(n_span_bytes, begin + int(span[0]) * n_bytes)
                if len(content) != n_span_bytes:
                    raise DamagedShard("the file is too short")
                table = np.frombuffer(content, dtype=np.uint8).reshape(-1, n_bytes)
                values[first + low : first + high] = table[span - span[0]]
        return values


@contextmanager
def _absence_named() -> Iterator[None]:
    """Around reading: that an object of S3 was deleted is told in a message alone."""
    try:
        yield
    except OSError as error:
        if "AWS Error NO_SUCH_KEY" in str(error):
            raise FileNotFoundError from error
        raise


def _find_spans(rows: NDArray[Any], n_bytes: int, gap_bytes: int) -> Iterator[tuple[int, int]]:
    """Cuts ascending rows into parts to be read at once: small gaps are read over, large parts are cut."""
    after_gap = np.diff(rows) > max(1, gap_bytes // n_bytes)
    rows_at_once = max(1, _LARGEST_SPAN_BYTES // n_bytes)
    starts = np.flatnonzero(np.concatenate([[True], after_gap]))
    for begin, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        low = int(begin)
        while low < end:
            high = int(np.searchsorted(rows[:end], rows[low] + rows_at_once))
            yield low, high
            low = high


def _fixed_size(values: NDArray[np.uint8]) -> Any:
    n_rows, n_bytes = values.shape
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(n_bytes), n_rows, [None, buffer])


def _make_vectors(space: VectorSpace, vectors: NDArray[np.uint8]) -> Any:
    if space.data_type is DataType.UINT8:
        return _fixed_size(vectors)
    values = np.ascontiguousarray(vectors).reshape(-1).view(space.value_type)
    return pa.FixedSizeListArray.from_arrays(pa.array(values), type=_vector_type(space))


def _vector_type(space: VectorSpace) -> Any:
    if space.data_type is DataType.UINT8:  # Parquet has no number of one byte: it would take four
        return pa.binary(space.dimension)
    value = pa.field("element", pa.from_numpy_dtype(np.dtype(space.data_type.value)), nullable=False)
    return pa.list_(value, space.dimension)


def _is_plain(column: Any) -> bool:
    """Whether the values of a column in a row group may lie as this program writes them."""
    plain = column.compression == "UNCOMPRESSED" and not column.has_dictionary_page
    return plain and set(column.encodings) <= {"PLAIN", "RLE"}


def _make_schema(space: VectorSpace) -> Any:
    types = {
        "image_key": pa.binary(IMAGE_KEY_BYTES),
        "put_at": pa.timestamp("ns", tz="UTC"),
        "checksum": pa.binary(CHECKSUM_BYTES),
        "vector": _vector_type(space),
    }
    return pa.schema([pa.field(name, type_, nullable=False) for name, type_ in types.items()])
