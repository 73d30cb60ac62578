"""What routes read of requests, and how errors become answers."""

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from octcluster.explorer.server.explorer import Explorer
from octcluster.model.errors import (
    ActRefused,
    ExtraNotInstalled,
    InvalidArguments,
    NotThere,
    OctclusterError,
    StateChanged,
)

MAX_BODY_BYTES = 64 << 20
Handler = Callable[[Explorer, Request, Any], Response]
_STATUS_OF: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (StateChanged, HTTPStatus.CONFLICT),
    (ActRefused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotThere, HTTPStatus.NOT_FOUND),
    (InvalidArguments, HTTPStatus.BAD_REQUEST),
    (ExtraNotInstalled, HTTPStatus.SERVICE_UNAVAILABLE),
    (OctclusterError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (OSError, HTTPStatus.INSUFFICIENT_STORAGE),
)


def answer_with(explorer: Explorer, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Has a function answer requests in a thread, with its errors as answers.

    Args:
        explorer: What it is about.
        handle: Makes an answer of explorer, request and the JSON values that came with it (None: none).
    """

    async def answer(request: Request) -> Response:
        try:
            body = await _read_body(request) if request.method == "POST" else None
            return await run_in_threadpool(handle, explorer, request, body)
        except (OctclusterError, OSError) as error:
            status = next(status for kind, status in _STATUS_OF if isinstance(error, kind))
            return JSONResponse({"error": explorer.teller.tell(error)}, status)

    return answer


def read_row(explorer: Explorer, request: Request) -> int:
    """The row that the path names.

    Raises:
        NotThere: There is none.
    """
    row = int(request.path_params["row"])
    if row >= len(explorer.result.names):
        raise NotThere(f"there is no image {row + 1}: the result has {len(explorer.result.names)}")
    return row


def read_number(request: Request, name: str, default: int | None = None, most: int | None = None) -> int:
    """A whole number of the query.

    Raises:
        ActRefused: It is missing, none, or too large.
    """
    text = request.query_params.get(name, "" if default is None else str(default))
    if not text.isdecimal() or (most is not None and not 1 <= int(text) <= most):
        limit = "" if most is None else f" from 1 to {most}"
        raise ActRefused(f"{name}={text} cannot be used: give a whole number{limit}")
    return int(text)


async def _read_body(request: Request) -> Any:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ActRefused("what is sent must be JSON: set the content type application/json")
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_BODY_BYTES:
            raise ActRefused(f"more than {MAX_BODY_BYTES >> 20} MiB were sent: choose fewer images at once")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise ActRefused("what was sent is no JSON: load the page again") from None
    if not isinstance(body, Mapping):
        raise ActRefused("what was sent is no JSON object: load the page again")
    return body
