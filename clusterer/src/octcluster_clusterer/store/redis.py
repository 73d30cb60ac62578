"""Bytes by key on a Redis or Valkey server: the only file that knows the redis library."""

import logging
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.retry import Retry

from octcluster_clusterer.errors import StoreRefused, StoreUnavailable
from octcluster_clusterer.store.host_lookup import HostLookup

logger = logging.getLogger(__name__)

_LONGEST_CONNECT_SECONDS = 2.0
# For how long a record that is being written is kept after its last field; then nobody writes it any more.
_SECONDS_TO_WRITE = 300
_KEYS_A_PAGE = 5000

# The first kind that fits decides. The caller is told what a person can do about it, the log has the rest.
# What does not pass by itself is told at once: nobody waits for it.
_PASSING = (
    redis.exceptions.BusyLoadingError,
    redis.exceptions.ReadOnlyError,  # while another server becomes the primary
    redis.exceptions.TimeoutError,
    redis.exceptions.ConnectionError,
)
_DISK_FULL = "it cannot write to its disk: free space there, or see the log of Redis"
_CURES: tuple[tuple[type[Exception], str], ...] = (
    (redis.exceptions.AuthenticationError, "it refuses the password: check --redis-password-file"),
    (redis.exceptions.NoPermissionError, "its user may not do this: check the user's ACL in Redis"),
    (redis.exceptions.BusyLoadingError, "it is still loading its data: try again in a moment"),
    (
        redis.exceptions.OutOfMemoryError,
        "its memory is full: raise maxmemory in Redis, or let it evict (allkeys-lru)",
    ),
    (redis.exceptions.ReadOnlyError, "it is a read-only replica: point --redis-url at the primary"),
    (
        redis.exceptions.MasterDownError,
        "it is a replica without its primary: point --redis-url at the primary",
    ),
    (redis.exceptions.TimeoutError, "it did not answer in time: check Redis and try again"),
    (redis.exceptions.ConnectionError, "it cannot be reached: check that Redis runs and try again"),
    (
        redis.exceptions.RedisError,
        "it refused the command: see the log of the clusterer, correct Redis and try again",
    ),
)


class _BoundedLookup(Connection):
    """A connection that looks up its host's name in bounded time, too."""

    _lookup = HostLookup()

    def _connect(self) -> socket.socket:
        self._lookup.check(self.host, self.port, self.socket_connect_timeout or _LONGEST_CONNECT_SECONDS)
        connected: socket.socket = super()._connect()  # type: ignore[no-untyped-call]
        return connected


class _BoundedLookupWithTls(_BoundedLookup, SSLConnection):
    """The same over TLS."""


_CONNECTIONS = {Connection: _BoundedLookup, SSLConnection: _BoundedLookupWithTls}


class RedisStore:
    """Bytes by key, and records of several fields that expire, on one Redis or Valkey server.

    Connects when first used and again after a loss, so the server may come and go. Safe to call from several
    threads. Every method raises StoreUnavailable in bounded time: two attempts to connect, one silent answer.
    """

    def __init__(
        self,
        url: str,
        password: str | None = None,
        timeout_seconds: float = 5.0,
        observe: Callable[[float, str], None] = lambda _seconds, _fault: None,
    ) -> None:
        """Prepares a pool of connections; connects to nothing yet.

        Args:
            url: ``redis://host:port/db``, ``rediss://host:port/db`` (TLS) or ``unix:///path``.
            password: Password, if the server asks for one; the URL must not hold another one.
            timeout_seconds: Longest wait for an answer; connecting takes at most 2 s of it.
            observe: Told after each request how long it took, and ``away`` or ``refused`` if it failed.
        """
        # One retry mends a connection that the server closed while it lay idle. A silent server is not asked
        # twice: the wait would double.
        retry = Retry(NoBackoff(), retries=1, supported_errors=(redis.exceptions.ConnectionError,))
        options: dict[str, object] = {} if password is None else {"password": password}
        self._redis = redis.Redis.from_url(
            url,
            protocol=2,
            retry=retry,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=min(_LONGEST_CONNECT_SECONDS, timeout_seconds),
            **options,
        )
        self._observe = observe
        pool = self._redis.connection_pool
        pool.connection_class = _CONNECTIONS.get(pool.connection_class, pool.connection_class)

    def ping(self) -> None:
        """Asks the server whether it is there."""
        with self._asking():
            self._redis.ping()

    def close(self) -> None:
        """Closes all connections."""
        self._redis.close()

    def find_saving_fault(self) -> str:
        """Tells why the server may lose what it was given, although it took it.

        Returns:
            The fault that its last writing to disk met, for people; empty if there was none, or if the server
            does not say, or was set up to write nothing.
        """
        try:
            with self._asking():
                told = self._redis.info("persistence")
        except StoreUnavailable:
            return ""
        if told.get("aof_enabled"):
            fault, what = told.get("aof_last_write_status") != "ok", "log (AOF)"
        else:
            fault, what = told.get("rdb_last_bgsave_status") != "ok", "last dump (RDB)"
        return f"Redis could not write its {what}: {_DISK_FULL.partition(': ')[2]}" if fault else ""

    def read_values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Reads values in one round trip, None for each key that has none."""
        with self._asking():
            return self._redis.mget(keys)  # type: ignore[return-value]

    def write_values(self, values: Mapping[bytes, bytes]) -> None:
        """Writes values in one round trip, over what was there."""
        with self._asking():
            self._redis.mset(values)

    def write_record(self, key: bytes, fields: Mapping[bytes, bytes], ttl_seconds: int) -> None:
        """Writes a record in place of what was there, for ttl_seconds.

        Field after field goes beside the old record, which is there until the new one is whole.
        """
        beside = key + b":" + secrets.token_hex(4).encode()
        with self._asking():
            for name, value in fields.items():
                pipeline = self._redis.pipeline(transaction=True)
                pipeline.hset(beside, name, value)
                pipeline.expire(beside, _SECONDS_TO_WRITE)
                pipeline.execute()
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.rename(beside, key)
            pipeline.expire(key, ttl_seconds)
            pipeline.execute()

    def read_record(self, key: bytes) -> dict[bytes, bytes]:
        """Reads all fields of a record; empty if there is none."""
        with self._asking():
            return self._redis.hgetall(key)  # type: ignore[return-value]

    def read_fields(self, keys: Sequence[bytes], field: bytes) -> list[bytes | None]:
        """Reads one field of many records in one round trip, None for each that lacks it."""
        with self._asking():
            pipeline = self._redis.pipeline(transaction=False)
            for key in keys:
                pipeline.hget(key, field)
            return pipeline.execute()

    def delete(self, key: bytes) -> None:
        """Deletes a value or a record, if there is one."""
        with self._asking():
            self._redis.delete(key)

    def list_keys(self, prefix: bytes) -> Iterator[bytes]:
        """All keys that begin with a prefix of plain letters, page by page; one may come twice."""
        cursor = 0
        while True:
            with self._asking():
                cursor, keys = self._redis.scan(cursor, match=prefix + b"*", count=_KEYS_A_PAGE)
            yield from keys  # type: ignore[misc]
            if not cursor:
                return

    def delete_values(self, keys: Sequence[bytes]) -> int:
        """Deletes values in one round trip; returns how many there were."""
        with self._asking():
            return int(self._redis.unlink(*keys))

    def add_to_list(self, list_key: bytes, member: bytes, order: float, oldest: float) -> None:
        """Puts a member on an ordered list and drops all members whose order is below ``oldest``."""
        with self._asking():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.zadd(list_key, {member: order})
            pipeline.zremrangebyscore(list_key, "-inf", f"({oldest}")
            pipeline.execute()

    def remove_from_list(self, list_key: bytes, member: bytes) -> None:
        """Takes a member off an ordered list, if it is on it."""
        with self._asking():
            self._redis.zrem(list_key, member)

    def read_list(self, list_key: bytes) -> list[bytes]:
        """Reads the members of an ordered list, the lowest order first."""
        with self._asking():
            return self._redis.zrange(list_key, 0, -1)  # type: ignore[return-value]

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Around each request: turns errors into ours, and tells how long it took."""
        began, fault = time.monotonic(), ""
        try:
            yield
        except redis.exceptions.RedisError as error:
            translated = _translate(error)
            fault = "refused" if isinstance(translated, StoreRefused) else "away"
            raise translated from error
        finally:
            self._observe(time.monotonic() - began, fault)


def _translate(error: redis.exceptions.RedisError) -> StoreUnavailable:
    # Redis begins an error with a word that says its kind; what follows may quote the command.
    kind = _find_kind(error)
    cure = (
        _DISK_FULL if kind == "MISCONF" else next(cure for type_, cure in _CURES if isinstance(error, type_))
    )
    away = isinstance(error, (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError))
    logger.log(logging.DEBUG if away else logging.ERROR, "store: %s: %s", type(error).__name__, kind)
    refused = isinstance(error, redis.exceptions.AuthenticationError) or not isinstance(error, _PASSING)
    return (StoreRefused if refused else StoreUnavailable)(f"the vector store does not serve: {cure}")


def _find_kind(error: redis.exceptions.RedisError) -> str:
    """The word; of an error in a pipeline the library has put words of its own before it."""
    found = re.match(r"(?:Command # \d+ .* of pipeline caused error: )?(\w+)", str(error), re.DOTALL)
    return found[1] if found else ""
