"""The folder of a job's outputs: made before the work begins, and never that of another command."""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from octcluster.local.private_folders import close_folder, make_private_folder
from octcluster.model.errors import InvalidArguments

_RECORDS = {"run": "run.json", "assign": "assign.json", "study": "study.json", "describe": "describe.json"}
"""The file that each command leaves last. The commands' other files share names."""


def prepare_folder(folder: Path, command: str = "", tell: Callable[[str], None] = warnings.warn) -> None:
    """Makes the folder for the outputs before the work begins, so that nothing is lost at its end.

    A folder that is empty, or the command's own, is taken from other users: outputs may name patients.

    Args:
        folder: The folder; what the same command left in it will be replaced.
        command: Which command writes into it, if it leaves a record.
        tell: Told in a sentence that other users could look into the folder.

    Raises:
        InvalidArguments: The folder cannot be made or written into, or holds what another command left.
    """
    try:
        make_private_folder(folder)
    except (FileExistsError, NotADirectoryError):
        raise InvalidArguments(f"{folder} is a file, or lies in one: name a folder for the outputs") from None
    except OSError as error:
        raise InvalidArguments(
            f"cannot make the folder {folder}: {error.strerror}; name another one for the outputs"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidArguments(f"cannot write into {folder}: name another folder for the outputs")
    if command in _RECORDS:
        _check_free(folder, command)
        _close(folder, command, tell)


@contextlib.contextmanager
def prepared_folder(
    folder: Path, command: str = "", tell: Callable[[str], None] = warnings.warn
) -> Iterator[None]:
    """Like prepare_folder; if the block fails, empty folders that were made for it are removed.

    Raises:
        InvalidArguments: See prepare_folder.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    prepare_folder(folder, command, tell)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # not empty: work of another kind, or of a study so far
            for each in made:
                each.rmdir()
        raise


def _close(folder: Path, command: str, tell: Callable[[str], None]) -> None:
    """Takes a folder from other users, but for one with files of another kind; the outputs stay private."""
    if any(folder.iterdir()) and not (folder / _RECORDS[command]).exists():
        return
    try:
        if close_folder(folder):
            tell(f"other users could look into {folder}: it is yours alone now (mode 700)")
    except OSError as error:
        tell(
            f"other users can look into {folder}, and that cannot be changed ({error.strerror}): better name "
            "another folder for the outputs"
        )


def _check_free(folder: Path, command: str) -> None:
    for other, record in _RECORDS.items():
        if other != command and (folder / record).exists():
            raise InvalidArguments(
                f"{folder} holds the output of 'octcluster {other}' ({record}): give each command its own "
                f"output folder, for example --out {folder / command}; a command overwrites only its own "
                "earlier output"
            )
