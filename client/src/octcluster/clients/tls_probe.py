"""Why a server closed a connection without a word: it serves with TLS, or wants another certificate.

gRPC only says that the socket was closed, and would be closed again as often as one waits. So a connection is
tried once more without gRPC. Nothing is sent on it but the beginning of TLS.
"""

import contextlib
import socket
import ssl
from collections.abc import Iterator

from octcluster.clients.security import Tls
from octcluster.model.errors import AccessDenied, ConnectionNotSecure, ServiceError

_LONGEST_SECONDS = 1.0
_MOST_SERVERS = 3


def find_tls_fault(
    service: str, flags: str, address: str, target: str, tls: Tls | None
) -> ServiceError | None:
    """Finds out whether a closed connection was a matter of TLS, which does not pass by itself.

    Args:
        service: Who was called, for people.
        flags: How the flags for it begin.
        address: Where, as the user wrote it.
        target: The same as gRPC takes it.
        tls: How the connection was secured; None: not at all.

    Returns:
        The error that says what to do; None if it was something else.
    """
    for host, port in _servers(target):
        try:
            fault = _probe_plain(host, port) if tls is None else _probe_secure(host, port, tls)
        except OSError:  # nobody there, or nobody who speaks TLS
            continue
        if fault:
            return _describe(fault, service, flags, address, tls)
    return None


def _describe(fault: str, service: str, flags: str, address: str, tls: Tls | None) -> ServiceError:
    if tls is None:
        return ConnectionNotSecure(
            f"{service} at {address} serves with TLS alone: give the authority of its certificate "
            f"({flags}-tls-ca FILE)",
            code="UNAVAILABLE",
        )
    if tls.cert is None:
        cure = f"it wants the certificate of a client: give {flags}-tls-cert FILE and {flags}-tls-key FILE"
    else:
        cure = (
            f"it does not accept the certificate given with {flags}-tls-cert ({fault}): give one that is "
            "valid and signed by an authority that it knows"
        )
    return AccessDenied(f"{service} at {address} refused access: {cure}", code="UNAUTHENTICATED")


def _servers(target: str) -> list[tuple[str, int]]:
    """Host and port of the first servers behind a target; none for Unix sockets."""
    scheme, _, rest = target.partition(":")
    if scheme not in ("dns", "ipv4", "ipv6"):
        return []
    hosts_and_ports = [part.rpartition("/")[2].rpartition(":") for part in rest.split(",")]
    return [(host.strip("[]"), int(port)) for host, _, port in hosts_and_ports if port.isdecimal()][
        :_MOST_SERVERS
    ]


def _probe_plain(host: str, port: int) -> str:
    """Says how the server answers the beginning of TLS; OSError if it does not speak it."""
    try:
        with _open(host, port, None):
            return "TLS"
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):
            return "TLS"
        raise


def _probe_secure(host: str, port: int, tls: Tls) -> str:
    """Says why the server does not want this client; empty if it does."""
    try:
        with _open(host, port, tls) as connection:
            return "" if connection.recv(1) else "it closed the connection"
    except ssl.SSLError as error:
        reason = error.reason or ""
        if "ALERT" not in reason:
            raise
        return reason.partition("ALERT_")[2].replace("_", " ").lower() or "refused"
    except ConnectionResetError:
        return "it closed the connection"


@contextlib.contextmanager
def _open(host: str, port: int, tls: Tls | None) -> Iterator[ssl.SSLSocket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Who the server is does not matter here: nothing is sent, and gRPC checks it for itself.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if tls is not None and tls.cert is not None:
        context.load_cert_chain(tls.cert, tls.key, password="")
    with (
        socket.create_connection((host, port), timeout=_LONGEST_SECONDS) as plain,
        context.wrap_socket(plain) as connection,
    ):
        yield connection
