"""Requests as they arrive: bytes that are no message of the contract are the caller's fault.

gRPC itself would answer such a call with UNKNOWN and write a stack into the log.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

from octcluster_serving.errors import MalformedRequest

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


async def check_requests(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The same for a stream of requests, one by one."""
    async for request in requests:
        yield check_request(request)
