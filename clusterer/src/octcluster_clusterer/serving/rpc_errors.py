"""Between gRPC and the service: an error becomes a status, and each call one line of log."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from octcluster_clusterer.errors import (
    CannotAssign,
    ClustererError,
    InvalidRequest,
    QueueFull,
    RunNotFinished,
    RunNotFound,
    ServerStopping,
    StoreUnavailable,
)

logger = logging.getLogger(__name__)

STATUS_OF_ERROR: dict[type[ClustererError], grpc.StatusCode] = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    RunNotFound: grpc.StatusCode.NOT_FOUND,
    RunNotFinished: grpc.StatusCode.FAILED_PRECONDITION,
    CannotAssign: grpc.StatusCode.FAILED_PRECONDITION,
    QueueFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    StoreUnavailable: grpc.StatusCode.UNAVAILABLE,
    ServerStopping: grpc.StatusCode.UNAVAILABLE,
}
"""The gRPC status of each kind of error that ends a call; a kind below it in the tree has the same."""


class RpcErrors(grpc.aio.ServerInterceptor):
    """Turns the errors of one service's methods into gRPC statuses and logs each call in one line."""

    def __init__(self, service: str) -> None:
        """Looks after the service of this full name; leaves others, such as health, alone."""
        self._prefix = f"/{service}/"

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Wraps the method that answers a call."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(self._prefix):
            return handler
        name = method.removeprefix(self._prefix)
        if handler.response_streaming:
            answer_many = handler.unary_stream

            async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
                async with _answering(name, context):
                    async for response in answer_many(request, context):
                        yield response

            return handler._replace(unary_stream=stream)
        kind = "stream_unary" if handler.request_streaming else "unary_unary"
        answer_one = getattr(handler, kind)

        async def answer(request: Any, context: Any) -> Any:
            async with _answering(name, context):
                return await answer_one(request, context)

        return handler._replace(**{kind: answer})


@asynccontextmanager
async def _answering(name: str, context: Any) -> AsyncIterator[None]:
    started = time.monotonic()
    status = grpc.StatusCode.CANCELLED
    try:
        yield
        status = grpc.StatusCode.OK
    except ClustererError as error:
        status = next(code for kind, code in STATUS_OF_ERROR.items() if isinstance(error, kind))
        await context.abort(status, str(error))
    except Exception:
        status = grpc.StatusCode.INTERNAL
        logger.exception("%s failed", name)
        await context.abort(
            status, "the server failed: look for the time of this call in the log of the clusterer"
        )
    finally:
        milliseconds = 1000 * (time.monotonic() - started)
        logger.info("%s %s in %.0f ms", name, status.name, milliseconds)
