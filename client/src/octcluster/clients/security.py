"""How a client proves who it is, and makes sure who the server is and that nobody else listens."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

import grpc

from octcluster.model.errors import InvalidArguments


@dataclass(frozen=True)
class Tls:
    """An encrypted connection to a server whose certificate is checked.

    Attributes:
        ca: Authorities that may have signed the server's certificate, PEM; None: those that gRPC trusts,
            which are the public ones.
        cert: This client's certificate, for a server that wants one, PEM.
        key: Its private key, PEM.
        server_name: Name that the server's certificate is for, if the address has another, as in a tunnel.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """Reads the files.

        Raises:
            InvalidArguments: One cannot be read, or certificate and key do not come together.
        """
        if (self.cert is None) != (self.key is None):
            raise InvalidArguments("a client's certificate and its key need each other: give both, or none")
        ca, cert, key = (None if file is None else _read(file) for file in (self.ca, self.cert, self.key))
        return grpc.ssl_channel_credentials(ca, key, cert)

    def options(self) -> list[tuple[str, str]]:
        """Options of the channel."""
        return [] if self.server_name is None else [("grpc.ssl_target_name_override", self.server_name)]


def read_token(file: Path) -> str:
    """Reads the token that a server wants to see.

    Raises:
        InvalidArguments: The file cannot be read, or holds no token.
    """
    token = _read(file).decode("ascii", "replace").strip()
    _check_token(token)
    return token


def metadata_of(token: str | None, address: str, tls: Tls | None) -> tuple[tuple[str, str], ...] | None:
    """What goes with each call to show the token.

    Raises:
        InvalidArguments: It is no token, or would travel unencrypted to another machine.
    """
    if token is None:
        return None
    _check_token(token)
    if tls is None and not _is_local(address):
        raise InvalidArguments(
            f"the token would travel to {address} unencrypted: use TLS (--embedder-tls-ca, or tls=Tls(...)), "
            "or a tunnel that begins on 127.0.0.1"
        )
    return (("authorization", f"Bearer {token}"),)


def _check_token(token: str) -> None:
    if not token or not all("!" <= character <= "~" for character in token):
        raise InvalidArguments("a token is one line of printable ASCII characters without spaces")


def _is_local(address: str) -> bool:
    """Whether all of an address is on this machine; names other than localhost are not looked up."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    hosts = [part.strip().rpartition(":")[0].rpartition("/")[2] for part in address.split(",")]
    return all(_is_loopback(host.removeprefix("ipv4:").removeprefix("ipv6:").strip("[]")) for host in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidArguments(f"cannot read {file}: {error.strerror}") from error
