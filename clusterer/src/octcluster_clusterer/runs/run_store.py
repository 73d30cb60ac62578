"""Runs in Redis: fetched after a restart of the clusterer, forgotten when their time is over.

A run is there from its start, without members, and once more at its end, with its result. So a run that a
clusterer took and did not end is known as interrupted, and not unknown.

A run is one record of several fields (``record_format.py``). Each field ends in a checksum, as vectors do.
The status is written last, so that a run saved in part is no run. A record that cannot be read, of another
version say, is no run either: it is logged and passed over, and goes when its time is over. The list reads
the status alone: it still names a run whose other fields are damaged.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from octcluster_clusterer.runs.record_format import STATUS_FIELD, read_record, read_status, write_record
from octcluster_clusterer.runs.records import RunRecord, RunStatus, is_kept_id
from octcluster_clusterer.store.redis import RedisStore

logger = logging.getLogger(__name__)

_KEY_PREFIX = b"octcluster:v1:run:"
_LIST_KEY = b"octcluster:v1:runs"
_CHECKSUM_BYTES = 16


class RunStore:
    """Runs by id, for a limited time."""

    def __init__(self, store: RedisStore, ttl_seconds: int) -> None:
        """Keeps runs in ``store`` for ttl_seconds each."""
        self._store = store
        self._ttl_seconds = ttl_seconds

    def save(self, record: RunRecord) -> str:
        """Saves a run in place of what was there under its id.

        Returns:
            Why Redis may lose it, for people; empty if it keeps it.

        Raises:
            StoreUnavailable: Redis does not serve; the run is not saved.
        """
        run_id = record.status.run_id
        fields = write_record(record)
        sealed = {name: value + _checksum(run_id, name, value) for name, value in fields.items()}
        self._store.write_record(_key(run_id), sealed, self._ttl_seconds)
        oldest = datetime.now(UTC) - timedelta(seconds=self._ttl_seconds)
        created = record.status.created.timestamp()
        self._store.add_to_list(_LIST_KEY, run_id.encode(), created, oldest.timestamp())
        return self._store.find_saving_fault()

    def read(self, run_id: str) -> RunRecord | None:
        """Reads a run; None if there is none that can be read: saved in part, damaged, of another version.

        Raises:
            StoreUnavailable: Redis does not serve.
        """
        if not is_kept_id(run_id):
            return None
        fields = self._store.read_record(_key(run_id))
        if fields:
            with _passed_over(run_id):
                return read_record({name: _open(run_id, name, value) for name, value in fields.items()})
        return None

    def list_statuses(self) -> list[RunStatus]:
        """Reads the status of all runs, the oldest first.

        Raises:
            StoreUnavailable: Redis does not serve.
        """
        listed = [run_id.decode(errors="replace") for run_id in self._store.read_list(_LIST_KEY)]
        run_ids = [run_id for run_id in listed if is_kept_id(run_id)]
        if len(run_ids) < len(listed):
            logger.error("the list of runs: %d of its entries are no run ids", len(listed) - len(run_ids))
        values = self._store.read_fields([_key(run_id) for run_id in run_ids], STATUS_FIELD)
        statuses = []
        for run_id, value in zip(run_ids, values, strict=True):
            if value is not None:
                with _passed_over(run_id):
                    statuses.append(read_status(_open(run_id, STATUS_FIELD, value)))
        return statuses

    def delete(self, run_id: str) -> None:
        """Deletes a run, if there is one, whether it can be read or not.

        Raises:
            StoreUnavailable: Redis does not serve.
        """
        self._store.remove_from_list(_LIST_KEY, run_id.encode())
        self._store.delete(_key(run_id))


def _key(run_id: str) -> bytes:
    return _KEY_PREFIX + run_id.encode()


def _checksum(run_id: str, name: bytes, content: bytes) -> bytes:
    checksum = blake2b(run_id.encode() + b":" + name + b":", digest_size=_CHECKSUM_BYTES)
    checksum.update(content)
    return checksum.digest()


def _open(run_id: str, name: bytes, value: bytes) -> bytes:
    """The content of a sealed field; raises ValueError if it is damaged."""
    content = value[:-_CHECKSUM_BYTES]
    if _checksum(run_id, name, content) != value[-_CHECKSUM_BYTES:]:
        raise ValueError("a field is damaged")
    return content


@contextmanager
def _passed_over(run_id: str) -> Iterator[None]:
    """Ends the block, with a line of log, where a record cannot be read."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        # Whatever another version or program has left there. Unlike a message, a type quotes nothing.
        name = type(error).__name__
        logger.warning("run %s: passed over, its record cannot be read: %s", run_id, name)
