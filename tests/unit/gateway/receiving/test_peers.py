"""Who may connect."""

import pytest
from octcluster_gateway.receiving.peers import Peers, parse_peers


def test_without_a_list_this_machine_alone() -> None:
    peers = Peers()
    assert peers.knows_address("127.0.0.1")
    assert peers.knows_address("::1")
    assert not peers.knows_address("10.0.0.1")
    assert peers.find("ANY", "127.0.0.1") is not None
    assert peers.find("ANY", "10.0.0.1") is None


def test_ae_title_counts_from_its_own_address() -> None:
    peers = Peers(parse_peers("CIRRUS@10.1.2.3:11112, PACS@10.1.3.0/24,V6@[fd00::]/8"))
    found = peers.find("CIRRUS", "10.1.2.3")
    assert found is not None
    assert (found.host, found.port) == ("10.1.2.3", 11112)
    assert peers.find("CIRRUS", "10.1.3.7") is None
    assert peers.find("PACS", "10.1.3.7") is not None
    assert peers.find("PACS", "::ffff:10.1.3.7") is not None
    assert peers.find("V6", "fd12::1") is not None
    assert peers.knows_address("10.1.3.255")
    assert not peers.knows_address("10.1.4.1")
    assert not peers.knows_address("no address")


@pytest.mark.parametrize(
    "text",
    [
        "CIRRUS",
        "@10.0.0.1",
        "A@host.example",
        "A@10.0.0.256",
        "A@10.0.0.1/24",
        "A@10.0.0.0/24:9",
        "A\\B@10.0.0.1",
    ],
)
def test_what_is_no_peer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="AE@ADDRESS"):
        parse_peers(text)
