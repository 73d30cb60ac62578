"""STOW-RS: objects by HTTP to disk (PS3.18 section 10.5).

    peer ─ POST /dicom-web/studies ─▶ IncomingFile in the spool ─ end of a part ─▶ on the disk, in the index
    peer ◀─ which objects are safe ──

A slow peer is cut off by the server's timeouts; what ended before in its message is kept.
"""

import asyncio
import contextlib
import hmac
import logging
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hypercorn.asyncio import serve
from hypercorn.config import Config
from octcluster_serving.addresses import describe_address, split_address
from pydicom.dataset import Dataset
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from octcluster_gateway.errors import CannotListen, SpoolFull
from octcluster_gateway.metrics import GatewayMetrics
from octcluster_gateway.receiving.parts import NotMultipart, PartOutcome, PartsIntoSpool, find_boundary
from octcluster_gateway.receiving.peers import Peers
from octcluster_gateway.receiving.uids import is_uid
from octcluster_gateway.spool.spool import Spool

_logger = logging.getLogger(__name__)

_OK, _SOME, _BAD, _UNKNOWN, _FORBIDDEN, _NONE, _OTHER_TYPE, _FULL = 200, 202, 400, 401, 403, 409, 415, 503
_MOST_SENDER_CHARACTERS = 16
_NAMELESS = "STOW"


@dataclass(frozen=True, slots=True)
class StowOptions:
    """Where the server is, and whom it serves.

    Attributes:
        listen: Address, HOST:PORT.
        peers: Who may connect, by address.
        tokens: Whose each token is; empty: none is needed.
        tls: What it speaks TLS with; None: it speaks plain text.
        max_connections: Most requests at a time.
        timeout_seconds: Longest time for a TLS handshake, and between two pieces of a request.
        on_stranger: Is told who may not send: no name, the address, the reason.
    """

    listen: str
    peers: Peers
    tokens: Mapping[bytes, str]
    tls: ssl.SSLContext | None
    max_connections: int
    timeout_seconds: float
    on_stranger: Callable[[str, str, str], None] = lambda *_: None


class StowReceiver:
    """Receives objects into a spool, by HTTP.

    Args:
        spool: Where the objects go.
        options: Where it is, and whom it serves.
        metrics: Counts the requests.

    Raises:
        CannotListen: The address is in use or not this machine's.
    """

    def __init__(self, spool: Spool, options: StowOptions, metrics: GatewayMetrics) -> None:
        self._spool = spool
        self._options = options
        self._metrics = metrics
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._config = _TlsConfig(options.tls)
        self._requests = 0
        try:
            family = socket.AF_INET6 if ":" in split_address(options.listen)[0] else socket.AF_INET
            self._socket = socket.create_server(split_address(options.listen), family=family, backlog=128)
        except OSError as error:
            raise CannotListen(
                f"cannot listen on --stow-listen {options.listen}: is the address in use, or not of this "
                "machine?"
            ) from error

    def serve(self) -> None:
        """Serves until ``stop`` is called in another thread."""
        how = " with TLS" if self._options.tls else ""
        _logger.info("STOW-RS on %s%s", describe_address(self._options.listen), how)
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(
                serve(self._make_app(), self._configure(), shutdown_trigger=self._wait)  # type: ignore[arg-type]
            )

    def stop(self, seconds: float) -> None:
        """Takes no more connections, and ends requests that have not ended after so long."""
        self._config.graceful_timeout = seconds
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def _wait(self) -> None:
        await self._stopping.wait()

    def _configure(self) -> Config:
        seconds = max(1, round(self._options.timeout_seconds))
        config = self._config
        config.bind = [f"fd://{self._socket.detach()}"]
        config.read_timeout = config.keep_alive_timeout = config.ssl_handshake_timeout = seconds
        config.accesslog = config.errorlog = None  # their lines hold UIDs
        config.include_server_header = False
        config.alpn_protocols = ["http/1.1"]
        return config

    def _make_app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/dicom-web/studies", self._store, methods=["POST"]),
                Route("/dicom-web/studies/{study}", self._store, methods=["POST"]),
            ]
        )

    async def _store(self, request: Request) -> Response:
        """Answers one request."""
        begin = time.monotonic()
        if self._requests >= self._options.max_connections:
            return self._end(Response(status_code=_FULL, headers={"Retry-After": "5"}), begin)
        self._requests += 1
        try:
            return self._end(await self._answer(request), begin)
        finally:
            self._requests -= 1

    async def _answer(self, request: Request) -> Response:
        try:
            parts = self._begin(request)
        except _NotServed as error:
            return error.response
        try:
            async for piece in request.stream():
                await run_in_threadpool(parts.write, piece)
            await run_in_threadpool(parts.close)
        except (NotMultipart, ClientDisconnect) as error:
            what = "was no whole message" if isinstance(error, NotMultipart) else "was cut off"
            _logger.warning("a request %s: %d objects before are kept", what, _count_kept(parts.outcomes))
            return _LastResponse(status_code=_BAD)
        finally:
            with contextlib.suppress(NotMultipart):
                parts.close()
        return _make_answer(parts.outcomes)

    def _begin(self, request: Request) -> PartsIntoSpool:
        """Looks whether a request can be served, before anything of its body is read.

        Raises:
            _NotServed: It cannot.
        """
        sender = self._find_sender(request)
        study = str(request.path_params.get("study", ""))
        if study and not is_uid(study):
            raise _NotServed(_BAD)
        if request.headers.get("content-encoding", "identity") != "identity":
            raise _NotServed(_OTHER_TYPE)  # what is packed may be large without end
        try:
            boundary = find_boundary(request.headers.get("content-type", ""))
        except NotMultipart:
            raise _NotServed(_OTHER_TYPE) from None
        return PartsIntoSpool(self._spool, boundary, sender, study)

    def _find_sender(self, request: Request) -> str:
        """Who sends; raises _NotServed if nobody may from there."""
        host = "" if request.client is None else request.client.host
        if not self._options.peers.knows_address(host):
            self._refuse("its address is of no peer")
            self._options.on_stranger("", host, "its address is of no peer")
            raise _NotServed(_FORBIDDEN)
        if not self._options.tokens:
            return _NAMELESS
        shown = request.headers.get("authorization", "").encode()
        # All are compared, whichever is right: the time that it takes tells nothing of the tokens.
        names = [
            name
            for token, name in self._options.tokens.items()
            if hmac.compare_digest(shown, b"Bearer " + token)
        ]
        if not names:
            self._refuse("it shows no token, or a wrong one")
            self._options.on_stranger("", host, "no token, or a wrong one")
            raise _NotServed(_UNKNOWN, {"WWW-Authenticate": "Bearer"})
        return (names[0] or _NAMELESS)[:_MOST_SENDER_CHARACTERS]

    def _refuse(self, reason: str) -> None:
        _logger.warning("refused a request: %s", reason)
        self._metrics.count_refused(reason)

    def _end(self, response: Response, begin: float) -> Response:
        self._metrics.count_request("STOW-RS", str(response.status_code), time.monotonic() - begin)
        return response


class _NotServed(Exception):
    """A request that is answered before its body is read."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.response = _LastResponse(status_code=status, headers=headers)


class _LastResponse(Response):
    """Answers a message whose rest is not served, and has the connection closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The server closes no connection while pieces of the message wait for somebody to take them.
        dropping = asyncio.create_task(_drop(receive))
        try:
            self.headers["Connection"] = "close"
            await super().__call__(scope, receive, send)
        finally:
            dropping.cancel()


async def _drop(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _TlsConfig(Config):
    """The server's configuration, with TLS as DICOM asks for it."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__()
        self._context = context

    @property
    def ssl_enabled(self) -> bool:
        """Whether it speaks TLS."""
        return self._context is not None

    def create_ssl_context(self) -> ssl.SSLContext | None:
        """What it speaks TLS with."""
        return self._context


def _count_kept(outcomes: Sequence[PartOutcome]) -> int:
    return sum(outcome.refusal is None for outcome in outcomes)


def _make_answer(outcomes: Sequence[PartOutcome]) -> Response:
    """Says which objects are safe, and which are not (PS3.18 table 10.5.3-1)."""
    kept = [outcome for outcome in outcomes if outcome.refusal is None]
    refused = [outcome for outcome in outcomes if outcome.refusal is not None]
    answer = Dataset()
    if kept:
        answer.ReferencedSOPSequence = [_name(outcome) for outcome in kept]
    if refused:
        answer.FailedSOPSequence = [_name(outcome) for outcome in refused]
    status = _OK if not refused else _SOME
    if not kept:
        status = _FULL if refused and all(isinstance(each.refusal, SpoolFull) for each in refused) else _NONE
    return Response(answer.to_json(), status, media_type="application/dicom+json")


def _name(outcome: PartOutcome) -> Dataset:
    item = Dataset()
    if outcome.sop_instance:
        item.ReferencedSOPClassUID = outcome.sop_class
        item.ReferencedSOPInstanceUID = outcome.sop_instance
    if outcome.refusal is not None:
        item.FailureReason = outcome.refusal.status
    return item
