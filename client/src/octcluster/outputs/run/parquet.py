"""assignments.parquet: what assignments.csv holds and more, for pandas, Polars, DuckDB and others."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from octcluster.model.runs import EmbeddingSpace, vector_bytes
from octcluster.outputs.run.columns import list_columns
from octcluster.outputs.scan_columns import name_scan_columns
from octcluster.workflows.outcome import RunOutcome
from octcluster.workflows.result_files import PARQUET_PREFIX
from octcluster.workflows.vector_table import SPACE_METADATA

_ROWS_AT_ONCE = 1 << 14


def format_parquet(outcome: RunOutcome) -> Iterator[bytes]:
    """Formats, piece by piece, one row an image that was clustered, in the order of ``assignments.csv``.

    The columns are those of ``list_columns``, and ``vector``, the image's features, if the outcome has them.
    Like the CSV, the file stays on this machine: it names images and patients.
    """
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415

    count = len(outcome.members)
    names = name_scan_columns(outcome.members)
    first = _make_table(outcome, range(min(count, _ROWS_AT_ONCE)), names)
    pieces: list[bytes] = []
    with ParquetWriter(_Sink(pieces), first.schema, compression="zstd") as writer:
        writer.write_table(first)
        del first
        for start in range(_ROWS_AT_ONCE, count, _ROWS_AT_ONCE):
            rows = range(start, min(start + _ROWS_AT_ONCE, count))
            writer.write_table(_make_table(outcome, rows, names))
            yield b"".join(pieces)
            pieces.clear()
    yield b"".join(pieces)


class _Sink:
    """A file to pyarrow, which hands on what is written into it."""

    closed = False

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""


def _make_table(outcome: RunOutcome, rows: range, scan_columns: Sequence[str]) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    types = {"cluster": pa.int32(), "scan": pa.int32(), "silhouette": pa.float32()}
    types |= {"eye_cluster": pa.int32(), "eye_row": pa.int32()}
    types |= dict.fromkeys(("pca_x", "pca_y", "distance", "umap_x", "umap_y"), pa.float32())
    columns = {
        name: pa.array(values, types[name]) if name in types else pa.array(map(_as_text, values), pa.string())
        for name, values in list_columns(outcome, rows, scan_columns).items()
    }
    if outcome.vectors is not None:
        columns["vector"] = _list_vectors(outcome.vectors[rows.start : rows.stop], outcome.space)
    return pa.table(columns).replace_schema_metadata(
        {
            f"{PARQUET_PREFIX}run_id": outcome.spec.run_id,
            f"{PARQUET_PREFIX}result_id": outcome.result_id,
            "octcluster_space": outcome.space.digest.hex(),
            SPACE_METADATA: json.dumps({**asdict(outcome.space), "digest": outcome.space.digest.hex()}),
            "octcluster_keys": outcome.key_check,
        }
    )


def _as_text(value: Any) -> str | None:
    r"""Names whose bytes are no UTF-8 have these bytes as ``\xe9``: Parquet knows no others."""
    return None if value is None else os.fsencode(value).decode("utf-8", "backslashreplace")


def _list_vectors(vectors: Sequence[bytes | None], space: EmbeddingSpace) -> Any:
    """The vectors as an Arrow column, null where the cache has lost one."""
    import pyarrow as pa  # noqa: PLC0415

    nothing = bytes(vector_bytes(space))
    joined = pa.py_buffer(b"".join(nothing if vector is None else vector for vector in vectors))
    kind = pa.type_for_alias(space.data_type)
    values = pa.Array.from_buffers(kind, len(vectors) * space.dimension, [None, joined])
    lost = pa.array([vector is None for vector in vectors], pa.bool_())
    return pa.FixedSizeListArray.from_arrays(values, space.dimension, mask=lost)
