"""The store's errors: what callers and the log learn of them."""

import logging
from typing import Any

import pytest
import redis
from octcluster_clusterer.errors import StoreUnavailable
from octcluster_clusterer.store.redis import RedisStore
from stores import STORES, started_store

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("name", STORES)
def test_the_log_says_the_kind_of_an_error_and_not_what_it_quotes(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with started_store(name, "--rename-command", "ZRANGE", "") as store:  # it quotes what it does not know
        with pytest.raises(StoreUnavailable, match="see the log of the clusterer") as error:
            RedisStore(store.url).read_list(b"Doe^Jane")
        assert "Doe" in str(error.value.__cause__), "Redis quotes"
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("store: ResponseError: ")
    assert "Doe" not in caplog.text + str(error.value)


class KilledWhileWriting(dict[bytes, bytes]):
    """Fields of a record whose writer ends after the first of them."""

    def items(self) -> Any:
        yield from list(super().items())[:1]
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", STORES)
def test_a_record_is_the_old_one_until_the_new_one_is_whole(name: str) -> None:
    old, new = {b"status": b"queued", b"labels": b"none"}, {b"status": b"succeeded", b"means": b"some"}
    with started_store(name) as store:
        records = RedisStore(store.url)
        records.write_record(b"run", old, ttl_seconds=900)
        with pytest.raises(KeyboardInterrupt):
            records.write_record(b"run", KilledWhileWriting(new), ttl_seconds=900)
        assert records.read_record(b"run") == old
        records.write_record(b"run", new, ttl_seconds=900)
        assert records.read_record(b"run") == new
        client = redis.Redis.from_url(store.url)
        lives = {key: client.ttl(key) for key in client.scan_iter()}
        assert lives.pop(b"run") > 800
        assert [0 < seconds <= 300 for seconds in lives.values()] == [True], "what was left goes by itself"
