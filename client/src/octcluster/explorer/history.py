"""``history.jsonl``: what was done with the groups of a result, by whom and when, one line an act.

    {"format": "octcluster-history", "version": 1, "result_id": "...", "images": 516}
    {"number": 1, "time": "2026-05-04T03:02:01Z", "who": "...", "kind": "act", "act": {...}}
    {"number": 2, "time": "...", "who": "...", "kind": "undo", "of": 1}
    {"number": 3, "time": "...", "who": "...", "kind": "redo", "of": 1}

Lines are only added. Each is on the disk before anybody is told that the act is done. A line that was being
written when the program ended is dropped at the next start.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from octcluster.explorer.acts import Act, parse_act
from octcluster.model.errors import ActRefused, InvalidArguments
from octcluster.outputs.atomic_files import lock_file
from octcluster.outputs.folder import HISTORY as FILE_NAME
from octcluster.outputs.json_files import format_time

FORMAT = "octcluster-history"
VERSION = 1
_CURE = "put back a copy of it that is whole, or move it away to begin anew"
_OWN = 0o600
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write other ends of lines

Kind = Literal["act", "undo", "redo"]


@dataclass(frozen=True)
class Entry:
    """A line of the history.

    Attributes:
        number: From 1.
        time: When.
        who: The name that the person has typed.
        kind: What it is.
        act: The act, of kind ``act``.
        of: Number of the act that is undone or redone.
    """

    number: int
    time: str
    who: str
    kind: Kind
    act: Act | None = None
    of: int | None = None


class HistoryFile:
    """The history of a result, which one explorer at a time works with.

    Args:
        folder: Folder of the run.
        result_id: Name of its result.
        images: Number of its images.

    Raises:
        InvalidArguments: Another explorer has it, it cannot be written, it is of another result, or it is
            damaged.

    Attributes:
        warnings: What a person should know of the file.
    """

    def __init__(self, folder: Path, result_id: str, images: int) -> None:
        self.path = folder / FILE_NAME
        self.warnings: list[str] = []
        self._header = {"format": FORMAT, "version": VERSION, "result_id": result_id, "images": images}
        self._descriptor = self._open()
        try:
            self.entries = self._read()
        except BaseException:
            os.close(self._descriptor)
            raise

    def append(self, entry: Entry) -> None:
        """Adds a line; it is on the disk when this returns.

        Raises:
            OSError: It could not be written; the file is as it was.
        """
        before = os.fstat(self._descriptor).st_size
        lines = [] if before else [self._header]
        content = b"".join(_format(line) for line in (*lines, _describe(entry)))
        try:
            while content:
                content = content[os.write(self._descriptor, content) :]
            os.fsync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, before)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self.entries.append(entry)

    def is_there(self) -> bool:
        """Whether the file is still the one in the folder: it may have been moved away."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def close(self) -> None:
        """Lets another explorer have the file; one in which nothing was done is removed."""
        if not self.entries and not os.fstat(self._descriptor).st_size and self.is_there():
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _open(self) -> int:
        while True:
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, _OWN)
            except OSError as error:
                raise InvalidArguments(
                    f"cannot write {self.path}, which keeps what you do ({error.strerror}): copy the result "
                    "into a folder of your own, and explore that"
                ) from error
            if lock_file(descriptor) is False:
                os.close(descriptor)
                raise InvalidArguments(
                    f"another 'octcluster explore' works on {self.path.parent}: use its page, or end it first"
                )
            if os.fstat(descriptor).st_nlink:
                return descriptor
            os.close(descriptor)  # Its last owner has removed it meanwhile.

    def _read(self) -> list[Entry]:
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.ftruncate(self._descriptor, len(whole))
            self.warnings.append(
                f"The last line of {FILE_NAME} was incomplete and was dropped: the act that was being saved "
                "when the explorer ended is lost. Do it again."
            )
        lines = whole.splitlines()
        if not lines:
            return []
        self._check_header(lines[0])
        entries = [self._parse(line, number) for number, line in enumerate(lines[1:], start=1)]
        check_undoing(entries, str(self.path))
        return entries

    def _check_header(self, line: bytes) -> None:
        try:
            header = json.loads(line)
            is_history = header["format"] == FORMAT
            version, result_id, images = header["version"], header["result_id"], header["images"]
        except (ValueError, KeyError, TypeError):
            is_history = False
        if not is_history:
            raise InvalidArguments(f"{self.path} is no history of octcluster: {_CURE}")
        if version != VERSION:
            raise InvalidArguments(
                f"{self.path} has format {version}, and this octcluster reads format {VERSION}: use the "
                "release that wrote it"
            )
        if (result_id, images) != (self._header["result_id"], self._header["images"]):
            raise InvalidArguments(
                f"{self.path} is of another result than the other files: a later run has replaced that. "
                f"Put back the result that it is of, or move {FILE_NAME} away to begin anew"
            )

    def _parse(self, line: bytes, number: int) -> Entry:
        try:
            told = json.loads(line)
            if told["number"] != number:
                raise ValueError
            kind: Kind = told["kind"]
            act = parse_act(told["act"]) if kind == "act" else None
            of = None if kind == "act" else int(told["of"])
            return Entry(number, str(told["time"]), str(told["who"]), kind, act, of)
        except (ValueError, KeyError, TypeError, ActRefused):
            raise InvalidArguments(f"{self.path} is damaged in line {number + 1}: {_CURE}") from None


def list_effective(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The acts that hold, and those that were undone and can be redone, the next one last.

    Raises:
        ValueError: An undo or redo is not of the act whose turn it is.
    """
    done: list[Entry] = []
    undone: list[Entry] = []
    for entry in entries:
        if entry.kind == "act":
            done.append(entry)
            undone.clear()
            continue
        source, target = (done, undone) if entry.kind == "undo" else (undone, done)
        if not source or source[-1].number != entry.of:
            raise ValueError(entry.number)
        target.append(source.pop())
    return done, undone


def check_undoing(entries: Sequence[Entry], path: str) -> None:
    """Raises InvalidArguments if an undo or a redo is not of the act whose turn it was."""
    try:
        list_effective(entries)
    except ValueError as error:
        raise InvalidArguments(f"{path} is damaged in line {error.args[0] + 1}: {_CURE}") from None


def now() -> str:
    """The time as entries have it."""
    return format_time(datetime.now(UTC))


def _describe(entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = {"number": entry.number, "time": entry.time, "who": entry.who, "kind": entry.kind}
    if entry.act is not None:
        return told | {"act": entry.act.model_dump(exclude_none=False)}
    return told | {"of": entry.of}


def _format(line: dict[str, Any]) -> bytes:
    return (
        json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")
        + b"\n"
    )
