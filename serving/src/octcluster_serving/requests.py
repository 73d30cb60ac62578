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
_MALFORMED = object()


def keep_malformed(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    """A deserializer that never fails: whoever reads the request is told then, see ``check_request``."""
    if deserialize is None:
        return None

    def deserialize_or_keep(content: bytes) -> Any:
        try:
            return deserialize(content)
        except Exception:  # protobuf's parsers raise several kinds
            return _MALFORMED

    return deserialize_or_keep


def check_request(request: Any) -> Any:
    """Returns the request.

    Raises:
        MalformedRequest: Its bytes were no message.
    """
    if request is _MALFORMED:
        raise MalformedRequest(
            "the request's bytes are no message of the contract: compare both sides' versions"
        )
    return request


async def check_requests(read: Callable[[], Awaitable[Any]]) -> AsyncIterator[Any]:
    """The same for a stream of requests, one by one.

    Args:
        read: Reads the next one, as the ``read`` of gRPC's context does. Its iterator would hold each request
            until the next one has come, and whoever waits for that one takes memory for nothing.

    Raises:
        MalformedRequest: The bytes of one were no message.
        TooSlow: The next one, or the end, does not come.
    """
    time = asyncio.get_running_loop().time
    deadline = time() + LONGEST_STREAM_SECONDS
    while True:
        try:
            async with asyncio.timeout_at(min(deadline, time() + LONGEST_PAUSE_SECONDS)):
                arrived = [await read()]
        except TimeoutError:
            raise TooSlow(
                f"the stream did not end within {LONGEST_STREAM_SECONDS:.0f} s, or paused for "
                f"{LONGEST_PAUSE_SECONDS:.0f} s: send it again, in shorter streams if need be"
            ) from None
        if arrived[0] is grpc.aio.EOF:
            await asyncio.sleep(_LEFT_SECONDS)
            return
        # Whoever reads it holds it alone, and lets go of it even if this stream is never read on.
        yield check_request(arrived.pop())
