"""Where a server is, and how long calls are repeated while it is away.

An outage, such as a restart, is ridden out here: the call is repeated with growing pauses until the caller's
timeout. All calls of the two services may be repeated.
"""

import random
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import grpc

from octcluster.clients.security import Tls, metadata_of
from octcluster.clients.status_errors import (
    details_of,
    find_cause,
    flags_of,
    service_error,
    tells_that_nothing_listens,
    was_closed,
)
from octcluster.clients.tls_probe import find_tls_fault
from octcluster.model.errors import (
    AddressInvalid,
    DeadlineExceeded,
    ServerOverloaded,
    ServerUnavailable,
    ServiceError,
)

OnWait = Callable[[str], None]

FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 2.0
# A server that says when to retry is alive: it is given more time than one that is away.
_RETRY_FACTOR_IF_BUSY = 20


def target_of(address: str) -> str:
    """Turns an address, as users write it, into a gRPC target.

    Args:
        address: ``HOST:PORT``, where a name with several IP addresses stands for several servers; several of
            these with commas between, whose names are looked up once, now; or a gRPC target such as
            ``dns:///HOST:PORT``, ``ipv4:...`` or ``unix:/path``.

    Returns:
        The target.

    Raises:
        AddressInvalid: It is neither.
    """
    if address.split(":", maxsplit=1)[0] in ("dns", "ipv4", "ipv6", "unix", "unix-abstract"):
        return address
    parts = [part.strip() for part in address.split(",")]
    hosts_and_ports = [part.rpartition(":") for part in parts]
    if not all(host and port.isdecimal() for host, _, port in hosts_and_ports):
        raise AddressInvalid(
            f'"{address}" is no server address: write HOST:PORT, for example 127.0.0.1:50051'
        )
    if len(parts) == 1:
        return f"dns:///{parts[0]}"
    try:
        return "ipv4:" + ",".join(f"{socket.gethostbyname(host)}:{port}" for host, _, port in hosts_and_ports)
    except OSError as error:
        raise AddressInvalid(
            f'a host name in "{address}" is not known here: check its spelling ({error})'
        ) from error


def split_addresses(address: str) -> list[str]:
    """The addresses of several servers in one text, with commas between; each comes once.

    Args:
        address: One address, or several; see target_of. A gRPC target ``ipv4:...`` or ``ipv6:...`` is one.
    """
    if address.startswith(("ipv4:", "ipv6:")):
        return [address]
    return list(dict.fromkeys(part.strip() for part in address.split(",")))


class Outage:
    """Decides whether a failed call is tried again, and when. Knows no clock but the one it is given."""

    def __init__(self, retry_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._began: float | None = None
        self._pauses = 0

    def next_pause_seconds(self, error: ServiceError) -> float:
        """Says how long to wait before the call is tried again.

        Args:
            error: Why it failed.

        Returns:
            Seconds: what the server said, or else growing from failure to failure; with a random part so that
            clients do not return all at once.

        Raises:
            ServiceError: The error itself, if trying again would not help or the timeout has passed.
        """
        if not isinstance(error, ServerUnavailable | ServerOverloaded):
            raise error
        now = self._clock()
        if self._began is None:
            self._began = now
        told = error.retry_after_seconds if isinstance(error, ServerOverloaded) else None
        timeout = self._retry_seconds * (1 if told is None else _RETRY_FACTOR_IF_BUSY)
        if now - self._began >= timeout:
            raise error
        if told is not None:
            return told * random.uniform(1, 1.5)  # noqa: S311 - spreads load, guards nothing
        pause: float = min(FIRST_PAUSE_SECONDS * 2**self._pauses, _LONGEST_PAUSE_SECONDS)
        self._pauses += 1
        return pause * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing

    def end(self) -> None:
        """The server has answered: the timeout starts anew."""
        self._began = None
        self._pauses = 0


@dataclass(frozen=True)
class Endpoint:
    """Who is called, where and how; what the sync and the async connection share.

    Attributes:
        service: For people: ``the embedder``.
        address: As the user wrote it.
        timeout_seconds: Deadline of one call.
        retry_seconds: How long calls are repeated while the server is away.
        on_wait: Told in a sentence before each pause; may raise to end the waiting.
        tls: How the connection is secured; None: it is not.
        token: What the server wants to see; None: nothing.
        traceparent: The trace that the calls belong to; None: none.
    """

    service: str
    address: str
    timeout_seconds: float
    retry_seconds: float
    on_wait: OnWait | None = None
    tls: Tls | None = None
    token: str | None = field(default=None, repr=False)
    traceparent: str | None = None

    @cached_property
    def proof(self) -> Mapping[str, object]:
        """The arguments of each call that show the token, if there is one, and name its trace."""
        metadata = metadata_of(self.token, self.address, self.tls, flags_of(self.service))
        if self.traceparent is not None:
            metadata += (("traceparent", self.traceparent),)
        return {"metadata": metadata} if metadata else {}

    @property
    def trace_id(self) -> str:
        """The id of that trace, as logs and collectors tell it; empty if there is none."""
        return self.traceparent.split("-")[1] if self.traceparent else ""

    def pause_seconds(self, outage: Outage, error: grpc.RpcError | ServiceError) -> float:
        """Like Outage.next_pause_seconds, and tells on_wait."""
        if not isinstance(error, ServiceError):
            error = self._tls_fault(error) or service_error(error, self.service, self.address)
        pause = outage.next_pause_seconds(error)
        if self.on_wait is not None:
            self.on_wait(f"waiting: {error}")
        return pause

    def not_serving(self, error: grpc.RpcError, seconds: float, before: ServiceError | None) -> ServiceError:
        """Why a server that was waited for does not serve; ``before`` if that says more."""
        if before is not None and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return before
        known = self._tls_fault(error) or service_error(error, self.service, self.address)
        if isinstance(known, ServerUnavailable | DeadlineExceeded):
            silent = isinstance(known, DeadlineExceeded)
            details = details_of(error, self.service)
            cause = "it may be overloaded, or the address may be wrong" if silent else find_cause(details)
            told = f"no answer from {self.service} at {self.address} in {seconds:.0f} s: {cause} ({details})"
            found = ServerUnavailable(told, code=grpc.StatusCode.UNAVAILABLE.name)
            found.nothing_listens = tells_that_nothing_listens(details)
            return found
        return known

    def _tls_fault(self, error: grpc.RpcError) -> ServiceError | None:
        """What TLS had to do with it, if the server closed the connection without a word."""
        if not was_closed(error):
            return None
        flags = flags_of(self.service)
        return find_tls_fault(self.service, flags, self.address, target_of(self.address), self.tls)
