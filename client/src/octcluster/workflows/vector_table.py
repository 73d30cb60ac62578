"""Tables of vectors that somebody brings: which column is what."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from octcluster.images.table_text import find_meanings
from octcluster.model.errors import InvalidImageSet
from octcluster.model.own_vectors import own_space
from octcluster.model.runs import VIEWS, EmbeddingSpace
from octcluster.workflows.vector_values import VectorValues, gather_values

VECTOR_COLUMNS = ("vector", "embedding", "features")
SPACE_METADATA = "octcluster_embedding_space"
"""Under which name assignments.parquet keeps the embedding space of its vectors."""
_NUMBERED = re.compile(r"(.*?)(\d+)")
_FEWEST_COLUMNS = 2


def read_values(named: str, table: Any) -> tuple[VectorValues, list[str]]:
    """Reads the vectors of an Arrow table.

    Args:
        named: What the table is called in errors.
        table: The table.

    Returns:
        The vectors, and the names of the columns that they are made of.

    Raises:
        InvalidImageSet: There are none, several columns may be meant, or they cannot be used.
    """
    if not table.num_rows:
        raise InvalidImageSet(f"{named} has no row: give one row a vector")
    lists = [name for name in table.column_names if _is_list(table.schema.field(name).type)]
    chosen = [name for name in VECTOR_COLUMNS if name in lists] or lists
    if len(chosen) > 1 and chosen[0] != VECTOR_COLUMNS[0]:
        raise InvalidImageSet(
            f"{named}: several columns may hold the vectors: {', '.join(chosen)}; call the right one 'vector'"
        )
    if chosen:
        return _read_lists(named, chosen[0], table[chosen[0]]), [chosen[0]]
    numbered = _find_numbered(table.schema)
    if not numbered:
        raise InvalidImageSet(
            f"{named} has no column of vectors: give a column 'vector' whose cells are lists of numbers, or "
            "a column for each value with numbered names (f0, f1, ...). 'octcluster run --vectors' writes "
            "such a file"
        )
    return _read_columns(named, table.select(numbered)), numbered


def read_space(metadata: Mapping[bytes, bytes] | None, values: VectorValues) -> EmbeddingSpace:
    """The space that a table of octcluster names for its vectors; else one of their own."""
    own = own_space(values.dimension, values.data_type)
    try:
        told = json.loads((metadata or {})[SPACE_METADATA.encode()])
        kinds = {field.name: type(getattr(own, field.name)) for field in fields(EmbeddingSpace)}
        known = {name: kind(told[name]) for name, kind in kinds.items() if name != "digest"}
        space = EmbeddingSpace(**known, digest=bytes.fromhex(told["digest"]))
        if not isinstance(told["part_dimensions"], list):
            return own
        parts = tuple(map(int, space.part_dimensions)) or (values.dimension,)
        usable = len(space.digest) == len(own.digest) and space.views in VIEWS and min(parts) > 0
        same = (space.dimension, space.data_type) == (values.dimension, values.data_type)
        return space if usable and same and sum(parts) == space.dimension else own
    except (KeyError, ValueError, TypeError):
        return own


def find_columns(named: str, columns: Sequence[str], of_vectors: Sequence[str]) -> dict[str, str]:
    """The columns that tell image, label, patient, eye and visit, by what they mean.

    Raises:
        InvalidImageSet: Several columns may mean the same.
    """
    others = [name for name in columns if name not in of_vectors]
    found = find_meanings(others)
    for meaning, names in found.items():
        if len(names) > 1:
            raise InvalidImageSet(
                f"{named}: several columns may be the {meaning}: {', '.join(names)}; call the right one "
                f"'{meaning}'"
            )
    return {meaning: names[0] for meaning, names in found.items()}


def _is_list(kind: Any) -> bool:
    from pyarrow import types  # noqa: PLC0415

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _find_numbered(schema: Any) -> list[str]:
    """Columns of numbers whose names differ in their last number alone, 0 or 1 the first, in this order."""
    from pyarrow import types  # noqa: PLC0415

    found: dict[str, dict[int, str]] = {}
    for field in schema:
        numbered = _NUMBERED.fullmatch(field.name)
        if numbered and (types.is_floating(field.type) or types.is_integer(field.type)):
            found.setdefault(numbered[1], {})[int(numbered[2])] = field.name
    columns = max(found.values(), key=len, default={})
    numbers = sorted(columns)
    whole = numbers in ([*range(len(numbers))], [*range(1, len(numbers) + 1)])
    return [columns[number] for number in numbers] if whole and len(numbers) >= _FEWEST_COLUMNS else []


def _read_lists(named: str, name: str, column: Any) -> VectorValues:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import types  # noqa: PLC0415

    where = f"{named}, column '{name}'"
    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py()
        raise InvalidImageSet(f"{where}: row {row} (from 0) has no vector: remove the row")
    kind = column.type.value_type
    if not (types.is_floating(kind) or types.is_integer(kind)):
        raise InvalidImageSet(f"{where}: its cells are lists of {kind}, not of numbers: save them as float32")
    lengths = pc.list_value_length(column)
    shortest, longest = pc.min(lengths).as_py(), pc.max(lengths).as_py()
    if shortest != longest or not longest:
        raise InvalidImageSet(
            f"{where}: its vectors have {shortest} to {longest} values: all must have equally many, and at "
            "least one"
        )
    pieces = []
    wanted = kind if kind in (pa.float16(), pa.float32(), pa.float64()) else pa.float32()
    for chunk in column.chunks:
        values = chunk.flatten()
        if values.null_count:
            raise InvalidImageSet(f"{where}: a vector lacks a value: remove or mend its row")
        values = values.cast(wanted, safe=False)
        size = wanted.bit_width // 8
        start = values.offset * size
        pieces.append(memoryview(values.buffers()[1])[start : start + len(values) * size])
    kinds = {pa.float16(): "float16", pa.float64(): "float64"}
    return gather_values(where, pieces, kinds.get(wanted, "float32"), longest)


def _read_columns(named: str, table: Any) -> VectorValues:
    import pyarrow as pa  # noqa: PLC0415

    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count:
            raise InvalidImageSet(f"{named}, column '{name}': a cell is empty: fill it, or remove its row")
    same = table.cast(pa.schema([(name, pa.float32()) for name in table.column_names]), safe=False)
    pieces = [memoryview(batch.to_tensor(row_major=True)).cast("B") for batch in same.to_batches()]
    return gather_values(named, pieces, "float32", table.num_columns)
