"""TLS by the BCP 195 profile of DICOM (PS3.15 B.9): TLS 1.2 or 1.3, ephemeral keys, authenticated ciphers."""

import ssl

from octcluster_serving.settings import TlsFiles

from octcluster_gateway.errors import CannotStart

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def make_server_context(files: TlsFiles) -> ssl.SSLContext:
    """Makes what a server speaks TLS with.

    Args:
        files: Its certificate and key, and the authorities of its peers' certificates.

    Raises:
        CannotStart: One cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, files)
    return context


def make_client_context(files: TlsFiles) -> ssl.SSLContext | None:
    """Makes what reports to peers speak TLS with; None: nobody says whose certificates to trust.

    Names in certificates are not compared: a peer is known by its address.

    Raises:
        CannotStart: A file cannot be used.
    """
    if files.client_ca is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    _load(context, files)
    return context


def _load(context: ssl.SSLContext, files: TlsFiles) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    try:
        # With the empty password a locked key is refused; without, OpenSSL would ask at the terminal.
        context.load_cert_chain(files.cert, files.key, password="")
        if files.client_ca is not None:
            context.load_verify_locations(files.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        raise CannotStart(
            "--tls-cert, --tls-key and --tls-client-ca must be PEM files that can be read, the first two a "
            f"certificate and its own key, not locked ({error.strerror or type(error).__name__})"
        ) from error
