"""Asking a server for its health, as ``--check-health`` does."""

import socket
import ssl
import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from octcluster_serving.addresses import local_address, split_address
from octcluster_serving.service import Service
from octcluster_serving.settings import ServerSettings, TlsFiles

# A server that answers late is busy, and not sick: where processors are short, a second of work takes ten.
_ASK_SECONDS = 15.0


def check_health(service: Service, settings: ServerSettings) -> int:
    """Prints whether the server at ``--listen`` serves, or what is wrong; returns the exit code."""
    fault = ask_health(service, settings.listen, settings.tls)
    print(fault or "serving", file=sys.stderr if fault else sys.stdout)
    return 1 if fault else 0


def ask_health(service: Service, listen: str, tls: TlsFiles | None = None) -> str | None:
    """Asks the server that listens at this address for its health.

    Args:
        service: Who is asked.
        listen: Address as the server was given it; one that stands for all interfaces is asked on loopback.
        tls: What the server speaks TLS with; None: plain text. Where the server wants certificates of its
            clients, its own is shown.

    Returns:
        None if the server serves, else what is wrong.
    """
    try:
        with _open_channel(local_address(listen), tls) as channel:
            request = health_pb2.HealthCheckRequest(service=service.name)
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=_ASK_SECONDS)
    except OSError as error:
        return f"no answer from {listen}: {error.strerror or error}"
    except grpc.RpcError as error:
        return f"no answer from {listen}: {error.code().name}"
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return f"the server does not serve: {service.reason_not_serving}"
    return None


def _open_channel(address: str, tls: TlsFiles | None) -> grpc.Channel:
    options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0)]
    if tls is None:
        return grpc.insecure_channel(address, options=options)
    certificate = tls.cert.read_bytes()
    credentials = grpc.ssl_channel_credentials(certificate, tls.key.read_bytes(), certificate)
    options.append(("grpc.ssl_target_name_override", _certified_name(address, tls)))
    return grpc.secure_channel(address, credentials, options=options)


def _certified_name(address: str, tls: TlsFiles) -> str:
    """A name that the server's certificate is for: the check goes to loopback, for which it seldom is."""
    context = ssl.create_default_context(cafile=tls.cert)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with (
        socket.create_connection(split_address(address), timeout=_ASK_SECONDS) as connection,
        context.wrap_socket(connection) as secured,
    ):
        names: Any = (secured.getpeercert() or {}).get("subjectAltName", ())
    return next((name for kind, name in names if kind in ("DNS", "IP Address")), "")
