"""Who is behind a pseudonym: a file that can be read only with the site's key."""

import json
import os
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from octcluster_gateway.errors import IdentityUnreadable, UnusableSecret
from octcluster_gateway.spool.files import close_to_others

_KEY_BYTES = 32
_NONCE_BYTES = 12
_TABLE = (
    "CREATE TABLE IF NOT EXISTS identities (pseudonym TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID"
)


@dataclass(frozen=True)
class Identity:
    """What the gateway knows of the one behind a pseudonym.

    Attributes:
        kind: Of what: ``patient``, ``study``, ``series`` or ``instance``.
        values: Attributes by their DICOM keyword, for example ``PatientID``.
    """

    kind: str
    values: Mapping[str, str]


class IdentityMap:
    """Pseudonyms and the identities behind them, sealed one by one with AES-256-GCM.

    A sealed identity is bound to its pseudonym: one that was put beside another pseudonym is not read.
    Several processes may use the file at a time.

    Args:
        path: The file; made if need be, readable by its owner alone.
        key: The site's key, 32 bytes.

    Raises:
        UnusableSecret: The key has another length.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise UnusableSecret(
                f"the key of the identity map has {len(key)} bytes and needs {_KEY_BYTES}: "
                "make one with openssl rand -hex 32"
            )
        self._cipher = AESGCM(key)
        close_to_others(path)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
        for setting in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute(_TABLE)

    def remember(self, pseudonym: str, identity: Identity) -> None:
        """Keeps who is behind a pseudonym; on the disk when this returns. The latest identity counts."""
        text = json.dumps({"kind": identity.kind, "values": dict(identity.values)}).encode()
        sealed = _seal(self._cipher, pseudonym, text)
        with self._lock:
            self._connection.execute(
                "INSERT INTO identities VALUES (?, ?) "
                "ON CONFLICT (pseudonym) DO UPDATE SET sealed = excluded.sealed",
                (pseudonym, sealed),
            )

    def find(self, pseudonym: str) -> Identity | None:
        """Who is behind a pseudonym; None: it is not in the map.

        Raises:
            IdentityUnreadable: The key is another one, or the file is damaged.
        """
        with self._lock:
            row = self._connection.execute(
                "SELECT sealed FROM identities WHERE pseudonym = ?", (pseudonym,)
            ).fetchone()
        return None if row is None else self._open(pseudonym, row[0])

    def __len__(self) -> int:
        """The number of identities."""
        with self._lock:
            return int(self._connection.execute("SELECT count(*) FROM identities").fetchone()[0])

    def __contains__(self, pseudonym: str) -> bool:
        """Whether the map has an identity behind a pseudonym, whatever it was sealed with."""
        with self._lock:
            found = self._connection.execute("SELECT 1 FROM identities WHERE pseudonym = ?", (pseudonym,))
            return found.fetchone() is not None

    def forget(self, pseudonym: str) -> bool:
        """Removes who is behind a pseudonym; says whether it was there."""
        with self._lock:
            found = self._connection.execute("DELETE FROM identities WHERE pseudonym = ?", (pseudonym,))
            # What the write-ahead log still holds of it goes as well.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return found.rowcount > 0

    def seal_anew(self, key: bytes) -> int:
        """Seals all identities with another key, all or none; returns their number.

        Args:
            key: The key that opens the map from now on, 32 bytes.

        Raises:
            IdentityUnreadable: One cannot be read with the key of before; nothing is changed.
        """
        cipher = AESGCM(key)
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                rows = self._connection.execute("SELECT pseudonym, sealed FROM identities").fetchall()
                for pseudonym, sealed in rows:
                    again = _seal(cipher, pseudonym, self._unseal(pseudonym, sealed))
                    self._connection.execute(
                        "UPDATE identities SET sealed = ? WHERE pseudonym = ?", (again, pseudonym)
                    )
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._cipher = cipher
            # What was sealed with the key of before goes from the write-ahead log as well.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(rows)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, pseudonym: str, sealed: bytes) -> Identity:
        fields = json.loads(self._unseal(pseudonym, sealed))
        return Identity(fields["kind"], fields["values"])

    def _unseal(self, pseudonym: str, sealed: bytes) -> bytes:
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, text, pseudonym.encode())
        except (InvalidTag, ValueError) as error:
            raise IdentityUnreadable(
                f"the identity behind {pseudonym} cannot be read: give the key that the map was written "
                "with, or put a backup of the map back"
            ) from error


def _seal(cipher: AESGCM, pseudonym: str, text: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, text, pseudonym.encode())
