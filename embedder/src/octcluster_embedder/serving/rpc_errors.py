"""Between gRPC and the service: an error becomes a status; each call one line of log, counts and a span."""

import asyncio
import logging
import math
import time
import traceback
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc
from google.rpc import code_pb2  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry import trace

from octcluster_embedder.errors import (
    EmbedderError,
    InvalidRequest,
    ItemError,
    NotServing,
    Overloaded,
    TooLate,
)
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.requests import ImageItem, Outcome

_logger = logging.getLogger(__name__)

STATUS_OF_ERROR: dict[type[EmbedderError], grpc.StatusCode] = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    NotServing: grpc.StatusCode.UNAVAILABLE,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    TooLate: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""The gRPC status of each kind of error; a kind below it in the tree has the same."""


class Tally:
    """Counts what one call brings, and its items by what became of them.

    Args:
        metrics: Counts the same of all calls.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.items = 0
        self.bytes = 0
        self.errors: Counter[str] = Counter()

    def receive(self, items: Sequence[ImageItem]) -> None:
        """Counts the bytes of images that came in."""
        n_bytes = sum(len(item.image) for item in items)
        self.bytes += n_bytes
        self._metrics.count_received(n_bytes)

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Counts these outcomes."""
        found = (outcome.outcome for outcome in outcomes)
        errors = Counter(error.code.value for error in found if isinstance(error, ItemError))
        self.items += len(outcomes)
        self.errors.update(errors)
        self._metrics.count_items(len(outcomes), errors)

    def __str__(self) -> str:
        errors = ", ".join(f"{code} {number}" for code, number in sorted(self.errors.items()))
        return f"{self.items} items, {self.errors.total()} errors" + (f" ({errors})" if errors else "")


@asynccontextmanager
async def answering(rpc: str, context: Any, metrics: Metrics) -> AsyncIterator[Tally]:
    """Answers a call: ends it with the status of whatever error its body raises, and takes note of it."""
    started = time.monotonic()
    request_id = uuid.uuid4().hex
    status = grpc.StatusCode.CANCELLED
    tally = Tally(metrics)
    try:
        yield tally
        status = grpc.StatusCode.OK
    except tuple(STATUS_OF_ERROR) as error:
        status = next(code for kind, code in STATUS_OF_ERROR.items() if isinstance(error, kind))
        await context.abort(status, str(error), _retry_metadata(error))
    except Exception as error:
        status = grpc.StatusCode.INTERNAL
        # Not the error's message: it may quote what a client sent.
        frames = "".join(traceback.format_tb(error.__traceback__))
        _logger.error(
            "%s failed with %s:\n%s", rpc, type(error).__name__, frames, extra={"request_id": request_id}
        )
        await context.abort(
            status, f"the server failed: look for request {request_id} in the log of the embedder"
        )
    finally:
        if status is grpc.StatusCode.CANCELLED and context.time_remaining() == 0:
            status = grpc.StatusCode.DEADLINE_EXCEEDED
        seconds = time.monotonic() - started
        metrics.count_request(rpc, status.name, seconds)
        _log_call(rpc, status.name, tally, seconds, request_id)


def _retry_metadata(error: EmbedderError) -> tuple[tuple[str, str | bytes], ...]:
    """When to come again, in both ways that there are: google.rpc.RetryInfo, and gRPC's own retry pushback.

    A message that is too large, which gRPC itself refuses with the same status, has neither.
    """
    if not isinstance(error, Overloaded):
        return ()
    milliseconds = math.ceil(1000 * error.retry_after_seconds)
    retry_info = RetryInfo()
    retry_info.retry_delay.FromMilliseconds(milliseconds)
    status = Status(code=code_pb2.RESOURCE_EXHAUSTED, message=str(error))
    status.details.add().Pack(retry_info)
    return (
        ("grpc-status-details-bin", status.SerializeToString()),
        ("grpc-retry-pushback-ms", str(milliseconds)),
    )


def _log_call(rpc: str, code: str, tally: Tally, seconds: float, request_id: str) -> None:
    """Says the same in the log, as text and as values, and in the call's span, if it has one."""
    milliseconds = round(1000 * seconds, 1)
    values: dict[str, str | int | float] = {
        "request_id": request_id,
        "code": code,
        "items": tally.items,
        "errors": tally.errors.total(),
        "bytes": tally.bytes,
    }
    span = trace.get_current_span()
    span.set_attributes({f"octcluster.{name}": value for name, value in values.items()})
    if span.get_span_context().is_valid:
        values["trace_id"] = trace.format_trace_id(span.get_span_context().trace_id)
    values |= {"method": rpc, "milliseconds": milliseconds}
    text = "%s %s: %s, %.0f ms, request %s"
    log = partial(_logger.info, text, rpc, code, tally, milliseconds, request_id, extra=values)
    asyncio.get_running_loop().call_soon(log)  # when the answer is on its way: a line takes long to write
