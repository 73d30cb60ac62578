"""Who may connect: AE titles, each from its address."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

_FORM = (
    "must be AE@ADDRESS or AE@ADDRESS:PORT, separated by commas; ADDRESS may be a network such as 10.1.2.0/24"
)
_PEER = re.compile(r"([^@,\\]{1,16})@(\[[0-9a-fA-F:]+\](?:/\d{1,3})?|[0-9.]+(?:/\d{1,2})?)(?::(\d{1,5}))?")
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Peer:
    """A device or an archive.

    Attributes:
        ae_title: Its AE title.
        network: Addresses that it may connect from.
        port: Where it takes reports of storage commitment; None: on the association that asked.
    """

    ae_title: str
    network: Network
    port: int | None = None

    @property
    def host(self) -> str:
        """Its address."""
        return str(self.network.network_address)


class Peers:
    """The list of peers; without one, every AE title of this machine is a peer, and nobody else."""

    def __init__(self, peers: Sequence[Peer] = ()) -> None:
        self._peers = peers

    def knows_address(self, host: str) -> bool:
        """Whether any peer may connect from this address."""
        networks = [peer.network for peer in self._peers] or _LOOPBACK
        return any(_is_in(host, network) for network in networks)

    def find(self, ae_title: str, host: str) -> Peer | None:
        """The peer with this AE title and address; None: there is none."""
        if not self._peers:
            network = next((network for network in _LOOPBACK if _is_in(host, network)), None)
            return None if network is None else Peer(ae_title, ipaddress.ip_network(host))
        found = (peer for peer in self._peers if peer.ae_title == ae_title and _is_in(host, peer.network))
        return next(found, None)


def parse_peers(text: str) -> tuple[Peer, ...]:
    """Reads a list of peers.

    Args:
        text: ``CIRRUS@10.1.2.3:11112,PACS@10.1.3.0/24``.

    Raises:
        ValueError: It is no such list.
    """
    return tuple(_parse_peer(part.strip()) for part in text.split(",") if part.strip())


def _parse_peer(text: str) -> Peer:
    found = _PEER.fullmatch(text)
    if found is None:
        raise ValueError(f"{_FORM}; {text!r} is not")
    try:
        network = ipaddress.ip_network(found[2].replace("[", "").replace("]", ""))
    except ValueError as error:
        raise ValueError(f"{_FORM}; {error}") from None
    if found[3] is not None and network.num_addresses > 1:
        raise ValueError(f"{_FORM}; a PORT needs a single address, and {text!r} has a network")
    return Peer(found[1].strip(), network, None if found[3] is None else int(found[3]))


def _is_in(host: str, network: Network) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version == network.version and address in network
