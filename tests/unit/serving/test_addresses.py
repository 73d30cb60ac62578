"""Addresses of servers: what is one, who can reach it, and where its own machine finds it."""

import pytest
from octcluster_serving.addresses import (
    check_address,
    check_tcp_address,
    describe_address,
    is_local,
    local_address,
    split_address,
)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:50052",
        "10.0.0.7:1",
        "gpu-box.lan:80",
        "localhost:65535",
        "[::1]:1",
        "[fe80::1%eth0]:2",
        "unix:/s",
    ],
)
def test_addresses(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "50052",
        ":50052",
        "host",
        "host:0",
        "host:65536",
        "host:port",
        "host:+1",
        "::1:50052",
        "[::1:50052",
        "a host:1",
        "0.0.0.0:1,10.0.0.7:2",
        "unix:",
    ],
)
def test_what_is_no_single_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="must be HOST:PORT"):
        check_address(address)


def test_some_servers_take_no_unix_socket() -> None:
    assert check_tcp_address("127.0.0.1:1") == "127.0.0.1:1"
    with pytest.raises(ValueError, match="must be HOST:PORT"):
        check_tcp_address("unix:/run/s.sock")


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "127.9.9.9:3", "localhost:1", "[::1]:50051", "unix:/tmp/x"]
)
def test_addresses_of_this_machine_alone(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:50051", "10.0.0.7:5", "gpu-box:50051", "[fe80::1]:1"])
def test_addresses_that_others_reach(address: str) -> None:
    assert not is_local(address)


@pytest.mark.parametrize(
    ("listen", "asked"),
    [
        ("0.0.0.0:50052", "127.0.0.1:50052"),
        ("[::]:50052", "[::1]:50052"),
        ("10.0.0.0:50052", "10.0.0.0:50052"),
        ("100.0.0.0:1", "100.0.0.0:1"),
        ("0.0.0.0.lan:1", "0.0.0.0.lan:1"),
        ("[fe80::]:1", "[fe80::]:1"),
        ("[1::]:1", "[1::]:1"),
        ("[::1]:1", "[::1]:1"),
        ("gpu-box:1", "gpu-box:1"),
        ("50052", "50052"),
        ("unix:/run/0.0.0.0:1", "unix:/run/0.0.0.0:1"),
        ("unix:0.0.0.0:1", "unix:0.0.0.0:1"),
        ("10.0.0.0:1,0.0.0.0:2", "10.0.0.0:1,0.0.0.0:2"),
    ],
)
def test_only_a_host_that_stands_for_all_interfaces_becomes_loopback(listen: str, asked: str) -> None:
    assert local_address(listen) == asked


def test_parts_of_an_address() -> None:
    assert split_address("[::1]:2") == ("::1", 2)
    assert split_address("gpu-box:50051") == ("gpu-box", 50051)


def test_a_log_says_neither_path_nor_host() -> None:
    assert describe_address("unix:/home/jane/s.sock") == "a Unix socket"
    assert describe_address("gpu-box:50051") == "TCP port 50051"
