"""What the conversions of both services' messages share."""

from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

V = TypeVar("V")


class Enum(Protocol[V]):
    """An enum of the contract; each has a type of its own for its values."""

    def values(self) -> list[V]:
        """All values, as numbers."""

    def Name(self, number: V) -> str:  # noqa: N802 - protobuf's own name
        """The name of a value in the contract."""


def enum_name(enum: Enum[V], value: V, prefix: str) -> str:
    """A value's name in lower case without its prefix; values of newer servers get their number as a name."""
    if value not in enum.values():
        return f"unknown_{value}"
    name = enum.Name(value).removeprefix(prefix).lower()
    return "" if name == "unspecified" else name


def fields_of(kind: type, message: Message) -> dict[str, Any]:
    """The fields of a message that a data class has too, by name."""
    return {name: getattr(message, name) for name in kind.__dataclass_fields__}  # type: ignore[attr-defined]
