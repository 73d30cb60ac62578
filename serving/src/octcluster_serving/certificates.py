"""TLS: the server's certificate and its clients' authorities, read anew when their files change."""

import contextlib
import logging
import ssl
from pathlib import Path

import grpc

from octcluster_serving.errors import UnusableFile
from octcluster_serving.settings import TlsFiles
from octcluster_serving.watched_files import WatchedFiles

_logger = logging.getLogger(__name__)


def load_server_credentials(tls: TlsFiles) -> grpc.ServerCredentials:
    """Reads what the server needs for TLS; each new connection gets what the files hold by then.

    Files that cannot be used while the server runs, half written ones say, change nothing: the server goes on
    with what it has, and looks again when they change.

    Raises:
        UnusableFile: A file cannot be read or used, or key and certificate do not belong together.
    """
    configuration = _read_configuration(tls)
    watched = WatchedFiles([file for file in (tls.cert, tls.key, tls.client_ca) if file is not None])

    def read_anew() -> grpc.ServerCertificateConfiguration | None:
        if not watched.have_changed():
            return None
        with contextlib.suppress(UnusableFile):
            read = _read_configuration(tls)
            _logger.info("certificates read anew: new connections get them")
            return read
        _logger.warning("the new certificates cannot be used: those before them stay in use")
        return None

    return grpc.dynamic_ssl_server_credentials(
        configuration,
        read_anew,  # type: ignore[arg-type] # None leaves all as it is, which the types do not say
        require_client_authentication=tls.client_ca is not None,
    )


def _read_configuration(tls: TlsFiles) -> grpc.ServerCertificateConfiguration:
    _check_files(tls)
    certificate, private_key = _read("--tls-cert", tls.cert), _read("--tls-key", tls.key)
    client_roots = None if tls.client_ca is None else _read("--tls-client-ca", tls.client_ca)
    return grpc.ssl_server_certificate_configuration([(private_key, certificate)], client_roots)


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
