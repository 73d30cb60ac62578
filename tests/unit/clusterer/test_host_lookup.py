import socket
import threading
import time

import pytest
from octcluster_clusterer.errors import StoreUnavailable
from octcluster_clusterer.vector_store.redis_store import RedisStore


def test_a_lookup_that_hangs_is_given_up_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # No name on this machine can be made to hang, so the system's lookup is held up here.
    held_up = threading.Event()
    look_up = socket.getaddrinfo

    def hang(*arguments, **options):
        held_up.wait(30)
        return look_up(*arguments, **options)

    store = RedisStore("redis://localhost:1", timeout_seconds=1)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="did not answer in time"):
        store.ping()
    assert time.monotonic() - started < 5
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    time.sleep(1.1)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):  # the name is known, nothing listens
        store.ping()
    held_up.set()


def test_a_name_without_an_address_is_told_at_once() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        RedisStore("redis://no-such-host.invalid:6379").ping()
