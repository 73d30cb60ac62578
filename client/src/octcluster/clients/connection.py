"""The channels to both services, and the calls on them, which are repeated while a server is away.

If the address stands for several servers, the next attempt goes to another one. gRPC's own retries are off:
see docs/decisions/0037-repeat-calls-ourselves.md.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import TypeVar

import grpc
import grpc.aio

from octcluster.clients.endpoint import FIRST_PAUSE_SECONDS, Endpoint, OnWait, Outage, target_of
from octcluster.model.errors import ServerUnavailable, ServiceError

C = TypeVar("C")
T = TypeVar("T")

_SERVICE_CONFIG = {
    # Calls go in turn to all servers behind the address, and to none that says it is not ready.
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": ""},
}
_CHANNEL_OPTIONS = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # The servers say how large a message may be, and the clients cut to that.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A call that gRPC retries may hang for ever, beyond its deadline: https://github.com/grpc/grpc/issues/41036
    ("grpc.enable_retries", 0),
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

    def call_with_stream(self, method: Callable[..., T], requests: Iterable[object]) -> T:
        """The same with a stream of requests, all of which are sent again."""
        return self._repeat(
            lambda: method(iter(requests), timeout=self.endpoint.timeout_seconds, **self._proof)
        )

    def call_for_stream(self, method: Callable[..., Iterable[T]], request: object) -> list[T]:
        """The same with a stream of answers, all of which are fetched again."""
        return self.call(lambda request, **how: list(method(request, **how)), request)

    def watch(self, method: Callable[..., T], request: object, seconds: float) -> T:
        """Begins a call whose answers come over a long time; it is not repeated."""
        return method(request, timeout=seconds, **self._proof)

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
            time.sleep(FIRST_PAUSE_SECONDS)

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

    async def call_with_stream(self, method: Callable[..., Awaitable[T]], requests: Iterable[object]) -> T:
        """The same with a stream of requests, all of which are sent again."""
        return await self._repeat(
            lambda: method(iter(requests), timeout=self.endpoint.timeout_seconds, **self._proof)
        )

    async def call_for_stream(self, method: Callable[..., AsyncIterable[T]], request: object) -> list[T]:
        """The same with a stream of answers, all of which are fetched again."""

        async def fetch(request: object, **how: object) -> list[T]:
            return [answer async for answer in method(request, **how)]

        return await self.call(fetch, request)

    def watch(self, method: Callable[..., T], request: object, seconds: float) -> T:
        """Begins a call whose answers come over a long time; it is not repeated."""
        return method(request, timeout=seconds, **self._proof)

    async def _repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        outage = Outage(self.endpoint.retry_seconds)
        while True:
            try:
                return await attempt()
            except grpc.RpcError as error:
                await self.wait(outage, error)

    async def wait(self, outage: Outage, error: grpc.RpcError | ServiceError) -> None:
        """Waits before a call is tried again, or raises what the error means."""
        # In a thread: it may ask the server why it closed the connection.
        await asyncio.sleep(await asyncio.to_thread(self.endpoint.pause_seconds, outage, error))

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
                failure = await asyncio.to_thread(self.endpoint.not_serving, error, seconds, failure)
                if remaining <= 1 or not isinstance(failure, ServerUnavailable):
                    raise failure from error
            if on_wait is not None:
                on_wait(f"waiting for {self.endpoint.service} at {self.endpoint.address}")
            await asyncio.sleep(FIRST_PAUSE_SECONDS)

    async def close(self) -> None:
        """Ends the connection and all calls on it."""
        await self.channel.close()
