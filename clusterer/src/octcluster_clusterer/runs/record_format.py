"""How a run's record is written down: its status and its content as JSON, each array as a field of its own.

Pydantic maps the dataclasses, whatever fields they have. Each half of a record says its FORMAT and the digest
of those fields, so that what another version wrote is refused as a whole, also where only the status is
read. Raise FORMAT when the meaning of a field changes and its name and type do not.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from hashlib import blake2b
from typing import Any, get_args, get_type_hints

import numpy as np
from pydantic import ConfigDict, TypeAdapter

from octcluster_clusterer.runs.records import RunRecord, RunStatus

STATUS_FIELD = b"status"
_CONTENT_FIELD = b"content"
FORMAT = 1
"""Number of this format."""

_ARRAY = "array"
_BYTES = "bytes"
_CONFIG = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
_STATUS = TypeAdapter(tuple[str, RunStatus], config=_CONFIG)
_RECORD = TypeAdapter(tuple[str, RunRecord], config=_CONFIG)


def write_record(record: RunRecord) -> dict[bytes, bytes]:
    """Writes a record as fields by name; the status comes last."""
    arrays: list[bytes] = []

    def set_aside(value: object) -> dict[str, object]:
        if isinstance(value, bytes):
            return {_BYTES: value.hex()}
        array = np.asarray(value)
        arrays.append(array.tobytes())
        return {_ARRAY: len(arrays) - 1, "type": array.dtype.str, "shape": array.shape}

    content = _RECORD.dump_python((_VERSION, record), exclude={1: {"status"}}, warnings="error")
    document = json.dumps(content, default=set_aside).encode()
    fields = {_name_array(index): array for index, array in enumerate(arrays)}
    return {**fields, _CONTENT_FIELD: document, STATUS_FIELD: _STATUS.dump_json((_VERSION, record.status))}


def read_record(fields: Mapping[bytes, bytes]) -> RunRecord:
    """Reads what ``write_record`` wrote. Arrays are views of the fields, and so read-only.

    Raises:
        KeyError: A field is missing.
        ValueError: The record is of another version, or none.
    """

    def put_back(value: dict[str, Any]) -> Any:
        if value.keys() == {_BYTES}:
            return bytes.fromhex(value[_BYTES])
        if value.keys() == {_ARRAY, "type", "shape"}:
            content = fields[_name_array(value[_ARRAY])]
            return np.frombuffer(content, value["type"]).reshape(value["shape"])
        return value

    status = read_status(fields[STATUS_FIELD])
    version, content = json.loads(fields[_CONTENT_FIELD], object_hook=put_back)
    _check_version(version)
    _, record = _RECORD.validate_python((version, {**content, "status": status}))
    return record


def read_status(content: bytes) -> RunStatus:
    """Reads the status of a record from its field; raises ValueError if it is of another version, or none."""
    version, status = _STATUS.validate_json(content)
    _check_version(version)
    return status


def _check_version(version: object) -> None:
    if version != _VERSION:
        raise ValueError("the record is of another version")


def _name_array(index: int) -> bytes:
    return b"array:%d" % index


def _list_fields(kind: Any) -> Iterator[str]:
    """The fields of a dataclass, and of those that it is made of, by name."""
    if is_dataclass(kind):
        for name, inner in get_type_hints(kind).items():
            yield f"{kind}.{name}"
            yield from _list_fields(inner)
    for inner in get_args(kind):
        yield from _list_fields(inner)


_VERSION = f"{FORMAT}:{blake2b(' '.join(_list_fields(RunRecord)).encode(), digest_size=8).hexdigest()}"
