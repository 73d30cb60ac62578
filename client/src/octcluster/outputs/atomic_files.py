"""Files that are there whole or not at all."""

import os
import secrets
from pathlib import Path


def write_file(path: Path, content: bytes) -> None:
    """Writes a file so that its path always holds the old content or the new one, also after a crash.

    Args:
        path: The file; what is there is replaced.
        content: Its content.

    Raises:
        OSError: The file cannot be written; the old one is untouched.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_or_remove(path: Path, content: bytes | None) -> None:
    """Writes a file as write_file does; without content, removes the old one so that no crash brings it back.

    Args:
        path: The file; what is there is replaced.
        content: Its content; None: there is to be no such file.

    Raises:
        OSError: The file cannot be written or removed.
    """
    if content is not None:
        write_file(path, content)
    elif path.exists():
        path.unlink()
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders, and keeps renames in its journal.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
