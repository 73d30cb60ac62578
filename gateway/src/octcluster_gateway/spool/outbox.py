"""Results whose reports wait to be sent, in the index of the spool: no result is forgotten, whatever ends.

A result puts its report here in the transaction that keeps the result. The file of an object stays as long as
a report of it waits.
"""

import time
from dataclasses import dataclass

from octcluster_gateway.spool.entries import Entry
from octcluster_gateway.spool.index import Index

_TRIGGER = """CREATE TRIGGER IF NOT EXISTS report_of_result AFTER INSERT ON results BEGIN
INSERT INTO reports (number, spool_id) VALUES (NEW.number, NEW.spool_id); END"""


@dataclass(frozen=True, slots=True)
class WaitingReport:
    """A result whose report is to be sent.

    Attributes:
        number: Number of the result.
        line: The result, as ``eyes.jsonl`` has it.
        entry: The object that it is about.
        attempts: How often it was tried.
    """

    number: int
    line: str
    entry: Entry
    attempts: int


class Outbox:
    """The reports that wait.

    Args:
        index: The index of the spool.
        is_open: Whether new results get a report. If not, those that wait are given up.
    """

    def __init__(self, index: Index, *, is_open: bool) -> None:
        self._index = index
        with index.transaction() as database:
            if is_open:
                database.execute(_TRIGGER)
            else:
                database.execute("DROP TRIGGER IF EXISTS report_of_result")
                database.execute("UPDATE reports SET state = 'given up' WHERE state = 'pending'")

    def list_due(self, limit: int = 64) -> list[WaitingReport]:
        """The reports that are to be sent now, the oldest first."""
        with self._index.transaction() as database:
            rows = database.execute(
                "SELECT number, line, reports.spool_id, attempts FROM reports JOIN results USING (number) "
                "WHERE reports.state = 'pending' AND due <= ? ORDER BY number LIMIT ?",
                (time.time(), limit),
            ).fetchall()
        return [
            WaitingReport(int(number), str(line), self._index.get(spool_id), int(attempts))
            for number, line, spool_id, attempts in rows
        ]

    def note_sent(self, number: int) -> None:
        """Notes that a report was sent."""
        self._note(number, "sent", 0.0, "")

    def postpone(self, number: int, due: float, reason: str) -> None:
        """Notes that a report was not sent, and when it is tried again."""
        self._note(number, "pending", due, reason)

    def give_up(self, number: int, reason: str) -> None:
        """Notes that a report cannot be made."""
        self._note(number, "given up", 0.0, reason)

    def _note(self, number: int, state: str, due: float, reason: str) -> None:
        with self._index.transaction() as database:
            database.execute(
                "UPDATE reports SET state = ?, due = ?, reason = ?, attempts = attempts + 1 WHERE number = ?",
                (state, due, reason, number),
            )


def count_reports(index: Index) -> dict[str, int]:
    """The number of reports in each state: pending, sent, given up."""
    with index.transaction() as database:
        rows = database.execute("SELECT state, count(*) FROM reports GROUP BY state").fetchall()
    return {str(state): int(count) for state, count in rows}
