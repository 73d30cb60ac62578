"""A job's files, which are there together or not at all.

What a job writes may name patients: only the user who ran it can read it. A job that is killed while it
writes leaves files behind. The next one in that folder removes them: their lock ended with the job.
"""

import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

Content = bytes | Iterable[bytes]

_OWN = 0o600
_ENDING = ".octcluster-part"


@contextlib.contextmanager
def replacing_files(folder: Path, record: str) -> Iterator[Callable[[str, Content | None], None]]:
    """Replaces the files that a job leaves, all at once at the end of the block.

    Until then they lie beside the old ones: a full disk leaves the folder as it was. While they are swapped,
    which takes a moment, the folder has no record; after a crash in it, the folder is no result.

    Args:
        folder: Where the files go; it must exist.
        record: The file without which the folder is no result; it is the first to go and the last to come.

    Yields:
        A function that takes a file's name and its content, as a whole or in pieces; None: there is to be no
        such file.

    Raises:
        OSError: A file cannot be written or removed; the error names the file.
    """
    _remove_abandoned(folder)
    parts: dict[str, Path | None] = {}
    with contextlib.ExitStack() as written:

        def write(name: str, content: Content | None) -> None:
            beside = None if content is None else _written_beside(folder / name, content)
            parts[name] = None if beside is None else written.enter_context(beside)

        yield write
        _swap(folder, record, parts)


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


@contextlib.contextmanager
def _written_beside(path: Path, content: Content) -> Iterator[Path]:
    """Writes a file beside another one, which is to be replaced by it within the block."""
    with _naming(path):
        part, descriptor = _create_beside(path)
    keeps_lock = sys.platform != "win32"  # Windows replaces no file that is open.
    try:
        with _naming(path), os.fdopen(descriptor, "wb", closefd=not keeps_lock) as file:
            for piece in (content,) if isinstance(content, bytes) else content:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)
        if keeps_lock:
            os.close(descriptor)


def _create_beside(path: Path) -> tuple[Path, int]:
    """A new file that this process has locked, and its descriptor."""
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_ENDING}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWN)
        lock_file(descriptor)
        # Before it was locked, another job may have taken it for one that nobody writes.
        if os.fstat(descriptor).st_nlink:
            return part, descriptor
        os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    """Removes what jobs left that were killed while they wrote."""
    for part in folder.glob(f".*{_ENDING}"):
        with contextlib.suppress(OSError):
            descriptor = os.open(part, os.O_WRONLY)
            try:
                if lock_file(descriptor):
                    part.unlink()
            finally:
                os.close(descriptor)


def lock_file(descriptor: int) -> bool | None:
    """Locks a file until it is closed or its process ends.

    Returns:
        Whether it is locked now; False: another has the lock; None: there are no locks here.
    """
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ModuleNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


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
