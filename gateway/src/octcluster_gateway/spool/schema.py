"""The tables of a spool's index, and how an index of an earlier release gets those that it lacks."""

import sqlite3
from pathlib import Path

from octcluster_gateway.errors import CannotStart

_VERSION = 1
_SCHEMA = """
CREATE TABLE instances (
    spool_id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL UNIQUE,
    sop_class TEXT NOT NULL, sop_instance TEXT NOT NULL, transfer_syntax TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, calling_ae TEXT NOT NULL, received REAL NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
    due REAL NOT NULL DEFAULT 0, processed REAL, has_file INTEGER NOT NULL DEFAULT 1,
    patient TEXT NOT NULL DEFAULT '', study TEXT NOT NULL DEFAULT '', series TEXT NOT NULL DEFAULT '',
    UNIQUE (sop_instance, sha256)
);
CREATE INDEX waiting ON instances (state, due, spool_id);
CREATE INDEX of_patient ON instances (patient);
CREATE INDEX with_file ON instances (processed) WHERE has_file;
CREATE TABLE results (
    number INTEGER PRIMARY KEY AUTOINCREMENT, spool_id INTEGER NOT NULL, eye TEXT NOT NULL,
    line TEXT NOT NULL, written INTEGER NOT NULL DEFAULT 0, UNIQUE (spool_id, eye)
);
CREATE INDEX unwritten ON results (written, number);
"""

# See ``outbox``.
_OUTGOING = """CREATE TABLE IF NOT EXISTS {} (
    number INTEGER PRIMARY KEY, spool_id INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '')"""


_IMAGE_KEYS = """CREATE TABLE IF NOT EXISTS image_keys (
    spool_id INTEGER NOT NULL, image_key BLOB NOT NULL, PRIMARY KEY (spool_id, image_key)) WITHOUT ROWID"""


def prepare(database: sqlite3.Connection, path: Path) -> None:
    """Makes the tables that are not there, within a transaction.

    Raises:
        CannotStart: The index is of a newer release.
    """
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise CannotStart(f"--spool: {path} is of a newer release: use that one")
    if version == 0:
        for statement in filter(str.strip, _SCHEMA.split(";")):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {_VERSION}")
    for table in ("reports", "copies"):
        database.execute(_OUTGOING.format(table))
        database.execute(
            f"CREATE INDEX IF NOT EXISTS waiting_{table} ON {table} (due) WHERE state = 'pending'"
        )
    database.execute(_IMAGE_KEYS)
