"""Who may talk to the server, and that nobody else listens: TLS, client certificates and a bearer token."""

import hmac
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

from octcluster_serving.errors import UnusableFile
from octcluster_serving.metrics import ServerMetrics
from octcluster_serving.settings import TlsFiles

_HEALTH_SERVICE = "/grpc.health.v1.Health/"
_FEWEST_TOKEN_CHARACTERS = 16


def load_server_credentials(tls: TlsFiles) -> grpc.ServerCredentials:
    """Reads what the server needs for TLS.

    Raises:
        UnusableFile: A file cannot be read or used, or key and certificate do not belong together.
    """
    _check_files(tls)
    certificate, private_key = _read("--tls-cert", tls.cert), _read("--tls-key", tls.key)
    client_roots = None if tls.client_ca is None else _read("--tls-client-ca", tls.client_ca)
    return grpc.ssl_server_credentials(
        [(private_key, certificate)], client_roots, require_client_auth=client_roots is not None
    )


def read_token(file: Path) -> str:
    """Reads the token that clients must show.

    Raises:
        UnusableFile: The file cannot be read, or holds no good token.
    """
    token = _read("--token-file", file).decode("ascii", "replace").strip()
    if len(token) < _FEWEST_TOKEN_CHARACTERS or not all("!" <= character <= "~" for character in token):
        raise UnusableFile(
            f"--token-file: must hold one line of at least {_FEWEST_TOKEN_CHARACTERS} printable ASCII "
            "characters without spaces; make one with: openssl rand -hex 32"
        )
    return token


class TokenCheck(grpc.aio.ServerInterceptor):
    """Refuses calls that do not show the token. Health checks need none.

    Args:
        token: What clients must show.
        metrics: Counts what is refused.
    """

    def __init__(self, token: str, metrics: ServerMetrics) -> None:
        self._expected = f"Bearer {token}".encode()
        self._metrics = metrics
        self._refusal: grpc.RpcMethodHandler[object, object] = grpc.stream_stream_rpc_method_handler(
            self._refuse
        )

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Hands a call on if it shows the token or asks for the health."""
        if handler_call_details.method.startswith(_HEALTH_SERVICE):
            return await continuation(handler_call_details)
        shown = next(
            (value for key, value in handler_call_details.invocation_metadata if key == "authorization"), ""
        )
        if hmac.compare_digest(shown.encode(), self._expected):
            return await continuation(handler_call_details)
        return self._refusal

    async def _refuse(self, _requests: object, context: Any) -> None:
        status = grpc.StatusCode.UNAUTHENTICATED
        self._metrics.count_request("refused", status.name, 0.0)
        await context.abort(status, "the call showed no token, or a wrong one")


def _check_files(tls: TlsFiles) -> None:
    """Tells what gRPC itself would not: it would only say that it cannot listen."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # With the empty password a locked key is refused; without one, OpenSSL would ask at the terminal.
        context.load_cert_chain(tls.cert, tls.key, password="")
    except OSError as error:
        raise UnusableFile(
            "--tls-cert and --tls-key must be a certificate and its own key, not locked by a password, as "
            f"PEM files: {error.reason if isinstance(error, ssl.SSLError) else error.strerror}"
        ) from error
    try:
        if tls.client_ca is not None:
            context.load_verify_locations(tls.client_ca)
    except OSError as error:
        raise UnusableFile("--tls-client-ca must be a PEM file with one or more certificates") from error


def _read(flag: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnusableFile(f"{flag} {file} cannot be read: {error.strerror}") from error
