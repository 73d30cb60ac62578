"""Addresses as users write them, and how long a call waits for a server that is away."""

import pytest
from octcluster.clients.endpoint import Outage, target_of
from octcluster.model.errors import AddressInvalid, RequestRefused, ServerOverloaded, ServerUnavailable


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("oct.example:50051", "dns:///oct.example:50051"),
        ("127.0.0.1:50051", "dns:///127.0.0.1:50051"),
        ("[::1]:50051", "dns:///[::1]:50051"),
        ("127.0.0.1:1, 127.0.0.2:2", "ipv4:127.0.0.1:1,127.0.0.2:2"),
        ("localhost:1,localhost:2", "ipv4:127.0.0.1:1,127.0.0.1:2"),
        ("dns:///oct.example:50051", "dns:///oct.example:50051"),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", "ipv4:127.0.0.1:1,127.0.0.1:2"),
        ("unix:/run/oct/s.sock", "unix:/run/oct/s.sock"),
    ],
)
def test_address_becomes_target(address: str, target: str) -> None:
    assert target_of(address) == target


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", ":50051", "http://localhost:x", "a:1,b"])
def test_what_is_no_address_says_what_to_write(address: str) -> None:
    with pytest.raises(AddressInvalid, match="HOST:PORT"):
        target_of(address)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_pauses_grow_until_patience_ends() -> None:
    clock = Clock()
    outage = Outage(30, clock)
    pauses = []

    def wait_for_ever() -> None:
        while True:
            pauses.append(outage.next_pause_seconds(ServerUnavailable("away")))
            clock.now += pauses[-1]

    with pytest.raises(ServerUnavailable, match="away"):
        wait_for_ever()
    assert pauses[0] < 0.3
    assert max(pauses) <= 2.5
    assert 30 <= sum(pauses) <= 33


def test_patience_starts_anew_after_an_answer() -> None:
    clock = Clock()
    outage = Outage(30, clock)
    outage.next_pause_seconds(ServerOverloaded("busy"))
    clock.now += 29
    outage.end()
    clock.now += 29
    assert outage.next_pause_seconds(ServerUnavailable("away")) < 0.3


def test_a_busy_server_is_asked_again_when_it_said_and_for_longer() -> None:
    clock = Clock()
    outage = Outage(30, clock)
    busy = ServerOverloaded("busy")
    busy.retry_after_seconds = 4.0
    pauses = [outage.next_pause_seconds(busy) for _ in range(20)]
    assert all(4 <= pause <= 6 for pause in pauses)
    assert len(set(pauses)) > 1
    clock.now += 300
    assert 4 <= outage.next_pause_seconds(busy) <= 6
    clock.now += 300
    with pytest.raises(ServerOverloaded, match="busy"):
        outage.next_pause_seconds(busy)


def test_without_patience_the_first_failure_is_raised() -> None:
    with pytest.raises(ServerUnavailable):
        Outage(0).next_pause_seconds(ServerUnavailable("away"))


def test_what_another_try_would_not_mend_is_raised_at_once() -> None:
    with pytest.raises(RequestRefused):
        Outage(30).next_pause_seconds(RequestRefused("wrong"))
