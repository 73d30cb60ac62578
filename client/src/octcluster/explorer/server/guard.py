"""Who may ask: pages of this address with the token in it, and nobody else.

    request ─▶ host ─▶ token ─▶ origin of a change ─▶ routes ─▶ answer, with what the browser may do with it

Another page in the same browser can send requests to this machine, and a name of another machine can be made
to mean this one. Neither knows the token, and both are refused before anything is read.
"""

import json
import secrets
import sys
import traceback
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_FOREIGN = "this page is for this machine alone: open the address that 'octcluster explore' has printed"
_NO_TOKEN = "open the address that 'octcluster explore' has printed, to its last character"  # noqa: S105
_FAULT = "a fault in octcluster: start 'octcluster explore' with --debug to see where, and please report it"


class Guard:
    """Lets through what may be asked, and hides what goes wrong.

    Args:
        app: What answers.
        token: What the address must begin with.
        hosts: Names and ports by which this server may be called.
        debug: Whether faults are printed in full.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str], *, debug: bool = False) -> None:
        self._app = app
        self._token = token
        self._hosts = hosts
        self._debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        if (refusal := self._refuse(scope)) is not None:
            await _answer(send_guarded, *refusal)
            return
        try:
            await self._app(_below(scope, self._token), receive, send_guarded)
        except Exception:
            if self._debug:
                traceback.print_exc(file=sys.stderr)
            if not begun:
                await _answer(send_guarded, HTTPStatus.INTERNAL_SERVER_ERROR, _FAULT)

    def _refuse(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        headers = Headers(scope=scope)
        if headers.get("host", "") not in self._hosts:
            return HTTPStatus.FORBIDDEN, _FOREIGN
        token = scope["path"].removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            return HTTPStatus.NOT_FOUND, _NO_TOKEN
        origin = headers.get("origin")
        if scope["method"] not in ("GET", "HEAD") and origin is not None:
            scheme, _, host = origin.partition("://")
            if scheme != "http" or host not in self._hosts:
                return HTTPStatus.FORBIDDEN, _FOREIGN
        return None


def _below(scope: Scope, token: str) -> Scope:
    """The request as it is below the token."""
    inner: Scope = dict(scope)
    inner["root_path"] = f"{scope.get('root_path', '')}/{token}"
    return inner


async def _answer(send: Send, status: HTTPStatus, text: str) -> None:
    content = json.dumps({"error": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": content})
