"""Between gRPC and the service: an error becomes a status, and each call one line of log."""

import logging
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from octcluster_embedder.embedding import Outcome
from octcluster_embedder.errors import EmbedderError, InvalidRequest, ItemError, NotServing

_logger = logging.getLogger(__name__)

STATUS_OF_ERROR: dict[type[EmbedderError], grpc.StatusCode] = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    NotServing: grpc.StatusCode.UNAVAILABLE,
}
"""The gRPC status of each kind of error; a kind below it in the tree has the same."""


class Tally:
    """Counts the items of one call by what became of them."""

    def __init__(self) -> None:
        self._items = 0
        self._errors: Counter[str] = Counter()

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Counts these outcomes."""
        self._items += len(outcomes)
        found = (outcome.outcome for outcome in outcomes)
        self._errors.update(error.code for error in found if isinstance(error, ItemError))

    def __str__(self) -> str:
        errors = ", ".join(f"{code} {number}" for code, number in sorted(self._errors.items()))
        return f"{self._items} items, {self._errors.total()} errors" + (f" ({errors})" if errors else "")


@asynccontextmanager
async def answering(rpc: str, context: Any) -> AsyncIterator[Tally]:
    """Answers a call: ends it with the status of whatever error its body raises, and logs it."""
    started = time.monotonic()
    status = grpc.StatusCode.CANCELLED
    tally = Tally()
    try:
        yield tally
        status = grpc.StatusCode.OK
    except tuple(STATUS_OF_ERROR) as error:
        status = next(code for kind, code in STATUS_OF_ERROR.items() if isinstance(error, kind))
        await context.abort(status, str(error))
    except Exception as error:
        status = grpc.StatusCode.INTERNAL
        # Not the error's message: it may quote what a client sent.
        frames = "".join(traceback.format_tb(error.__traceback__))
        _logger.error("%s failed with %s:\n%s", rpc, type(error).__name__, frames)
        await context.abort(
            status, "the server failed: look for the time of this call in the log of the embedder"
        )
    finally:
        milliseconds = 1000 * (time.monotonic() - started)
        _logger.info("%s %s: %s, %.0f ms", rpc, status.name, tally, milliseconds)
