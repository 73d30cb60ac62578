"""Columns of many numbers, some of which may be unknown."""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload


class OptionalFloats(Sequence[float | None]):
    """Numbers of 32 bits, None where unknown: 4 bytes each, where a list takes 32."""

    def __init__(self, values: Iterable[float] = ()) -> None:
        """Takes in numbers; NaN stands for unknown."""
        self._values = array("f", values)

    def extend(self, values: Iterable[float]) -> None:
        """Appends numbers; NaN stands for unknown."""
        self._values.extend(values)

    @overload
    def __getitem__(self, index: int) -> float | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[float | None]: ...
    def __getitem__(self, index: int | slice) -> float | list[float | None] | None:
        if isinstance(index, slice):
            return [_known(value) for value in self._values[index]]
        return _known(self._values[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptionalFloats) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[float | None]:
        return map(_known, self._values)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
