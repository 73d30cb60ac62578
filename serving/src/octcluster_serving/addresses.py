"""Addresses that a server listens on, and who can reach them."""

import contextlib
import ipaddress
import re

# A name, an IPv4 address, or an IPv6 address in brackets: one host, so no comma.
_HOST_AND_PORT = re.compile(r"(?:\[[^\[\]\s,]+\]|[^\[\]\s,:/]+):([0-9]{1,5})")
_LOOPBACK_OF_ALL_INTERFACES = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104


def check_address(address: str) -> str:
    """Returns the address if it is HOST:PORT or unix:/PATH.

    Raises:
        ValueError: It is neither.
    """
    found = _HOST_AND_PORT.fullmatch(address)
    if not (found and 1 <= int(found[1]) <= 65535) and not re.fullmatch(r"unix:.+", address):
        raise ValueError("must be HOST:PORT with a port from 1 to 65535, or unix:/PATH")
    return address


def check_tcp_address(address: str) -> str:
    """Returns the address if it is HOST:PORT.

    Raises:
        ValueError: It is not.
    """
    if address.startswith("unix:"):
        raise ValueError("must be HOST:PORT")
    return check_address(address)


def split_address(address: str) -> tuple[str, int]:
    """Host, without the brackets of IPv6, and port of HOST:PORT."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def is_local(address: str) -> bool:
    """Whether only processes of this machine can reach an address: a Unix socket or a loopback interface."""
    if address.startswith("unix:"):
        return True
    host, _ = split_address(address)
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def local_address(listen: str) -> str:
    """Where this machine itself reaches a server that listens here, also on all interfaces."""
    host, colon, port = listen.rpartition(":")
    return _LOOPBACK_OF_ALL_INTERFACES.get(host, host) + colon + port


def describe_address(listen: str) -> str:
    """An address as a log may say it, without path and host."""
    return "a Unix socket" if listen.startswith("unix:") else f"TCP port {split_address(listen)[1]}"
