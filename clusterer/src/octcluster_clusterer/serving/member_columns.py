"""The members of a run as they come in, chunk by chunk: checked and gathered into columns."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Members
from octcluster_clusterer.store.vectors import IMAGE_KEY_BYTES

MAX_NUMBER_COLUMNS = 32
_VALUE_BYTES = 4
# Of an int32 that is -1.
_UNKNOWN = b"\xff" * _VALUE_BYTES
_NAME = re.compile("[a-z0-9_]{1,64}")


class MemberColumns:
    """Members gathered so far."""

    def __init__(self) -> None:
        """Begins with no members."""
        # Each column is one buffer: chunks of few members would take many times what they hold.
        self._image_keys = bytearray()
        self._class_indices = bytearray()
        self._patient_indices = bytearray()
        self._unit_indices = bytearray()
        self._numbers: dict[str, bytearray] | None = None

    def __len__(self) -> int:
        return len(self._image_keys) // IMAGE_KEY_BYTES

    def add(
        self,
        image_keys: Sequence[bytes],
        class_indices: Sequence[int],
        patient_indices: Sequence[int],
        number_columns: Sequence[tuple[str, Sequence[float]]],
        unit_indices: Sequence[int] = (),
    ) -> None:
        """Adds a chunk of members.

        Args:
            image_keys: Image keys of the right length.
            class_indices: One for each image key, or none.
            patient_indices: One for each image key, or none.
            number_columns: Names and values, one for each image key.
            unit_indices: One for each image key, or none.

        Raises:
            InvalidRequest: A column breaks a rule; the message says which.
        """
        n_members = len(image_keys)
        for name, column, values in (
            ("class_indices", self._class_indices, class_indices),
            ("patient_indices", self._patient_indices, patient_indices),
            ("unit_indices", self._unit_indices, unit_indices),
        ):
            _add_indices(column, name, values, len(self), n_members)
        numbers = _to_numbers(number_columns, n_members)
        if self._numbers is None:
            self._numbers = {name: bytearray() for name in numbers}
        if set(numbers) != set(self._numbers):
            raise InvalidRequest("each chunk of members must have the same number_columns")
        for name, numbers_of_chunk in numbers.items():
            self._numbers[name] += numbers_of_chunk.tobytes()
        self._image_keys += b"".join(image_keys)

    def finish(self) -> Members:
        """The members; at least one must have been added.

        Raises:
            InvalidRequest: Their units are not numbers from 0 without gaps.
        """
        return Members(
            np.frombuffer(self._image_keys, dtype=np.uint8).reshape(-1, IMAGE_KEY_BYTES),
            _to_known(self._class_indices),
            _to_known(self._patient_indices),
            {name: np.frombuffer(column, np.float32) for name, column in (self._numbers or {}).items()},
            _check_units(_to_known(self._unit_indices)),
        )


def count_bytes(
    image_keys: Sequence[bytes],
    class_indices: Sequence[int],
    patient_indices: Sequence[int],
    number_columns: Sequence[tuple[str, Sequence[float]]],
    unit_indices: Sequence[int] = (),
) -> int:
    """Counts the bytes that a chunk takes as columns; see ``MemberColumns.add``."""
    columns = [class_indices, patient_indices, unit_indices, *(values for _, values in number_columns)]
    return IMAGE_KEY_BYTES * len(image_keys) + _VALUE_BYTES * sum(map(len, columns))


def _add_indices(
    column: bytearray, name: str, values: Sequence[int], n_members_before: int, n_members: int
) -> None:
    """Adds a chunk to a column, which stays empty until an index is given."""
    if not values:
        column += _UNKNOWN * (n_members if column else 0)
        return
    _check_length(name, values, n_members)
    indices = np.array(values, dtype=np.int32)
    if indices.min() < -1:
        raise InvalidRequest(f"{name} must be 0 or more, or -1 for unknown")
    if not column:
        column += _UNKNOWN * n_members_before
    column += indices.tobytes()


def _to_numbers(
    columns: Sequence[tuple[str, Sequence[float]]], n_members: int
) -> dict[str, NDArray[np.float32]]:
    if len(columns) > MAX_NUMBER_COLUMNS:
        raise InvalidRequest(f"{len(columns)} number_columns, at most {MAX_NUMBER_COLUMNS} may be")
    numbers: dict[str, NDArray[np.float32]] = {}
    for name, values in columns:
        # Names of the audit's own rows would be taken for them.
        if not _NAME.fullmatch(name) or name in numbers or name in ("class", "patient"):
            raise InvalidRequest(
                "a name in number_columns has 1 to 64 lower-case letters, digits and underscores, occurs "
                "once, and is neither class nor patient"
            )
        _check_length(f"values in number column {name}", values, n_members)
        numbers[name] = np.array(values, dtype=np.float32)
        if np.isinf(numbers[name]).any():
            raise InvalidRequest(f"number column {name} holds infinity: give numbers, or NaN for unknown")
    return numbers


def _check_length(name: str, values: Sequence[object], n_members: int) -> None:
    if len(values) != n_members:
        raise InvalidRequest(f"{len(values)} {name} for {n_members} image keys: give one for each, or none")


def _to_known(column: bytearray) -> NDArray[np.int32] | None:
    """The column as an array; None if nothing in it is known."""
    indices = np.frombuffer(column, dtype=np.int32)
    return indices if (indices >= 0).any() else None


def _check_units(units: NDArray[np.int32] | None) -> NDArray[np.int32] | None:
    if units is None:
        return None
    numbers = np.unique(units)
    if numbers[0] != 0 or numbers[-1] != numbers.size - 1:
        raise InvalidRequest(
            "unit_indices must be numbers from 0 without gaps, one for each member, or empty in all chunks"
        )
    return units
