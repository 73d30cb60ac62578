"""One gRPC service, as its shell knows it."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import grpc


@dataclass(frozen=True)
class Service:
    """What the shell must know of a service.

    Attributes:
        name: Its full name in the contract.
        program: Its distribution and its command; with underscores, the prefix of its metrics.
        reason_not_serving: Why it may say that it does not serve, for people.
        status_of_error: The gRPC status of each kind of error that ends a call; a kind below it in the tree
            has the same. Any other error is a fault of the server.
        alive_before_serving: Whether the server as a whole serves while the service does not: the service
            waits for another server.
        counted: What log and span say of every call, also where it is 0; see ``calls.count``.
    """

    name: str
    program: str
    reason_not_serving: str
    status_of_error: Mapping[type[Exception], grpc.StatusCode]
    alive_before_serving: bool = False
    counted: Sequence[str] = ()

    @property
    def version(self) -> str:
        """The version that is installed."""
        return importlib.metadata.version(self.program)
