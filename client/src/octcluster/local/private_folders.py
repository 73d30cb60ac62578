"""Folders that only the user who made them may look into."""

import errno
import os
from pathlib import Path

_OWN = 0o700
_OTHERS = 0o077


def make_private_folder(folder: Path) -> None:
    """Makes a folder, and those above it that are missing, for this user alone; one that exists is left.

    Raises:
        OSError: It cannot be made.
    """
    for each in reversed((folder, *folder.parents)):
        if not each.is_dir():
            each.mkdir(mode=_OWN, exist_ok=True)


def close_folder(folder: Path) -> bool:
    """Takes a folder from all but its owner.

    Returns:
        Whether others could look into it before, or change it.

    Raises:
        OSError: They can, and that cannot be changed.
    """
    if os.name == "nt" or not folder.stat().st_mode & _OTHERS:  # Windows has no such modes.
        return False
    folder.chmod(_OWN)
    if folder.stat().st_mode & _OTHERS:
        raise OSError(errno.ENOTSUP, "its file system keeps no modes", str(folder))
    return True
