"""What the spool holds, in SQLite: each object with its state, and the results that wait to be written.

A transaction that has ended is on the disk: the journal is a write-ahead log with ``synchronous=FULL``.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from octcluster_gateway.errors import CannotStart, InstanceNotFound
from octcluster_gateway.model import State
from octcluster_gateway.spool.entries import COLUMNS, Arrival, Entry, read_entry
from octcluster_gateway.spool.files import close_to_others
from octcluster_gateway.spool.schema import prepare

_WAIT_SECONDS = 30.0


class Index:
    """The index of one spool. Its methods may be called from any thread, and by several processes.

    Args:
        path: The database; made if it is not there, readable by its owner alone.

    Raises:
        CannotStart: It is no index of the spool, or of a newer release.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        close_to_others(path)
        self._database = sqlite3.connect(
            path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            with self.transaction():
                prepare(self._database, path)
        except sqlite3.DatabaseError as error:
            raise CannotStart(f"--spool: {path} cannot be used as its index: {error}") from error

    def close(self) -> None:
        """Closes the database."""
        with self._lock:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Gathers changes: all of them are on the disk when the block has ended, or none is made."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def add(self, arrival: Arrival, state: State = State.PENDING, reason: str = "") -> int:
        """Adds an object, within a transaction; returns its number."""
        row = self._database.execute(
            "INSERT INTO instances (file, sop_class, sop_instance, transfer_syntax, size_bytes, sha256, "
            "calling_ae, received, state, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING spool_id",
            (
                arrival.file,
                arrival.sop_class,
                arrival.sop_instance,
                arrival.transfer_syntax,
                arrival.size_bytes,
                arrival.sha256,
                arrival.calling_ae,
                time.time(),
                state,
                reason,
            ),
        )
        return int(row.fetchone()[0])

    def find(self, sop_instance: str) -> list[Entry]:
        """All objects with this UID, the oldest first: more than one if their contents differ."""
        return self._select("WHERE sop_instance = ? ORDER BY spool_id", sop_instance)

    def get(self, spool_id: int) -> Entry:
        """One object.

        Raises:
            InstanceNotFound: There is none with this number.
        """
        found = self._select("WHERE spool_id = ?", spool_id)
        if not found:
            raise InstanceNotFound(
                f"the spool has no object {spool_id}: 'quarantine list' tells which it has"
            )
        return found[0]

    def list_state(self, state: State) -> list[Entry]:
        """All objects in one state, the oldest first."""
        return self._select("WHERE state = ? ORDER BY spool_id", state)

    def list_due(self, limit: int) -> list[Entry]:
        """The objects that are to be processed now, the oldest first."""
        now = time.time()
        return self._select("WHERE state = 'pending' AND due <= ? ORDER BY spool_id LIMIT ?", now, limit)

    def list_files(self) -> set[str]:
        """The names of the files of all objects that have one."""
        return {row[0] for row in self._query("SELECT file FROM instances WHERE has_file")}

    def list_patient(self, patient: str) -> list[Entry]:
        """All objects of a patient, by pseudonym; empty: those whose patient is not known."""
        return self._select("WHERE patient = ? ORDER BY spool_id", patient)

    def list_studies(self) -> list[str]:
        """The UIDs of all studies, as far as their objects were looked at."""
        return [row[0] for row in self._query("SELECT DISTINCT study FROM instances WHERE study != ''")]

    def find_patient(self, spool_id: int) -> str:
        """The pseudonym of an object's patient; empty: not known."""
        return str(self._query("SELECT patient FROM instances WHERE spool_id = ?", spool_id)[0][0])

    def list_removable(self, processed_before: float) -> list[Entry]:
        """The objects with a file that were processed before a time, and for which nothing waits."""
        return self._select(
            "WHERE has_file AND processed < ? AND +state IN ('done', 'ignored') AND spool_id NOT IN "
            "(SELECT spool_id FROM reports WHERE state = 'pending' UNION ALL "
            "SELECT spool_id FROM copies WHERE state = 'pending') ORDER BY processed",
            processed_before,
        )

    def count_states(self) -> dict[State, int]:
        """The number of objects in each state."""
        found = dict(self._query("SELECT state, count(*) FROM instances GROUP BY state"))
        return {state: int(found.get(state, 0)) for state in State}

    def oldest_pending(self) -> float | None:
        """Second of Unix time at which the oldest pending object came; None: none is pending."""
        found = self._query("SELECT min(received) FROM instances WHERE state = 'pending'")
        return None if found[0][0] is None else float(found[0][0])

    def renew(self, spool_id: int, file: str) -> None:
        """Gives an object whose file is missing another one, within a transaction."""
        self._database.execute(
            "UPDATE instances SET file = ?, has_file = 1, state = 'pending', attempts = 0, due = 0, "
            "reason = '' WHERE spool_id = ?",
            (file, spool_id),
        )

    def begin(self, spool_ids: Sequence[int]) -> None:
        """Counts an attempt at each of these objects, before it: one that ends this process counts, too."""
        with self.transaction() as database:
            database.executemany(
                "UPDATE instances SET attempts = attempts + 1 WHERE spool_id = ?",
                [(spool_id,) for spool_id in spool_ids],
            )

    def postpone(self, spool_id: int, due: float, reason: str) -> None:
        """Notes that an attempt failed for now, and when the next one is due."""
        with self.transaction() as database:
            database.execute(
                "UPDATE instances SET due = ?, reason = ? WHERE spool_id = ?",
                (due, reason, spool_id),
            )

    def note_names(self, spool_id: int, patient: str, study: str, series: str) -> None:
        """Notes whose an object is: the pseudonym of its patient, and the UIDs of study and series."""
        with self.transaction() as database:
            database.execute(
                "UPDATE instances SET patient = ?, study = ?, series = ? WHERE spool_id = ?",
                (patient, study, series, spool_id),
            )

    def note_image_keys(self, pairs: Sequence[tuple[int, bytes]]) -> None:
        """Notes under which keys vectors of objects are in the clusterer's cache, each with its number."""
        with self.transaction() as database:
            database.executemany("INSERT OR IGNORE INTO image_keys VALUES (?, ?)", pairs)

    def list_image_keys(self, spool_ids: Sequence[int]) -> list[bytes]:
        """The image keys of objects, each once."""
        rows = (self._query("SELECT image_key FROM image_keys WHERE spool_id = ?", one) for one in spool_ids)
        return sorted({bytes(row[0]) for found in rows for row in found})

    def finish(
        self, spool_id: int, state: State, reason: str = "", lines: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Ends the processing of an object, and keeps its results, all in one transaction.

        Args:
            spool_id: Number of the object.
            state: What became of it.
            reason: Why, if it has no result.
            lines: Eye and line of each result.
        """
        with self.transaction() as database:
            changed = database.execute(
                "UPDATE instances SET state = ?, reason = ?, processed = ? "
                "WHERE spool_id = ? AND state = 'pending'",
                (state, reason, time.time(), spool_id),
            )
            if changed.rowcount:
                database.executemany(
                    "INSERT INTO results (spool_id, eye, line) VALUES (?, ?, ?)",
                    [(spool_id, eye, line) for eye, line in lines],
                )

    def retry(self, spool_ids: Sequence[int] | None = None) -> int:
        """Has objects of the quarantine processed once more: these, or all; returns their number."""
        chosen = [entry.instance.spool_id for entry in self.list_state(State.QUARANTINED)]
        if spool_ids is not None:
            for spool_id in spool_ids:
                self.get(spool_id)
            chosen = [spool_id for spool_id in chosen if spool_id in set(spool_ids)]
        with self.transaction() as database:
            database.executemany(
                "UPDATE instances SET state = 'pending', due = 0, attempts = 0, processed = NULL "
                "WHERE spool_id = ? AND has_file",
                [(spool_id,) for spool_id in chosen],
            )
        return len(chosen)

    def forget_file(self, spool_id: int) -> None:
        """Notes that the file of an object is gone."""
        with self.transaction() as database:
            database.execute("UPDATE instances SET has_file = 0 WHERE spool_id = ?", (spool_id,))

    def erase(self, spool_ids: Sequence[int]) -> None:
        """Removes objects and their results, and what the database's files still hold of them."""
        with self._lock:
            self._database.execute("PRAGMA secure_delete = ON")
        with self.transaction() as database:
            for table in ("image_keys", "copies", "reports", "results", "instances"):
                database.executemany(
                    f"DELETE FROM {table} WHERE spool_id = ?",  # noqa: S608
                    [(spool_id,) for spool_id in spool_ids],
                )
        with self._lock:
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def get_line(self, number: int) -> str:
        """The line of a result by its number."""
        return str(self._query("SELECT line FROM results WHERE number = ?", number)[0][0])

    def list_unwritten(self) -> list[tuple[int, str]]:
        """Number and line of each result that is not known to be written."""
        rows = self._query("SELECT number, line FROM results WHERE NOT written ORDER BY number")
        return [(int(number), str(line)) for number, line in rows]

    def note_written(self, up_to: int) -> None:
        """Notes that all results up to this number are written."""
        with self.transaction() as database:
            database.execute("UPDATE results SET written = 1 WHERE NOT written AND number <= ?", (up_to,))

    def _query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def _select(self, condition: str, *values: object) -> list[Entry]:
        rows = self._query(f"SELECT {COLUMNS} FROM instances {condition}", *values)  # noqa: S608
        return [read_entry(row) for row in rows]
