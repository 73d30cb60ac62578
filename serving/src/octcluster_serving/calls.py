"""Between gRPC and a service: an error becomes a status; each call one line of log, counts and a span."""

import asyncio
import logging
import math
import random
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import grpc
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry import trace

from octcluster_serving.callers import find_certified_name, name_caller
from octcluster_serving.errors import MalformedRequest, NoName, TooSlow
from octcluster_serving.logs import describe_fault
from octcluster_serving.metrics import ServerMetrics
from octcluster_serving.requests import box, check_request, check_requests
from octcluster_serving.service import Service

_logger = logging.getLogger(__name__)
LONGEST_UNREAD_SECONDS = 60.0
"""How long an answer of a stream may wait to be read."""

_counts: ContextVar[dict[str, int]] = ContextVar("counts")


def count(**numbers: int) -> None:
    """Adds to what log and span say of the call that is being answered: ``count(items=3, errors=1)``.

    Only the program's own words may be names: not what a client sent.
    """
    counts = _counts.get()
    for name, number in numbers.items():
        counts[name] = counts.get(name, 0) + number


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Answers the calls of one service: turns errors into gRPC statuses and takes note of each call.

    Args:
        service: Whose calls; those of others, such as health, are left alone.
        metrics: Counts and times the calls.
        certified: Whether the name in a client's certificate says who calls.
    """

    def __init__(self, service: Service, metrics: ServerMetrics, *, certified: bool = False) -> None:
        self._service = service
        self._metrics = metrics
        self._certified = certified
        self._handlers: dict[str, Any] = {}
        self._statuses: dict[type[Exception], grpc.StatusCode] = {
            NoName: grpc.StatusCode.UNAUTHENTICATED,
            MalformedRequest: grpc.StatusCode.INVALID_ARGUMENT,
            TooSlow: grpc.StatusCode.DEADLINE_EXCEEDED,
            **service.status_of_error,
        }

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Wraps the method that answers a call."""
        path = handler_call_details.method
        if path in self._handlers:
            return self._handlers[path]
        handler = await continuation(handler_call_details)
        prefix, _, method = path.rpartition("/")
        if handler is None or prefix != f"/{self._service.name}":
            return handler
        # Kept: the methods stay as they are once the server listens.
        return self._handlers.setdefault(path, self._wrap(handler, method))

    def _wrap(self, handler: Any, method: str) -> Any:
        streams = (handler.request_streaming, handler.response_streaming)
        kind = "_".join("stream" if streaming else "unary" for streaming in streams)
        behavior = getattr(handler, kind)

        def check(request: Any, context: Any) -> Any:
            return check_requests(context.read) if handler.request_streaming else check_request(request)

        async def answer_many(request: Any, context: Any) -> AsyncIterator[Any]:
            async with self._answering(method, context):
                async for response in behavior(check(request, context), context):
                    with _ended_if_unread():
                        yield response

        async def answer_one(request: Any, context: Any) -> Any:
            async with self._answering(method, context):
                return await behavior(check(request, context), context)

        answer = answer_many if handler.response_streaming else answer_one
        return handler._replace(request_deserializer=box(handler.request_deserializer), **{kind: answer})

    @asynccontextmanager
    async def _answering(self, method: str, context: Any) -> AsyncIterator[None]:
        started = time.monotonic()
        request_id = f"{random.getrandbits(128):032x}"  # no secret, and uuid asks the system for each
        status = grpc.StatusCode.CANCELLED
        counts = dict.fromkeys(self._service.counted, 0)
        _counts.set(counts)
        try:
            if self._certified:
                name_caller(_find_caller(context))
            with _letting_go():
                yield
            status = grpc.StatusCode.OK
        except tuple(self._statuses) as error:
            kinds = self._statuses.items()
            status = next(code for kind, code in kinds if isinstance(error, kind))
            await _abort(context, status, str(error), _retry_metadata(error, status))
        except Exception as error:
            status = grpc.StatusCode.INTERNAL
            text = "%s failed with %s"
            _logger.error(text, method, describe_fault(error), extra={"request_id": request_id})
            program = self._service.program
            await _abort(
                context, status, f"the server failed: look for request {request_id} in the log of {program}"
            )
        finally:
            if status is grpc.StatusCode.CANCELLED and context.time_remaining() == 0:
                status = grpc.StatusCode.DEADLINE_EXCEEDED
            seconds = time.monotonic() - started
            self._metrics.count_request(method, status.name, seconds)
            _log_call(method, status.name, counts, seconds, request_id)


@contextmanager
def _letting_go() -> Iterator[None]:
    """Lets go of all that a call has read if it fails: its error lives for a while, and so its frames."""
    try:
        yield
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)
        raise


@contextmanager
def _ended_if_unread() -> Iterator[None]:
    """Ends the call if its client does not read what it is sent meanwhile: answers take memory."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a call is answered in a task of its own")
    ending = asyncio.get_running_loop().call_later(LONGEST_UNREAD_SECONDS, task.cancel)
    try:
        yield
    finally:
        ending.cancel()


def _find_caller(context: Any) -> str:
    name = find_certified_name(context.auth_context())
    if not name:
        raise NoName("the subject of the client's certificate has no common name, which says who calls")
    return name


async def _abort(
    context: Any, status: grpc.StatusCode, message: str, metadata: tuple[tuple[str, str | bytes], ...] = ()
) -> None:
    """Ends the call. What is raised hides the error before it, which may quote a client, from traces."""
    try:
        await context.abort(status, message, metadata)
    except grpc.aio.AbortError as aborted:
        raise aborted from None


def _retry_metadata(error: Exception, code: grpc.StatusCode) -> tuple[tuple[str, str | bytes], ...]:
    """When to retry, in both ways that there are: google.rpc.RetryInfo, and gRPC's own retry pushback.

    An error says so in an attribute ``retry_after_seconds``; one without it has neither.
    """
    seconds: float | None = getattr(error, "retry_after_seconds", None)
    if seconds is None:
        return ()
    milliseconds = math.ceil(1000 * seconds)
    retry_info = RetryInfo()
    retry_info.retry_delay.FromMilliseconds(milliseconds)
    status = Status(code=code_pb2.Code.Value(code.name), message=str(error))
    status.details.add().Pack(retry_info)
    return (
        ("grpc-status-details-bin", status.SerializeToString()),
        ("grpc-retry-pushback-ms", str(milliseconds)),
    )


def _log_call(method: str, code: str, counts: dict[str, int], seconds: float, request_id: str) -> None:
    """Says the same in the log, as text and as values, and in the call's span, if it has one."""
    milliseconds = round(1000 * seconds, 1)
    values: dict[str, str | int | float] = {"request_id": request_id, "code": code, **counts}
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes({f"octcluster.{name}": value for name, value in values.items()})
    if span.get_span_context().is_valid:
        values["trace_id"] = trace.format_trace_id(span.get_span_context().trace_id)
    values |= {"method": method, "milliseconds": milliseconds}
    told = "".join(f"{number} {name}, " for name, number in counts.items())
    text = "%s %s: %s%.0f ms, request %s"
    log = partial(_logger.info, text, method, code, told, milliseconds, request_id, extra=values)
    asyncio.get_running_loop().call_soon(log)  # when the answer is on its way: a line takes long to write
