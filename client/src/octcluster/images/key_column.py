"""The keys of many images in one piece of memory, and which of them are equal."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

KEY_BYTES = 32


class KeyColumn(Sequence[bytes]):
    """Image keys side by side: 32 bytes a key, where a list of them takes 88.

    A key that was not set is all zeros.
    """

    def __init__(self, length: int) -> None:
        """Makes room for so many keys."""
        self._data = bytearray(KEY_BYTES * length)

    @classmethod
    def of(cls, keys: Iterable[bytes]) -> "KeyColumn":
        """Gathers keys."""
        column = cls(0)
        column.extend(keys)
        return column

    def extend(self, keys: Iterable[bytes]) -> None:
        """Appends keys."""
        for key in keys:
            self._data += key

    def __setitem__(self, position: int, key: bytes) -> None:
        start = KEY_BYTES * position
        self._data[start : start + KEY_BYTES] = key

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        start = KEY_BYTES * range(len(self))[index]
        return bytes(self._data[start : start + KEY_BYTES])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyColumn) and self._data == other._data

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self._data) // KEY_BYTES

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), KEY_BYTES):
            yield bytes(self._data[start : start + KEY_BYTES])


def find_first_equal(keys: Sequence[bytes]) -> "array[int]":
    """Finds for each key the position of the first one that is equal to it, which may be its own.

    Args:
        keys: The keys; none is empty.

    Returns:
        One position a key.
    """
    first = array("i", range(len(keys)))
    # A dictionary of all keys would take five times as much as the keys.
    parts = [array("i") for _ in range(256)]
    for position, key in enumerate(keys):
        parts[key[0]].append(position)
    for part in parts:
        seen: dict[bytes, int] = {}
        for position in part:
            first[position] = seen.setdefault(keys[position], position)
    return first
