"""A job's files, which are there together or not at all.

What a job writes may name patients: only the user who ran it can read it.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

_OWN = 0o600


@contextlib.contextmanager
def replacing_files(folder: Path, record: str) -> Iterator[Callable[[str, bytes | None], None]]:
    """Replaces the files that a job leaves, all at once at the end of the block.

    Until then they lie beside the old ones: a full disk leaves the folder as it was. While they are swapped,
    which takes a moment, the folder has no record; after a crash in it, the folder is no result.

    Args:
        folder: Where the files go; it must exist.
        record: The file without which the folder is no result; it is the first to go and the last to come.

    Yields:
        A function that takes a file's name and its content; None: there is to be no such file.

    Raises:
        OSError: A file cannot be written or removed; the error names the file.
    """
    parts: dict[str, Path | None] = {}

    def write(name: str, content: bytes | None) -> None:
        parts[name] = None if content is None else _write_beside(folder / name, content)

    try:
        yield write
        _swap(folder, record, parts)
    finally:
        for part in filter(None, parts.values()):
            part.unlink(missing_ok=True)


def _swap(folder: Path, record: str, parts: dict[str, Path | None]) -> None:
    (folder / record).unlink(missing_ok=True)
    _sync_folder(folder)
    for name in sorted(parts, key=lambda name: name == record):
        if name == record:
            _sync_folder(folder)
        part = parts[name]
        if part is None:
            (folder / name).unlink(missing_ok=True)
        else:
            with _naming(folder / name):
                part.replace(folder / name)
    _sync_folder(folder)


def _write_beside(path: Path, content: bytes) -> Path:
    """Writes a file beside another one, which will be replaced by it; returns its path."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with (
            _naming(path),
            os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWN), "wb") as file,
        ):
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Has an error name the file that is to be, and not the one beside it."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders, and keeps renames in its journal.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with _naming(folder):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
