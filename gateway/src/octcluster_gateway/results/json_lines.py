"""``eyes.jsonl``: one line for each eye of an object, each of them once, whatever happens.

A result is first kept in the index of the spool, with the state of its object. Then it is written here, and
noted as written. After an end without warning, the end of the file tells which of those that are not noted
are written all the same.
"""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from octcluster_gateway.errors import CannotStart
from octcluster_gateway.model import EyeResult
from octcluster_gateway.spool.files import sync_folder
from octcluster_gateway.spool.index import Index

FILE_NAME = "eyes.jsonl"
TABLE_NAME = "eyes.parquet"
_USE = "research use only"


def format_result(result: EyeResult) -> str:
    """One result as a line, without its end."""
    assigned = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"use": _USE, "assigned": assigned, **asdict(result)}, ensure_ascii=True)


def has_results(folder: Path, patient: str) -> bool:
    """Whether the file has results of a patient.

    Args:
        folder: Where the file is.
        patient: Pseudonym of the patient.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return False
    with path.open(encoding="ascii") as lines:
        return any(json.loads(line)["patient"] == patient for line in lines)


def remove_results(folder: Path, patient: str) -> int:
    """Removes the results of a patient from the file, while no gateway writes to it; returns their number.

    The table of results goes as a whole: a gateway makes it anew.

    Args:
        folder: Where the file is.
        patient: Pseudonym of the patient.

    Raises:
        CannotStart: The file cannot be written.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return 0
    replacement = path.with_suffix(".new")
    removed = 0
    try:
        with path.open(encoding="ascii") as lines, replacement.open("w", encoding="ascii") as kept:
            replacement.chmod(0o600)
            for line in lines:
                if json.loads(line)["patient"] == patient:
                    removed += 1
                else:
                    kept.write(line)
            kept.flush()
            os.fsync(kept.fileno())
        replacement.replace(path)
        if removed:
            (folder / TABLE_NAME).unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise CannotStart(f"--results {folder} cannot be written: {error.strerror}") from error
    return removed


class JsonLines:
    """The file of results. It only grows, and may be moved away while the gateway is stopped.

    Args:
        folder: Where it is; made if it is not there.

    Raises:
        CannotStart: It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path = folder / FILE_NAME
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            sync_folder(folder)
        except OSError as error:
            raise CannotStart(f"--results {folder} cannot be written: {error.strerror}") from error
        self._cut_torn_line()
        self._is_first = True

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def write_unwritten(self, index: Index) -> int:
        """Writes the results that are not written yet; they are on the disk when it returns.

        Args:
            index: Where they are kept.

        Returns:
            Their number.

        Raises:
            OSError: The disk takes no more; they stay in the index, and the next call writes them.
        """
        unwritten = index.list_unwritten()
        if not unwritten:
            self._is_first = False
            return 0
        there = self._read_end(sum(len(line) + 1 for _, line in unwritten)) if self._is_first else set()
        new = [line for _, line in unwritten if line not in there]
        self._append("".join(f"{line}\n" for line in new).encode())
        self._is_first = False
        index.note_written(unwritten[-1][0])
        return len(new)

    def _append(self, data: bytes) -> None:
        """Appends all of it, or nothing."""
        begin = os.fstat(self._file).st_size
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, begin)
            raise

    def _read_end(self, count: int) -> set[str]:
        """The lines that end within so many bytes before the end."""
        size = os.fstat(self._file).st_size
        data = os.pread(self._file, count, max(0, size - count))
        return set(data.decode().split("\n"))

    def _cut_torn_line(self) -> None:
        """Removes what an end without warning left of a line: its result is still in the index."""
        size = os.fstat(self._file).st_size
        end = size
        while end and b"\n" not in (tail := os.pread(self._file, min(end, 65536), max(0, end - 65536))):
            end -= len(tail)
        if end:
            begin = max(0, end - 65536)
            end = begin + os.pread(self._file, min(end, 65536), begin).rindex(b"\n") + 1
        os.ftruncate(self._file, end)
