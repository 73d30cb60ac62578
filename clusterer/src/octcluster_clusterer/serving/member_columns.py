"""The members of a run as they come in, chunk by chunk: checked and gathered into columns."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Members
from octcluster_clusterer.store.vectors import IMAGE_KEY_BYTES

MAX_NUMBER_COLUMNS = 32
_NAME = re.compile("[a-z0-9_]{1,64}")


class MemberColumns:
    """Members gathered so far."""

    def __init__(self) -> None:
        """Begins with no members."""
        self._image_keys = bytearray()
        self._class_indices: list[NDArray[np.int32]] = []
        self._patient_indices: list[NDArray[np.int32]] = []
        self._unit_indices: list[NDArray[np.int32]] = []
        self._numbers: dict[str, list[NDArray[np.float32]]] | None = None

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
        self._class_indices.append(_to_indices("class_indices", class_indices, n_members))
        self._patient_indices.append(_to_indices("patient_indices", patient_indices, n_members))
        self._unit_indices.append(_to_indices("unit_indices", unit_indices, n_members))
        numbers = _to_numbers(number_columns, n_members)
        if self._numbers is None:
            self._numbers = {name: [] for name in numbers}
        if set(numbers) != set(self._numbers):
            raise InvalidRequest("each chunk of members must have the same number_columns")
        for name, values in numbers.items():
            self._numbers[name].append(values)
        self._image_keys += b"".join(image_keys)

    def finish(self) -> Members:
        """The members; at least one must have been added.

        Raises:
            InvalidRequest: Their units are not numbers from 0 without gaps.
        """
        return Members(
            np.frombuffer(self._image_keys, dtype=np.uint8).reshape(-1, IMAGE_KEY_BYTES),
            _join_known(self._class_indices),
            _join_known(self._patient_indices),
            {name: np.concatenate(chunks) for name, chunks in (self._numbers or {}).items()},
            _check_units(_join_known(self._unit_indices)),
        )


def _to_indices(name: str, values: Sequence[int], n_members: int) -> NDArray[np.int32]:
    if not values:
        return np.full(n_members, -1, dtype=np.int32)
    _check_length(name, values, n_members)
    indices = np.array(values, dtype=np.int32)
    if indices.min() < -1:
        raise InvalidRequest(f"{name} must be 0 or more, or -1 for unknown")
    return indices


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


def _join_known(chunks: Sequence[NDArray[np.int32]]) -> NDArray[np.int32] | None:
    """One column; None if nothing in it is known."""
    column = np.concatenate(chunks)
    return column if (column >= 0).any() else None


def _check_units(units: NDArray[np.int32] | None) -> NDArray[np.int32] | None:
    if units is None:
        return None
    numbers = np.unique(units)
    if numbers[0] != 0 or numbers[-1] != numbers.size - 1:
        raise InvalidRequest(
            "unit_indices must be numbers from 0 without gaps, one for each member, or empty in all chunks"
        )
    return units
