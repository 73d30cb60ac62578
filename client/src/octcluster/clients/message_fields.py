"""What the conversions of both services' messages share."""

from typing import Any

from google.protobuf.message import Message


def enum_name(enum: Any, value: int, prefix: str) -> str:
    """A value's name in lower case without its prefix; values of newer servers get their number as a name."""
    if value not in enum.values():
        return f"unknown_{value}"
    name: str = enum.Name(value).removeprefix(prefix).lower()
    return "" if name == "unspecified" else name


def fields_of(kind: type, message: Message) -> dict[str, Any]:
    """The fields of a message that a data class has too, by name."""
    return {name: getattr(message, name) for name in kind.__dataclass_fields__}  # type: ignore[attr-defined]
