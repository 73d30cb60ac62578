"""The audit log: a file that only grows, and that holds an event before anybody is told of it."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from octcluster_gateway.audit.chain import Link, read_link, seal_line
from octcluster_gateway.audit.events import AuditEvent
from octcluster_gateway.audit.messages import write_message
from octcluster_gateway.audit.sent import has_unsent
from octcluster_gateway.errors import AuditBroken, CannotStart
from octcluster_gateway.spool.files import sync_folder

_BLOCK_BYTES = 65536


class AuditLog:
    """Writes audit messages to a file with a hash chain (``chain``).

    The file may be moved away by ``rotate``, of this process or another one: the chain goes on in a new one.
    Threads and processes may share the file. A line that a power failure cut off was never confirmed: it
    is moved to a file beside the log, whose name ends in ``.torn``. The chain goes on behind the last whole
    line.

    Args:
        path: The file; made if need be, readable by its owner alone.
        source_id: Which gateway tells of the events.
    """

    def __init__(self, path: Path, source_id: str = "octcluster-gateway") -> None:
        self._path = path
        self._source_id = source_id
        self._lock = threading.Lock()
        self._file = _open(path)
        self._last, self._end = Link(), -1
        with self._locked():
            pass

    def record(self, event: AuditEvent) -> None:
        """Appends an event; it is on the disk when this returns."""
        message = write_message(event, self._source_id)
        with self._locked():
            line, link = seal_line(message, self._last)
            # What a full disk cuts off is found by the next one who writes, and moved aside.
            if os.write(self._file, line) != len(line):
                raise OSError(f"no room for a line of {self._path}")
            os.fsync(self._file)
            self._last, self._end = link, self._end + len(line)

    def rotate(self, moved_to: Path, event: AuditEvent) -> Link:
        """Moves the file away, and goes on in a new one, whose first line follows from the last one there.

        Args:
            moved_to: Where the file goes, on the same disk.
            event: The first event of the new file.

        Returns:
            How far the file that was moved away has come.

        Raises:
            CannotStart: Lines wait to be sent to a collector.
            OSError: The file cannot go there, or something is there.
        """
        message = write_message(event, self._source_id)
        beside = self._path.with_name(f"{self._path.name}.new")
        with self._locked():
            if has_unsent(self._path):
                raise CannotStart(
                    "lines of the audit log wait for the collector of --syslog: try again when it is there"
                )
            last = self._last
            with open(os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as new:
                new.write(seal_line(message, last)[0])
                new.flush()
                os.fsync(new.fileno())
            # At each moment there is a file of this name, and one with the lines of before.
            os.link(self._path, moved_to)
            beside.replace(self._path)
            sync_folder(moved_to.parent)
            sync_folder(self._path.parent)
        return last

    @property
    def last(self) -> Link:
        """Where the chain has come to, as far as this process knows."""
        return self._last

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keeps other threads and processes out, and finds the end of the chain if one of them moved it."""
        with self._lock:
            self._lock_file()
            try:
                if os.fstat(self._file).st_size != self._end:
                    self._last, self._end = self._find_end()
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _lock_file(self) -> None:
        """Locks the file that has the name now: another process may have moved the one that is open away."""
        while True:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if _is_open(self._file, self._path):
                return
            os.close(self._file)
            self._file, self._end = _open(self._path), -1

    def _find_end(self) -> tuple[Link, int]:
        size = os.fstat(self._file).st_size
        tail = b""
        begin = size
        while begin > 0 and tail.count(b"\n") < 2:
            step = min(_BLOCK_BYTES, begin)
            begin -= step
            tail = os.pread(self._file, step, begin) + tail
        whole, _, torn = tail.rpartition(b"\n")
        if torn:
            self._move_aside(torn, size - len(torn))
        line = whole.rpartition(b"\n")[2]
        try:
            return (read_link(line) if line else Link()), size - len(torn)
        except (ValueError, KeyError) as error:
            raise AuditBroken(
                None,
                f"the last line of {self._path} is no line of an audit log: look at it with "
                "octcluster-gateway audit verify, move the file away, and start again",
            ) from error

    def _move_aside(self, torn: bytes, end: int) -> None:
        torn_file = self._path.with_name(f"{self._path.name}.torn")
        with open(os.open(torn_file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "ab") as kept:
            kept.write(torn + b"\n")
            kept.flush()
            os.fsync(kept.fileno())
        os.ftruncate(self._file, end)
        os.fsync(self._file)


def _open(path: Path) -> int:
    is_new = not path.exists()
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
    if is_new:
        sync_folder(path.parent)
    return descriptor


def _is_open(descriptor: int, path: Path) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    own = os.fstat(descriptor)
    return (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino)
