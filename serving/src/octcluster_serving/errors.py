"""What keeps a server from starting, and which calls no service answers.

    ServingError
    ├── CannotListen    an address is in use, or not this machine's     → exit code 1
    └── UnusableFile    a certificate, key or token cannot be used      → exit code 2
    NoName              a certificate that must say who calls does not  → UNAUTHENTICATED
    MalformedRequest    a request is no message of the contract         → INVALID_ARGUMENT
    TooSlow             a stream of requests does not come to its end   → DEADLINE_EXCEEDED

The other errors that end a call are the service's own; ``Service.status_of_error`` says what becomes of each.
Messages name flags and files: they go to the server's console and never to a client.
"""

from typing import ClassVar


class ServingError(Exception):
    """Base of all errors of this package.

    Attributes:
        exit_code: With what the program ends.
    """

    exit_code: ClassVar[int]


class CannotListen(ServingError):
    """The server cannot bind the address of this flag."""

    exit_code = 1

    def __init__(self, flag: str, address: str) -> None:
        super().__init__(f"cannot listen on {flag} {address}: is the address in use, or not of this machine?")


class UnusableFile(ServingError):
    """A file that a setting names cannot be used; the message names its flag."""

    exit_code = 2


class NoName(Exception):
    """A client's certificate does not say who calls, and must."""


class MalformedRequest(Exception):
    """The bytes of a request are no message of the contract."""


class TooSlow(Exception):
    """A stream of requests does not come to its end."""
