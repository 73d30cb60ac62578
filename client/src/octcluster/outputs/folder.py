"""The folder of a job's outputs: made before the work begins, apart from the images, one job's at a time."""

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from octcluster.local.private_folders import close_folder, make_private_folder
from octcluster.model.errors import InvalidArguments
from octcluster.outputs.atomic_files import lock_file

_LOCK = ".octcluster-lock"
HISTORY = "history.jsonl"
"""What a person did with the groups of a run in ``octcluster explore``."""
_RECORDS = {"run": "run.json", "assign": "assign.json", "study": "study.json", "describe": "describe.json"}
"""The file that each command leaves last. The commands' other files share names."""


def find_record(folder: Path, command: str) -> Path:
    """The file that a command leaves last in the folder of its outputs, there or not."""
    return folder / _RECORDS[command]


def check_place(folder: Path, images: Path | None, command: str) -> None:
    """Makes sure that the outputs lie neither among the images nor among another command's.

    Among the images, the next job would take their pictures for some.

    Args:
        folder: The folder for the outputs.
        images: Folder of the images; of a file nothing is wrong, nor where each image is named (None).
        command: Which command writes into the folder.

    Raises:
        InvalidArguments: The folder is that of the images, lies in it, holds what another command left, or is
            one of the system or the user as a whole.
    """
    _check_own(folder)
    _check_free(folder, command)
    if images is not None and images.is_dir() and folder.resolve().is_relative_to(images.resolve()):
        where = "is the folder of the images" if folder.resolve() == images.resolve() else f"lies in {images}"
        raise InvalidArguments(
            f"{folder} {where}: name a folder outside of it for the outputs (--out), or the next command "
            "takes them for images"
        )


def prepare_folder(folder: Path, command: str = "", tell: Callable[[str], None] = warnings.warn) -> None:
    """Makes the folder for the outputs before the work begins, so that nothing is lost at its end.

    A folder that is empty, or the command's own, is taken from other users: outputs may name patients.

    Args:
        folder: The folder; what the same command left in it will be replaced.
        command: Which command writes into it, if it leaves a record.
        tell: Told in a sentence that other users could look into the folder.

    Raises:
        InvalidArguments: The folder cannot be made or written into, holds what another command left, or is
            one of the system or the user as a whole.
    """
    _check_own(folder)
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
    """Like prepare_folder, and no other job's during the block.

    If the block fails, empty folders that were made for it are removed.

    Raises:
        InvalidArguments: See prepare_folder; or another job is at work in it.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    prepare_folder(folder, command, tell)
    try:
        with _locked(folder):
            yield
    except BaseException:
        with contextlib.suppress(OSError):  # not empty: work of another kind, or of a study so far
            for each in made:
                each.rmdir()
        raise


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps other jobs out of a folder; a job that is killed leaves a file that keeps out none."""
    if sys.platform == "win32":
        yield
        return
    path = folder / _LOCK
    descriptor = _open_locked(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _open_locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        if lock_file(descriptor) is False:
            os.close(descriptor)
            raise InvalidArguments(
                f"another octcluster command writes into {path.parent}: wait for its end, or name another "
                "folder for the outputs"
            )
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # Its last owner has removed it meanwhile.


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


def _check_own(folder: Path) -> None:
    """Refuses the root of the file system and the user's home: a dozen files are lost among others there."""
    whole = {
        Path.home().resolve(): "your home folder",
        Path(folder.resolve().anchor): "the root of all files",
    }
    if folder.resolve() in whole:
        raise InvalidArguments(
            f"{folder} is {whole[folder.resolve()]}: give the outputs a folder of their own, for "
            f"example --out {folder / 'result'}"
        )


def _check_free(folder: Path, command: str) -> None:
    for other, record in _RECORDS.items():
        if other != command and (folder / record).exists():
            raise InvalidArguments(
                f"{folder} holds the output of 'octcluster {other}' ({record}): give each command its own "
                f"output folder, for example --out {folder / command}; a command overwrites only its own "
                "earlier output"
            )
