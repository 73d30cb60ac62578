"""How both clients reach their server: addresses, channels, and retries with a server that is away.

Two layers retry. gRPC itself, by the service config below, repeats a call that a server could not take, at
once and on another server if the address stands for several. Outages that last longer, such as a restart,
are ridden out here: the call is repeated with growing pauses until the caller's timeout. All calls of
the two services may be repeated.
"""

import asyncio
import json
import random
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import grpc
import grpc.aio

from octcluster.clients.security import Tls, metadata_of
from octcluster.clients.status_errors import details_of, service_error
from octcluster.model.errors import (
    AddressInvalid,
    DeadlineExceeded,
    ServerOverloaded,
    ServerUnavailable,
    ServiceError,
)

C = TypeVar("C")
T = TypeVar("T")
OnWait = Callable[[str], None]

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 2.0
# A server that says when to come again is alive: it is given more time than one that is away.
_RETRY_FACTOR_IF_BUSY = 20
_RETRY_BUFFER_BYTES = 256 << 20
_SERVICE_CONFIG = {
    # Calls go in turn to all servers behind the address, and to none that says it is not ready.
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": ""},
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}
_CHANNEL_OPTIONS = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # The servers say how large a message may be, and the clients cut to that.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # gRPC does not retry calls with more bytes than this; its default of 256 KiB leaves out every batch.
    ("grpc.per_rpc_retry_buffer_size", _RETRY_BUFFER_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A connection that died without a word is noticed while a call waits on it. The servers allow pings
    # every 10 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Patients' images go to the server that was named and through no proxy of the environment.
    ("grpc.enable_http_proxy", 0),
    # Each client has its own connections, so that closing one client ends its calls and no others.
    ("grpc.use_local_subchannel_pool", 1),
]


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
        pause: float = min(_FIRST_PAUSE_SECONDS * 2**self._pauses, _LONGEST_PAUSE_SECONDS)
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
    """

    service: str
    address: str
    timeout_seconds: float
    retry_seconds: float
    on_wait: OnWait | None = None
    tls: Tls | None = None
    token: str | None = field(default=None, repr=False)

    @cached_property
    def proof(self) -> Mapping[str, object]:
        """The arguments of each call that show the token, if there is one."""
        metadata = metadata_of(self.token, self.address, self.tls)
        return {} if metadata is None else {"metadata": metadata}

    def pause_seconds(self, outage: Outage, error: grpc.RpcError | ServiceError) -> float:
        """Like Outage.next_pause_seconds, and tells on_wait."""
        if not isinstance(error, ServiceError):
            error = service_error(error, self.service, self.address)
        pause = outage.next_pause_seconds(error)
        if self.on_wait is not None:
            self.on_wait(f"waiting: {error}")
        return pause

    def not_serving(self, error: grpc.RpcError, seconds: float, before: ServiceError | None) -> ServiceError:
        """Why a server that was waited for does not serve; ``before`` if that says more."""
        if before is not None and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return before
        known = service_error(error, self.service, self.address)
        if isinstance(known, ServerUnavailable | DeadlineExceeded):
            return ServerUnavailable(
                f"no answer from {self.service} at {self.address} in {seconds:.0f} s: is it running, and is"
                f" the address right? ({details_of(error)})",
                code=grpc.StatusCode.UNAVAILABLE.name,
            )
        return known


def _open_channel(endpoint: Endpoint, insecure: Callable[..., C], secure: Callable[..., C]) -> C:
    """Opens a channel with the functions of grpc or of grpc.aio."""
    target, tls = target_of(endpoint.address), endpoint.tls
    if tls is None:
        return insecure(target, options=_CHANNEL_OPTIONS)
    return secure(target, tls.credentials(), options=[*_CHANNEL_OPTIONS, *tls.options()])


class Connection:
    """A channel to one service, for calls that block."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._proof = endpoint.proof
        self.channel = _open_channel(endpoint, grpc.insecure_channel, grpc.secure_channel)

    def call(self, method: Callable[..., T], request: object) -> T:
        """Makes a call, again and again while the server is away."""
        return self._repeat(lambda: method(request, timeout=self.endpoint.timeout_seconds, **self._proof))

    def call_with_stream(self, method: Callable[..., T], requests: Sequence[object]) -> T:
        """The same with a stream of requests, all of which are sent again."""
        return self._repeat(
            lambda: method(iter(requests), timeout=self.endpoint.timeout_seconds, **self._proof)
        )

    def _repeat(self, attempt: Callable[[], T]) -> T:
        outage = Outage(self.endpoint.retry_seconds)
        while True:
            try:
                return attempt()
            except grpc.RpcError as error:
                self.wait(outage, error)

    def wait(self, outage: Outage, error: grpc.RpcError | ServiceError) -> None:
        """Waits before a call is tried again, or raises what the error means."""
        time.sleep(self.endpoint.pause_seconds(outage, error))

    def wait_until_serving(self, ask: Callable[..., T], seconds: float, on_wait: OnWait | None) -> T:
        """Repeats a call until the server answers it or the time is over."""
        deadline = time.monotonic() + seconds
        failure: ServiceError | None = None
        while True:
            remaining = deadline - time.monotonic()
            try:
                return ask(timeout=max(0.1, min(1, remaining)), **self._proof)
            except grpc.RpcError as error:
                failure = self.endpoint.not_serving(error, seconds, failure)
                if remaining <= 1 or not isinstance(failure, ServerUnavailable):
                    raise failure from error
            if on_wait is not None:
                on_wait(f"waiting for {self.endpoint.service} at {self.endpoint.address}")
            time.sleep(_FIRST_PAUSE_SECONDS)

    def close(self) -> None:
        """Ends the connection and all calls on it."""
        self.channel.close()


class AsyncConnection:
    """A channel to one service, for asyncio. Made inside the event loop that uses it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._proof = endpoint.proof
        self.channel = _open_channel(endpoint, grpc.aio.insecure_channel, grpc.aio.secure_channel)

    async def call(self, method: Callable[..., Awaitable[T]], request: object) -> T:
        """Makes a call, again and again while the server is away."""
        return await self._repeat(
            lambda: method(request, timeout=self.endpoint.timeout_seconds, **self._proof)
        )

    async def call_with_stream(self, method: Callable[..., Awaitable[T]], requests: Sequence[object]) -> T:
        """The same with a stream of requests, all of which are sent again."""
        return await self._repeat(
            lambda: method(iter(requests), timeout=self.endpoint.timeout_seconds, **self._proof)
        )

    async def _repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        outage = Outage(self.endpoint.retry_seconds)
        while True:
            try:
                return await attempt()
            except grpc.RpcError as error:
                await self.wait(outage, error)

    async def wait(self, outage: Outage, error: grpc.RpcError | ServiceError) -> None:
        """Waits before a call is tried again, or raises what the error means."""
        await asyncio.sleep(self.endpoint.pause_seconds(outage, error))

    async def wait_until_serving(
        self, ask: Callable[..., Awaitable[T]], seconds: float, on_wait: OnWait | None
    ) -> T:
        """Repeats a call until the server answers it or the time is over."""
        deadline = time.monotonic() + seconds
        failure: ServiceError | None = None
        while True:
            remaining = deadline - time.monotonic()
            try:
                return await ask(timeout=max(0.1, min(1, remaining)), **self._proof)
            except grpc.RpcError as error:
                failure = self.endpoint.not_serving(error, seconds, failure)
                if remaining <= 1 or not isinstance(failure, ServerUnavailable):
                    raise failure from error
            if on_wait is not None:
                on_wait(f"waiting for {self.endpoint.service} at {self.endpoint.address}")
            await asyncio.sleep(_FIRST_PAUSE_SECONDS)

    async def close(self) -> None:
        """Ends the connection and all calls on it."""
        await self.channel.close()
