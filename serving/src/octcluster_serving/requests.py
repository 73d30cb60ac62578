"""Requests as they arrive: bytes that are no message are the caller's fault, and streams come to an end.

gRPC itself would answer such bytes with UNKNOWN and a stack in the log, and would wait for a stream for ever.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from octcluster_serving.errors import MalformedRequest, TooSlow

LONGEST_PAUSE_SECONDS = 60.0
"""Between two messages of a stream of requests."""
LONGEST_STREAM_SECONDS = 600.0
"""For all of them; as long as a connection that has come to its age still has."""

# A stream whose client left ends like any other. A moment later the call is cancelled, and shall end so.
_LEFT_SECONDS = 0.002


def box(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], list[Any]]:
    """A deserializer that puts requests into boxes, see ``check_request``.

    It never fails: a box without a request tells that its bytes were no message. And gRPC, which holds what
    it gets until the call has ended, holds no request that has been taken out.
    """

    def deserialize_into_box(content: bytes) -> list[Any]:
        if deserialize is None:
            return [content]
        try:
            return [deserialize(content)]
        except Exception:  # protobuf's parsers raise several kinds
            return []

    return deserialize_into_box


def check_request(boxed: list[Any]) -> Any:
    """Takes the request out of its box, and returns it.

    Raises:
        MalformedRequest: Its bytes were no message.
    """
    if not boxed:
        raise MalformedRequest(
            "the request's bytes are no message of the contract: compare both sides' versions"
        )
    return boxed.pop()


async def check_requests(read: Callable[[], Awaitable[Any]]) -> AsyncIterator[Any]:
    """The same for a stream of requests, one by one.

    Args:
        read: Reads the next box, as the ``read`` of gRPC's context does.

    Raises:
        MalformedRequest: The bytes of one were no message.
        TooSlow: The next one, or the end, does not come.
    """
    time = asyncio.get_running_loop().time
    deadline = time() + LONGEST_STREAM_SECONDS
    while True:
        try:
            async with asyncio.timeout_at(min(deadline, time() + LONGEST_PAUSE_SECONDS)):
                boxed = await read()
        except TimeoutError:
            raise TooSlow(
                f"the stream did not end within {LONGEST_STREAM_SECONDS:.0f} s, or paused for "
                f"{LONGEST_PAUSE_SECONDS:.0f} s: send it again, in shorter streams if need be"
            ) from None
        if boxed is grpc.aio.EOF:
            await asyncio.sleep(_LEFT_SECONDS)
            return
        yield check_request(boxed)
