"""Shards in folders of a file system."""

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pyarrow as pa

from octcluster_clusterer.store.parquet.folders import ENDINGS, FileFacts

_PART_ENDING = ".part"
# A writer that was at it for longer is not there any more.
_LONGEST_WRITING_SECONDS = 24 * 3600


class LocalFolder:
    """A ``ShardFolder`` on a file system, also one that several machines mount.

    A shard is written under another name, flushed to the disk and renamed, and the folder is flushed, too: a
    crash at any moment leaves it whole or not there. Only the owner can read what is made here.
    """

    gap_bytes = 2**14

    def __init__(self, root: Path) -> None:
        """Keeps shards under ``root``, which the first put makes; the folder above must be there."""
        self._root = root

    def list_files(self, space: str) -> dict[str, FileFacts]:
        """The files of a space by name."""
        found, now = {}, time.time()
        try:
            names = os.listdir(self._root / space)
        except FileNotFoundError:
            self.check()
            return {}
        for name in names:
            if name.endswith(ENDINGS):
                with suppress(FileNotFoundError):  # it was merged since
                    facts = os.stat(self._root / space / name)
                    found[name] = FileFacts(facts.st_size, now - facts.st_mtime)
        return found

    def open_file(self, space: str, name: str) -> Any:
        """Opens a shard. It is read and not mapped: a mapped file that somebody cuts off ends the process."""
        return pa.OSFile(str(self._root / space / name))

    def write_file(self, space: str, name: str, fill: Callable[[IO[bytes]], None]) -> None:
        """Writes a shard that appears whole."""
        folder = self._root / space
        _make_folder(self._root)
        _make_folder(folder)
        beside = folder / f".{uuid4().hex}{_PART_ENDING}"
        try:
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(folder / name)
        finally:
            beside.unlink(missing_ok=True)
        _flush_folder(folder)

    def delete_file(self, space: str, name: str) -> None:
        """Deletes a shard, if it is there."""
        (self._root / space / name).unlink(missing_ok=True)

    def delete_leavings(self, space: str) -> None:
        """Deletes what writers that were killed left behind, a day later."""
        for file in (self._root / space).glob(f".*{_PART_ENDING}"):
            try:
                if time.time() - file.stat().st_mtime > _LONGEST_WRITING_SECONDS:
                    file.unlink()
            except FileNotFoundError:
                continue

    def list_spaces(self) -> list[str]:
        """The folders that there are."""
        if not self._root.exists():
            return []
        return sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir())

    def check(self) -> None:
        """Raises unless the root can be entered and written, or made."""
        folder = self._root if self._root.exists() else self._root.parent
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "no folder")
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, "no right")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    """Has the disk keep which names a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
