"""``eyes.parquet``: the lines of ``eyes.jsonl`` as a table, for pandas, Polars, DuckDB and others.

The lines are what counts: each result is there once. The table is made of them anew each time, whole or not.
"""

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from octcluster_gateway.errors import CannotStart
from octcluster_gateway.results.json_lines import FILE_NAME
from octcluster_gateway.spool.files import sync_folder

_LINES_AT_ONCE = 10_000


def write_parquet(folder: Path, path: Path) -> int:
    """Writes the results of a folder as a table; returns the number of rows.

    Args:
        folder: Of ``eyes.jsonl``, to which a gateway may be writing.
        path: The table; what is there is replaced.

    Raises:
        CannotStart: There are no results, the table cannot be written, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - serving needs none
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise CannotStart("pyarrow is not installed: pip install 'octcluster-gateway[parquet]'") from error
    beside, rows = path.with_name(f".{path.name}.{uuid4().hex}"), 0
    schema = _make_schema(pa)
    try:
        with (
            (folder / FILE_NAME).open(encoding="ascii") as lines,
            parquet.ParquetWriter(beside, schema, compression="zstd") as writer,
        ):
            for part in _read_parts(lines):
                writer.write_table(pa.Table.from_pylist(part, schema=schema))
                rows += len(part)
        descriptor = os.open(beside, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        beside.chmod(0o600)
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise CannotStart(f"{error.filename or path} cannot be used: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return rows


def _read_parts(lines: Any) -> Iterator[list[dict[str, Any]]]:
    """The results, some at a time; a last line that is still being written is left to the next table."""
    while part := list(islice(lines, _LINES_AT_ONCE)):
        yield [_read(line) for line in part if line.endswith("\n")]


def _read(line: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(line)
    return {**told, "versions": sorted(told["versions"].items())}


def _make_schema(pa: Any) -> Any:
    """The fields of ``EyeResult`` behind what each line begins with, as columns."""
    text, number, share = pa.string(), pa.int64(), pa.float64()
    return pa.schema(
        [
            ("use", text),
            ("assigned", text),
            ("spool_id", number),
            ("patient", text),
            ("study", text),
            ("series", text),
            ("instance", text),
            ("eye", text),
            ("scans", number),
            ("failed_scans", number),
            ("cluster", number),
            ("margin", share),
            ("outlier_share", share),
            ("class_name", text),
            ("run_id", text),
            ("model_sha256", text),
            ("versions", pa.map_(text, text)),
        ]
    )
