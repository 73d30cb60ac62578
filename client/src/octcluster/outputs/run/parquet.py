"""assignments.parquet: what assignments.csv holds and more, for pandas, Polars, DuckDB and others."""

import os
from collections.abc import Sequence
from typing import Any

from octcluster.model.runs import EmbeddingSpace, vector_bytes
from octcluster.outputs.run.columns import list_columns
from octcluster.workflows.outcome import RunOutcome
from octcluster.workflows.result_files import PARQUET_PREFIX


def format_parquet(outcome: RunOutcome) -> bytes:
    """Formats one row an image that was clustered, in the order of ``assignments.csv``.

    The columns are those of ``list_columns``, and ``vector``, the image's features, if the outcome has them.
    Like the CSV, the file stays on this machine: it names images and patients.
    """
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow.parquet import write_table  # noqa: PLC0415

    types = {"cluster": pa.int32(), "scan": pa.int32(), "silhouette": pa.float32()}
    types |= {"eye_cluster": pa.int32(), "eye_row": pa.int32()}
    types |= dict.fromkeys(("pca_x", "pca_y", "distance", "umap_x", "umap_y"), pa.float32())
    columns = {
        name: pa.array(values, types[name]) if name in types else pa.array(map(_as_text, values), pa.string())
        for name, values in list_columns(outcome).items()
    }
    if outcome.vectors is not None:
        columns["vector"] = _list_vectors(outcome.vectors, outcome.space)
    table = pa.table(columns).replace_schema_metadata(
        {
            f"{PARQUET_PREFIX}run_id": outcome.spec.run_id,
            f"{PARQUET_PREFIX}result_id": outcome.result_id,
            "octcluster_space": outcome.space.digest.hex(),
            "octcluster_keys": outcome.key_check,
        }
    )
    sink = pa.BufferOutputStream()
    write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


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
