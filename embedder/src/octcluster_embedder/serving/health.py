"""Health of the server: what it says of itself, and how to ask it."""

import socket
import ssl
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from octcluster_embedder.serving.addresses import local_address, split_address

EMBEDDER_SERVICE = "octcluster.embedder.v1.EmbedderService"

_ASK_SECONDS = 3.0


async def report_health(servicer: health.aio.HealthServicer, *, serving: bool) -> None:
    """Says of the server as a whole and of its service whether it serves."""
    status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
    for service in ("", EMBEDDER_SERVICE):
        await servicer.set(service, status)


def ask_health(listen: str, tls_cert: Path | None, tls_key: Path | None) -> str | None:
    """Asks the server that listens at this address for its health.

    Args:
        listen: Address as the server was given it; one that stands for all interfaces is asked on loopback.
        tls_cert: The server's certificate; None: it speaks plain text.
        tls_key: Its private key. Where the server wants certificates of its clients, its own is shown.

    Returns:
        None if the server serves, else what is wrong.
    """
    try:
        with _open_channel(local_address(listen), tls_cert, tls_key) as channel:
            request = health_pb2.HealthCheckRequest(service=EMBEDDER_SERVICE)
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=_ASK_SECONDS)
    except OSError as error:
        return f"no answer from {listen}: {error.strerror or error}"
    except grpc.RpcError as error:
        return f"no answer from {listen}: {error.code().name}"
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return "the server does not serve: it is loading its model, or stopping"
    return None


def _open_channel(address: str, tls_cert: Path | None, tls_key: Path | None) -> grpc.Channel:
    options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0)]
    if tls_cert is None or tls_key is None:
        return grpc.insecure_channel(address, options=options)
    certificate = tls_cert.read_bytes()
    credentials = grpc.ssl_channel_credentials(certificate, tls_key.read_bytes(), certificate)
    options.append(("grpc.ssl_target_name_override", _certified_name(address, tls_cert)))
    return grpc.secure_channel(address, credentials, options=options)


def _certified_name(address: str, tls_cert: Path) -> str:
    """A name that the server's certificate is for: the check goes to loopback, for which it seldom is."""
    context = ssl.create_default_context(cafile=tls_cert)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with (
        socket.create_connection(split_address(address), timeout=_ASK_SECONDS) as connection,
        context.wrap_socket(connection) as secured,
    ):
        names: Any = (secured.getpeercert() or {}).get("subjectAltName", ())
    return next((name for kind, name in names if kind in ("DNS", "IP Address")), "")
