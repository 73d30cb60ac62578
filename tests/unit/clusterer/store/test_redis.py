"""The store's errors: what callers and the log learn of them."""

import logging

import pytest
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
