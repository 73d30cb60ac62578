"""How a client proves who it is, and makes sure who the server is and that nobody else listens."""

import ipaddress
import os
import ssl
import stat
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
            InvalidArguments: One cannot be read or used, or certificate and key do not belong together.
        """
        if (self.cert is None) != (self.key is None):
            raise InvalidArguments("a client's certificate and its key need each other: give both, or none")
        self._check_files()
        ca, cert, key = (None if file is None else _read(file) for file in (self.ca, self.cert, self.key))
        return grpc.ssl_channel_credentials(ca, key, cert)

    def _check_files(self) -> None:
        """Tells what gRPC would only write to the terminal, before it waits for an answer in vain."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self.ca is not None:
                context.load_verify_locations(self.ca)
        except ssl.SSLError as error:
            raise InvalidArguments(
                f"{self.ca}: the authorities of a server's certificate must be a PEM file with one or more "
                "certificates"
            ) from error
        except OSError as error:
            raise InvalidArguments(f"cannot read {self.ca}: {error.strerror}") from error
        try:
            if self.cert is not None and self.key is not None:
                # With the empty password a locked key is refused; without, OpenSSL would ask at the terminal.
                context.load_cert_chain(self.cert, self.key, password="")
        except ssl.SSLError as error:
            raise InvalidArguments(
                f"{self.cert} and {self.key} must be a certificate and its own key as PEM files, not locked "
                f"by a password ({error.reason})"
            ) from error
        except OSError as error:
            raise InvalidArguments(f"cannot read {self.cert} or {self.key}: {error.strerror}") from error

    def options(self) -> list[tuple[str, str]]:
        """Options of the channel."""
        return [] if self.server_name is None else [("grpc.ssl_target_name_override", self.server_name)]


def read_token(file: Path) -> str:
    """Reads the token that a server wants to see.

    Raises:
        InvalidArguments: The file cannot be read, can be read by others, or holds no token.
    """
    token = _read(file).decode("ascii", "replace").strip()
    if os.name == "posix" and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidArguments(f"{file} holds a token and can be read by others: chmod 600 {file}")
    _check_token(token)
    return token


def metadata_of(token: str | None, address: str, tls: Tls | None, flags: str) -> tuple[tuple[str, str], ...]:
    """What goes with each call to show the token.

    Args:
        token: The token; None: there is none.
        address: Where it is shown.
        tls: How the connection is secured.
        flags: How the flags begin that would secure it.

    Raises:
        InvalidArguments: It is no token, or would travel unencrypted to another machine.
    """
    if token is None:
        return ()
    _check_token(token)
    if tls is None and not is_local_address(address):
        raise InvalidArguments(
            f"the token would travel to {address} unencrypted: use TLS ({flags}-tls-ca, or tls=Tls(...)), "
            "or a tunnel that begins on 127.0.0.1"
        )
    return (("authorization", f"Bearer {token}"),)


def _check_token(token: str) -> None:
    if not token or not all("!" <= character <= "~" for character in token):
        raise InvalidArguments("a token is one line of printable ASCII characters without spaces")


def is_local_address(address: str) -> bool:
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
