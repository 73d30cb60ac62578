"""What waits to go out, in the index of the spool: nothing is forgotten, whatever ends.

    reports   one for each result, put here in the transaction that keeps the result
    copies    one for each object that was processed, put here in the transaction that says so

The file of an object stays as long as a report or a copy of it waits.
"""

# ruff: noqa: S608 - all names of tables are of this file

import time
from dataclasses import dataclass

from octcluster_gateway.spool.entries import Entry
from octcluster_gateway.spool.index import Index


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A kind of what goes out.

    Attributes:
        table: Its table in the index.
        trigger: What puts one there; an earlier release knows it by the same name.
        when: On what event one is put there.
        values: Number, and number of the object.
    """

    table: str
    trigger: str
    when: str
    values: str


REPORTS = Outgoing("reports", "report_of_result", "AFTER INSERT ON results", "NEW.number, NEW.spool_id")
COPIES = Outgoing(
    "copies",
    "copy_of_object",
    "AFTER UPDATE OF state ON instances WHEN NEW.state IN ('done', 'ignored')",
    "NEW.spool_id, NEW.spool_id",
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is to be sent.

    Attributes:
        number: Number of the result, or of the object.
        entry: The object that it is about.
        attempts: How often it was tried.
    """

    number: int
    entry: Entry
    attempts: int


class Outbox:
    """What waits of one kind.

    Args:
        index: The index of the spool.
        kind: The kind.
        is_open: Whether new ones are put here. If not, those that wait are given up.
    """

    def __init__(self, index: Index, kind: Outgoing, *, is_open: bool) -> None:
        self._index = index
        self._table = kind.table
        with index.transaction() as database:
            # An object is processed once more if somebody retries it: what was sent of it stays sent.
            database.execute(f"DROP TRIGGER IF EXISTS {kind.trigger}")
            if is_open:
                database.execute(
                    f"CREATE TRIGGER {kind.trigger} {kind.when} BEGIN "
                    f"INSERT OR IGNORE INTO {kind.table} (number, spool_id) VALUES ({kind.values}); END"
                )
            else:
                database.execute(f"UPDATE {kind.table} SET state = 'given up' WHERE state = 'pending'")

    def list_due(self, limit: int = 64) -> list[Waiting]:
        """What is to be sent now, the oldest first."""
        with self._index.transaction() as database:
            rows = database.execute(
                f"SELECT number, spool_id, attempts FROM {self._table} "
                "WHERE state = 'pending' AND due <= ? ORDER BY number LIMIT ?",
                (time.time(), limit),
            ).fetchall()
        return [
            Waiting(int(number), self._index.get(spool_id), int(attempts))
            for number, spool_id, attempts in rows
        ]

    def note_sent(self, number: int) -> None:
        """Notes that one was sent."""
        self._note(number, "sent", 0.0, "")

    def postpone(self, number: int, due: float, reason: str) -> None:
        """Notes that one was not sent, and when it is tried again."""
        self._note(number, "pending", due, reason)

    def give_up(self, number: int, reason: str) -> None:
        """Notes that one cannot be made."""
        self._note(number, "given up", 0.0, reason)

    def _note(self, number: int, state: str, due: float, reason: str) -> None:
        with self._index.transaction() as database:
            database.execute(
                f"UPDATE {self._table} SET state = ?, due = ?, reason = ?, attempts = attempts + 1 "
                "WHERE number = ?",
                (state, due, reason, number),
            )


def count_waiting(index: Index, kind: Outgoing) -> int:
    """How many of one kind wait; unlike ``count_outgoing``, it looks at no others."""
    with index.transaction() as database:
        found = database.execute(f"SELECT count(*) FROM {kind.table} WHERE state = 'pending'").fetchone()
    return int(found[0])


def count_outgoing(index: Index, kind: Outgoing) -> dict[str, int]:
    """The number of one kind in each state: pending, sent, given up."""
    with index.transaction() as database:
        rows = database.execute(f"SELECT state, count(*) FROM {kind.table} GROUP BY state").fetchall()
    return {str(state): int(count) for state, count in rows}
