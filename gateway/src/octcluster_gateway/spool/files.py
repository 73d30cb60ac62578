"""Files of the spool as they lie on the disk."""

import contextlib
import hashlib
import os
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from octcluster_gateway.spool.entries import Arrival

_UNKNOWN_SENDER = ""
_BLOCK_BYTES = 1 << 20


def sync_folder(folder: Path) -> None:
    """Has the disk hold the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def close_to_others(path: Path) -> None:
    """Makes a database if it is not there, and keeps it and what SQLite writes beside it for its owner alone.

    SQLite gives new files beside it the mode of the database. An earlier release left all of them open.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        with contextlib.suppress(FileNotFoundError):
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)


def describe_file(path: Path) -> Arrival | None:
    """Describes an object by its file alone; None if that is no DICOM file.

    Its sender is not known.
    """
    try:
        meta = read_file_meta_info(path)
        group_length = int(meta.FileMetaInformationGroupLength)
        digest = hashlib.sha256()
        with path.open("rb", buffering=0) as file:
            file.seek(144 + group_length)
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
        return Arrival(
            path.name,
            str(meta.MediaStorageSOPClassUID),
            str(meta.MediaStorageSOPInstanceUID),
            str(meta.TransferSyntaxUID),
            path.stat().st_size,
            digest.hexdigest(),
            _UNKNOWN_SENDER,
        )
    except (InvalidDicomError, AttributeError, ValueError, TypeError, EOFError):
        return None
