"""Reads the tensors of a PyTorch weights file (the format before version 1.6) without PyTorch.

Such a file is a row of pickles: a magic number, a protocol version, a few facts about the machine, the
tensors (each a view into a storage: offset, size, strides) and the storages' names; after them come the
storages' values. A pickle can name any function to be called, so the reader allows only what tensors need and
refuses the rest.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.models.weights_content import find_content_fault

_CUT_SHORT = "it is cut short: get the file again"
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


class _TensorView(NamedTuple):
    storage_key: str
    data_type: str
    offset: int
    size: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: tuple[str, str], offset: int, size: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _TensorView:
    key, data_type = storage
    return _TensorView(key, data_type, offset, size, strides)


_ALLOWED: dict[tuple[str, str], Callable[..., Any] | str] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _TensorUnpickler(pickle.Unpickler):
    """Knows the names in ``_ALLOWED`` and no other."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which weights do not need") from None

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        kind, data_type, key, *_ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"it refers to an unknown kind of object, {kind!r}")
        return key, data_type


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Reads all tensors of a file.

    Args:
        path: A state dictionary saved by ``torch.save`` in its older format.

    Returns:
        Arrays by name, float32 or int64, shaped and strided as the tensors were.

    Raises:
        ValueError: The file is no such file, is damaged, or holds anything but tensors.
    """
    if fault := find_content_fault(path):
        raise ValueError(fault)
    try:
        with path.open("rb") as file:
            return _read_tensors(file, path.stat().st_size)
    except EOFError as error:
        raise ValueError(_CUT_SHORT) from error
    except Exception as error:  # a damaged pickle raises whatever the bytes happen to call for
        if isinstance(error, pickle.UnpicklingError) and "truncated" in str(error):
            raise ValueError(_CUT_SHORT) from error
        raise ValueError(f"no PyTorch weights file that can be read safely: {error}") from error


def _read_tensors(file: BinaryIO, size: int) -> dict[str, NDArray[Any]]:
    magic, protocol, machine = (_TensorUnpickler(file).load() for _ in range(3))
    if (magic, protocol, machine["little_endian"]) != (_MAGIC, _PROTOCOL, True):
        raise ValueError("no little-endian PyTorch weights file of the older format")
    views: dict[str, _TensorView] = _TensorUnpickler(file).load()
    storage_keys: list[str] = _TensorUnpickler(file).load()
    data_types = {view.storage_key: np.dtype(view.data_type) for view in views.values()}
    storages = {key: _read_storage(file, size, data_types[key]) for key in storage_keys}
    return {name: _as_array(view, storages[view.storage_key]) for name, view in views.items()}


def _read_storage(file: BinaryIO, size: int, data_type: np.dtype[Any]) -> NDArray[Any]:
    length = int.from_bytes(file.read(8), "little")
    # Before memory is taken for it: damage may make any number of it.
    if length * data_type.itemsize > size - file.tell():
        raise EOFError
    values = file.read(length * data_type.itemsize)
    return np.frombuffer(values, dtype=data_type, count=length)


def _as_array(view: _TensorView, storage: NDArray[Any]) -> NDArray[Any]:
    # Many tensors are transposed views: without their strides the values would land in the wrong places.
    # NumPy checks that the view stays within the storage.
    item = storage.itemsize
    return np.ndarray(
        shape=view.size,
        dtype=storage.dtype,
        buffer=storage,
        offset=view.offset * item,
        strides=tuple(stride * item for stride in view.strides),
    )
