"""What puts other vectors into the clusters of one result, as a file: written here, and read with distrust.

    NPZ archive, not compressed ─┬─ fitted.json          format, version, space, and what else is no array
                                 ├─ part0.means.npy, ... the preparation of each part (``FittedPart``)
                                 └─ rule.means.npy, ...  the rule of the result (``ClusterRule``)

A file may be years old, come from another site, or be forged. So nothing in it is unpickled or decompressed,
nothing is allocated because it says so, and each array must have the type, the shape and the values that
Assign relies on. Equal results give equal bytes.
"""

import io
import math
from collections.abc import Mapping
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, TypeAdapter, ValidationError

from octcluster_clusterer.assignment.assign import ClusterRule, FittedResult
from octcluster_clusterer.assignment.fitted_checks import check_fitted
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import DataType, VectorSpace
from octcluster_clusterer.preparation.fitted import FittedPart, FittedPreparation

FORMAT = "octcluster-fitted"
VERSION = 1
"""Raised when an older clusterer would misread the file."""
MAX_FILE_BYTES = 192 * 2**20
"""Axes and rules that a run keeps have at most half of this."""
_HEADER = "fitted.json"
_MAX_HEADER_BYTES = 2**16
_MAX_PARTS = 256
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_PART_TYPES = {
    "means": "<f8",
    "divisors": "<f8",
    "axes": "<f4",
    "factors": "<f4",
    "patient_whitening": "<f4",
    "unit_centre": "<f4",
}
_RULE_TYPES = {"means": "<f4", "weights": "<f4", "biases": "<f8", "distance_quantiles": "<f8"}
_CURE = "copy the file once more from the result of the run, or repeat the run"


class _Header(BaseModel, extra="forbid", allow_inf_nan=False):
    """fitted.json; ``parts`` names the arrays of each part."""

    format: str
    version: int
    space_digest: str
    dimension: int
    data_type: DataType
    l2_normalize: bool
    prepared_length: float | None
    parts: list[list[str]]
    fitted_agreement: float


class _Damaged(Exception):
    """What in a file is not as it was written."""


def write_fitted(fitted: FittedResult) -> bytes:
    """Writes a fitted result as a file."""
    arrays: dict[str, NDArray[Any]] = {}
    parts = []
    for index, part in enumerate(fitted.preparation.parts):
        kept = {name: getattr(part, name) for name in _PART_TYPES if getattr(part, name) is not None}
        arrays |= {_name_array(f"part{index}", name): array for name, array in kept.items()}
        parts.append(list(kept))
    arrays |= {_name_array("rule", name): getattr(fitted.rule, name) for name in _RULE_TYPES}
    header = _Header(
        format=FORMAT,
        version=VERSION,
        space_digest=fitted.space.digest.hex(),
        dimension=fitted.space.dimension,
        data_type=fitted.space.data_type,
        l2_normalize=fitted.preparation.l2_normalize,
        prepared_length=fitted.preparation.prepared_length,
        parts=parts,
        fitted_agreement=fitted.rule.fitted_agreement,
    )
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_STORED) as archive:
        archive.writestr(ZipInfo(_HEADER, _FIRST_DAY), header.model_dump_json())
        for name, array in arrays.items():
            archive.writestr(ZipInfo(name, _FIRST_DAY), _format_array(array))
    return stream.getvalue()


def read_fitted(content: bytes) -> FittedResult:
    """Reads what ``write_fitted`` wrote, maybe elsewhere and long ago. Arrays are read-only.

    Raises:
        InvalidRequest: The file is damaged, of another version, or holds what cannot be; the message says
            what to do.
    """
    if len(content) > MAX_FILE_BYTES:
        raise InvalidRequest(f"the file of the fitted run has more than {MAX_FILE_BYTES} bytes: {_CURE}")
    try:
        members = _read_archive(content)
        header = _read_header(members)
        fitted = _read_result(header, members)
        if fault := check_fitted(fitted):
            raise _Damaged(fault)
    except _Damaged as error:
        raise InvalidRequest(f"the file of the fitted run is damaged: {error}; {_CURE}") from None
    return fitted


def _name_array(owner: str, name: str) -> str:
    return f"{owner}.{name}.npy"


def _format_array(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    little_endian = array.dtype.newbyteorder("<")
    np.lib.format.write_array(stream, np.ascontiguousarray(array, little_endian), (1, 0), allow_pickle=False)
    return stream.getvalue()


def _read_archive(content: bytes) -> dict[str, bytes]:
    """The members of the archive by name, as they lie in it."""
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            if any(info.compress_type != ZIP_STORED or info.flag_bits & 1 for info in infos):
                raise _Damaged("a member is compressed or encrypted")
            # Members that lie in each other would be copied again and again.
            if sum(info.file_size for info in infos) > len(content):
                raise _Damaged("its members are larger than the file")
            members = {info.filename: archive.read(info) for info in infos}
    except (BadZipFile, EOFError, OSError, ValueError, NotImplementedError):
        raise _Damaged("it is no archive that can be read") from None
    if len(members) != len(infos):
        raise _Damaged("two members have one name")
    return members


def _read_header(members: Mapping[str, bytes]) -> _Header:
    written = members.get(_HEADER, b"")
    if not 0 < len(written) <= _MAX_HEADER_BYTES:
        raise _Damaged(f"it has no {_HEADER}")
    try:
        header = _Header.model_validate_json(written)
    except ValidationError:
        _refuse_other_version(written)
        raise _Damaged(f"{_HEADER} does not say what it should") from None
    if header.format != FORMAT or header.version != VERSION:
        _refuse_other_version(written)
    return header


def _refuse_other_version(written: bytes) -> None:
    """Raises InvalidRequest if a header is sound, and of a version that this clusterer does not know."""
    try:
        document = TypeAdapter(dict[str, Any]).validate_json(written)
    except ValidationError:
        return
    version = document.get("version")
    if document.get("format") != FORMAT:
        raise _Damaged(f"{_HEADER} is not that of a fitted run")
    if isinstance(version, int) and version != VERSION:
        raise InvalidRequest(
            f"the file of the fitted run has format {version}, this clusterer reads format {VERSION}: use "
            "octcluster of the release that wrote the file, or repeat the run with this one"
        )


def _read_result(header: _Header, members: Mapping[str, bytes]) -> FittedResult:
    if not 1 <= len(header.parts) <= _MAX_PARTS:
        raise _Damaged("it has no parts, or too many")
    unread = set(members) - {_HEADER}

    def read(owner: str, name: str, dtype: str) -> NDArray[Any]:
        path = _name_array(owner, name)
        if path not in unread:
            raise _Damaged("an array is missing")
        unread.remove(path)
        return _read_array(members[path], np.dtype(dtype))

    parts = []
    for index, names in enumerate(header.parts):
        if not set(names) <= set(_PART_TYPES) or not {"means", "divisors", "factors"} <= set(names):
            raise _Damaged("a part has other arrays than it should")
        arrays: dict[str, Any] = {name: read(f"part{index}", name, _PART_TYPES[name]) for name in names}
        parts.append(FittedPart(**({"axes": None} | arrays)))
    rule = {name: read("rule", name, dtype) for name, dtype in _RULE_TYPES.items()}
    if unread:
        raise _Damaged("it holds what does not belong to it")
    try:
        digest = bytes.fromhex(header.space_digest)
    except ValueError:
        raise _Damaged("its space has no digest") from None
    return FittedResult(
        VectorSpace(digest, header.dimension, header.data_type),
        FittedPreparation(header.l2_normalize, parts, header.prepared_length),
        ClusterRule(**rule, fitted_agreement=header.fitted_agreement),
    )


def _read_array(content: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array as a view of its member; its size is that of the member, whatever its header says."""
    stream = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise _Damaged("an array has another format")
        shape, fortran_order, found = np.lib.format.read_array_header_1_0(stream)
    except (ValueError, TypeError, EOFError, RecursionError, MemoryError):
        raise _Damaged("an array cannot be read") from None
    start = stream.tell()
    if found != dtype or fortran_order:
        raise _Damaged("an array has another type")
    if any(size < 0 for size in shape) or math.prod(shape) * dtype.itemsize != len(content) - start:
        raise _Damaged("an array has another size than its header says")
    return np.frombuffer(content, dtype, offset=start).reshape(shape)
