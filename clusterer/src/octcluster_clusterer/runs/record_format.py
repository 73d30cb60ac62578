"""How a run's record is written down: its status and its content as JSON, each array as a field of its own.

Pydantic maps the dataclasses, whatever fields they have. What another version wrote does not fit them and is
refused as a whole. Where it would fit and mean something else, FORMAT tells the two apart: raise it whenever
the meaning of a field changes, or a field with a default comes in.
"""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter

from octcluster_clusterer.runs.records import RunRecord, RunStatus

STATUS_FIELD = b"status"
_CONTENT_FIELD = b"content"
_Format = Literal[1]
FORMAT: _Format = 1
"""Number of this format, in every record."""

_ARRAY = "array"
_BYTES = "bytes"
_CONFIG = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
_STATUS = TypeAdapter(tuple[_Format, RunStatus], config=_CONFIG)
_RECORD = TypeAdapter(tuple[_Format, RunRecord], config=_CONFIG)


def write_record(record: RunRecord) -> dict[bytes, bytes]:
    """Writes a record as fields by name; the status comes last."""
    arrays: list[NDArray[Any]] = []

    def set_aside(value: object) -> dict[str, object]:
        if isinstance(value, bytes):
            return {_BYTES: value.hex()}
        arrays.append(np.asarray(value))
        return {_ARRAY: len(arrays) - 1}

    content = _RECORD.dump_python((FORMAT, record), exclude={1: {"status"}}, warnings="error")
    document = json.dumps(content, default=set_aside).encode()
    fields = {_name_array(index): _write_array(array) for index, array in enumerate(arrays)}
    return {**fields, _CONTENT_FIELD: document, STATUS_FIELD: _STATUS.dump_json((FORMAT, record.status))}


def read_record(fields: Mapping[bytes, bytes]) -> RunRecord:
    """Reads what ``write_record`` wrote.

    Raises:
        KeyError: A field is missing.
        ValueError: The record is of another format, or none.
    """

    def put_back(value: dict[str, Any]) -> Any:
        if value.keys() == {_BYTES}:
            return bytes.fromhex(value[_BYTES])
        return _read_array(fields[_name_array(value[_ARRAY])]) if value.keys() == {_ARRAY} else value

    status = read_status(fields[STATUS_FIELD])
    number, content = json.loads(fields[_CONTENT_FIELD], object_hook=put_back)
    _, record = _RECORD.validate_python((number, {**content, "status": status}))
    return record


def read_status(content: bytes) -> RunStatus:
    """Reads the status of a record from its field; raises ValueError if it is of another format, or none."""
    _, status = _STATUS.validate_json(content)
    return status


def _name_array(index: int) -> bytes:
    return b"array:%d" % index


def _write_array(array: NDArray[Any]) -> bytes:
    file = BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _read_array(content: bytes) -> NDArray[Any]:
    return np.lib.format.read_array(BytesIO(content), allow_pickle=False)
