import socket
import threading
import time
from typing import Any

import pytest
from octcluster_clusterer.errors import StoreUnavailable
from octcluster_clusterer.store.redis import RedisStore
from waiting import wait_until


def ping_in_vain(store: RedisStore) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        store.ping()
    return str(caught.value)


def test_a_lookup_that_hangs_is_given_up_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # No name on this machine can be made to hang, so the system's lookup is held up here.
    held_up = threading.Event()
    look_up = socket.getaddrinfo

    def hang(*arguments: Any, **options: Any) -> object:
        held_up.wait(60)
        return look_up(*arguments, **options)

    store = RedisStore("redis://localhost:1", timeout_seconds=1)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="did not answer in time"):
        store.ping()
    assert time.monotonic() - started < 5
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    # The name is known then, and nothing listens. The lookup that hangs does so for longer than this waits.
    wait_until(lambda: "cannot be reached" in ping_in_vain(store))
    held_up.set()


def test_a_name_without_an_address_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find_nothing)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        RedisStore("redis://no-such-host.invalid:6379").ping()
