"""Addresses that a server listens on, and who can reach them."""

import contextlib
import ipaddress
import re


def check_address(address: str) -> str:
    """Returns the address if it is HOST:PORT or unix:/PATH.

    Raises:
        ValueError: It is neither.
    """
    if re.fullmatch(r"unix:.+", address):
        return address
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
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
    return listen.replace("0.0.0.0:", "127.0.0.1:", 1).replace("[::]:", "[::1]:", 1)
