"""Who calls: the name behind a token, or that of a client's certificate."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar

NOBODY = ""
"""Who calls where nobody is told apart from anybody else."""

_caller: ContextVar[str] = ContextVar("caller", default=NOBODY)


def name_caller(name: str) -> None:
    """Says who makes the call that is being answered."""
    _caller.set(name)


def current_caller() -> str:
    """Who makes the call that is being answered; NOBODY where callers have no names."""
    return _caller.get()


def find_certified_name(properties: Mapping[str, Sequence[bytes]]) -> str:
    """The name in the subject of a client's certificate.

    Args:
        properties: What gRPC knows of the connection: ``context.auth_context()``.

    Returns:
        The subject's common name; empty if there is none.
    """
    names = properties.get("x509_common_name", ())
    return names[0].decode(errors="replace") if names else ""
