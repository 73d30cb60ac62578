"""The spool: a folder in which each acknowledged object lies until it is processed.

    incoming/     objects that are coming; removed at the start, since nobody was told that they are kept
    objects/      acknowledged objects
    index.sqlite  what each of them is, and where it stands
    lock          held by the gateway that serves
    commit.lock   held while objects move to those that are kept, by guests, and while a start looks at these

An object is kept in this order: its bytes are on the disk, its name in objects/ is, its row in the index is.
Then its sender is told. A file without a row was not acknowledged, or its row was lost with the disk: it is
taken into the index at the start, so that nothing is lost either way.
"""

import logging
import os
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from octcluster_gateway.errors import CannotStart, SpoolFull
from octcluster_gateway.model import State, StoredFile
from octcluster_gateway.spool.entries import Arrival, Entry
from octcluster_gateway.spool.files import describe_file, sync_folder
from octcluster_gateway.spool.incoming import IncomingFile
from octcluster_gateway.spool.index import Index
from octcluster_gateway.spool.locks import hold_lock, take_lock
from octcluster_gateway.spool.opening import INDEX_NAME
from octcluster_gateway.spool.space import Room

_logger = logging.getLogger(__name__)

COMMIT_LOCK = "commit.lock"
_MOST_AT_ONCE = 256
_OTHER_CONTENT = (
    "another object with the same SOP Instance UID and other content came before: compare both, then retry"
)
_FILE_MISSING = "its file is missing in the spool: have it sent once more"


@dataclass(frozen=True, slots=True)
class Kept:
    """An object that is safe.

    Attributes:
        spool_id: Its number.
        is_known: Whether the same object had come before.
        quarantined: Why it is in quarantine from the start; empty: it is not.
    """

    spool_id: int
    is_known: bool
    quarantined: str = ""


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """What the spool takes.

    Attributes:
        min_free_bytes: What stays free on its disk.
        max_object_bytes: Largest object.
    """

    min_free_bytes: int
    max_object_bytes: int


class Spool:
    """A spool that this process alone serves. Its methods may be called from any thread.

    Args:
        folder: Where it is; it is made if it is not there.
        limits: What it takes.

    Raises:
        CannotStart: The folder cannot be used, or another gateway serves it.
    """

    def __init__(
        self, folder: Path, limits: SpoolLimits, *, incoming: str = "incoming", lock: str = "lock"
    ) -> None:
        self.folder = folder
        self._incoming = folder / incoming
        self._objects = folder / "objects"
        self._limits = limits
        try:
            for path in (folder, self._incoming, self._objects):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _warn_of_open_folder(folder)
            self._lock = take_lock(folder / lock)
        except OSError as error:
            raise CannotStart(f"--spool {folder} cannot be used: {error.strerror}") from error
        self.index = Index(folder / INDEX_NAME)
        self.room = Room(folder, limits.min_free_bytes)
        self.came = threading.Event()
        self._waiting: queue.SimpleQueue[tuple[Arrival, Future[Kept]] | None] = queue.SimpleQueue()
        self._recover()
        self._thread = threading.Thread(target=self._commit_all, name="spool")
        self._thread.start()

    def close(self) -> None:
        """Ends the spool, once what was given to it is kept."""
        self._waiting.put(None)
        self._thread.join()
        self.index.close()
        os.close(self._lock)

    def open_file(self) -> IncomingFile:
        """Opens a file for an object that comes; it is refused from the start if there is no room."""
        return IncomingFile(self._incoming, self.room, self._limits.max_object_bytes)

    def keep(self, file: IncomingFile, arrival: Arrival) -> Kept:
        """Keeps an object that has come whole; when this returns, it is safe.

        Raises:
            Refused: It is not taken.
        """
        file.sync()
        kept: Future[Kept] = Future()
        self._waiting.put((arrival, kept))
        return kept.result()

    def stored(self, entry: Entry) -> StoredFile:
        """An object with its file."""
        return StoredFile(entry.instance, self._objects / entry.file)

    def remove_file(self, entry: Entry) -> None:
        """Removes the file of an object; its row stays, so that the object is recognized."""
        self.index.forget_file(entry.instance.spool_id)
        (self._objects / entry.file).unlink(missing_ok=True)

    def _commit_all(self) -> None:
        """Keeps what waits, all at once: one transaction, and so one wait for the disk, for many senders."""
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < _MOST_AT_ONCE and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    self._waiting.put(None)
                    break
                batch.append(following)
            try:
                kept = self._commit([arrival for arrival, _ in batch])
            except Exception:  # each sender is told, and keeps its object
                for _, future in batch:
                    future.set_exception(SpoolFull("the spool could not keep the object"))
                continue
            for (_, future), one in zip(batch, kept, strict=True):
                future.set_result(one)
            self.came.set()

    def _commit(self, arrivals: Sequence[Arrival]) -> list[Kept]:
        moved: list[Arrival] = []
        try:
            with self.index.transaction():
                kept = [self._add(arrival, moved) for arrival in arrivals]
                sync_folder(self._objects)
        except BaseException:
            for arrival in moved:
                (self._objects / arrival.file).unlink(missing_ok=True)
            raise
        for one in kept:
            if one.quarantined:
                tell_quarantined(one.spool_id, one.quarantined)
        return kept

    def _add(self, arrival: Arrival, moved: list[Arrival]) -> Kept:
        same_uid = self.index.find(arrival.sop_instance)
        for entry in same_uid:
            if entry.instance.sha256 == arrival.sha256:
                if entry.instance.state is State.QUARANTINED and not (self._objects / entry.file).exists():
                    self.index.renew(entry.instance.spool_id, arrival.file)
                    self._move(arrival, moved)
                return Kept(entry.instance.spool_id, is_known=True)
        state, reason = (State.QUARANTINED, _OTHER_CONTENT) if same_uid else (State.PENDING, "")
        spool_id = self.index.add(arrival, state, reason)
        self._move(arrival, moved)
        return Kept(spool_id, is_known=False, quarantined=reason)

    def _move(self, arrival: Arrival, moved: list[Arrival]) -> None:
        """Moves a file that has come to those that are kept; at the start, it may be there already."""
        if (self._incoming / arrival.file).exists():
            (self._incoming / arrival.file).rename(self._objects / arrival.file)
            moved.append(arrival)

    def _recover(self) -> None:
        """Puts right what an end without warning left: see the module."""
        for path in self._incoming.iterdir():
            path.unlink()
        with hold_lock(self.folder / COMMIT_LOCK):
            self._take_in_unknown()

    def _take_in_unknown(self) -> None:
        files = {path.name: path for path in self._objects.iterdir()}
        known = self.index.list_files()
        for name in sorted(files.keys() - known):
            arrival = describe_file(files[name])
            if arrival is None:
                continue
            if self._commit([arrival])[0].is_known:
                files[name].unlink()
        for entry in self.index.list_state(State.PENDING):
            if entry.file not in files:
                self.index.finish(entry.instance.spool_id, State.QUARANTINED, _FILE_MISSING)
                tell_quarantined(entry.instance.spool_id, _FILE_MISSING)


def tell_quarantined(spool_id: int, reason: str) -> None:
    """Logs that an object is in quarantine; the reason names nobody."""
    _logger.warning("object %d is in quarantine: %s", spool_id, reason)


def _warn_of_open_folder(folder: Path) -> None:
    """Warns if others of this machine can look into a folder that was there: objects in it name patients."""
    if folder.stat().st_mode & 0o007:
        _logger.warning("every user of this machine can look into the folder of --spool: chmod 700 it")
