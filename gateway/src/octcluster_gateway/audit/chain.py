"""The hash chain of the audit log: each line holds the digest of the one before it.

A line is a JSON object: ``number`` from 1 on, ``message``, ``previous`` (the digest of the line before; zeros
in the first line) and ``digest``, the SHA-256 of the other three. One changed byte breaks the chain at its
line. Who may rewrite the whole file can make a new chain: an old digest, noted elsewhere, shows that.
"""

import fcntl
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from octcluster_gateway.errors import AuditBroken

BEGINNING = "0" * 64
"""What stands in the place of the previous digest in the first line."""


@dataclass(frozen=True)
class Link:
    """Where the chain has come to.

    Attributes:
        number: How many lines there are.
        digest: The digest of the last one.
    """

    number: int = 0
    digest: str = BEGINNING


def seal_line(message: str, last: Link) -> tuple[bytes, Link]:
    """The next line of a log, with its line break, and where the chain has come to with it."""
    link = Link(last.number + 1, _digest(last.number + 1, message, last.digest))
    fields = {
        "number": link.number,
        "message": message,
        "previous": last.digest,
        "digest": link.digest,
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n", link


def read_link(line: bytes) -> Link:
    """Where the chain has come to with a line.

    Raises:
        ValueError: It is no line of an audit log.
    """
    fields = json.loads(line)
    if not isinstance(fields, dict) or not isinstance(fields.get("number"), int):
        raise ValueError("no line of an audit log")
    return Link(fields["number"], str(fields["digest"]))


def verify(path: Path, noted: Link | None = None) -> Link:
    """Checks every line of a log that was never rotated; see ``verify_files``."""
    return verify_files([path], noted)


def verify_files(paths: Sequence[Path], noted: Link | None = None, after: Link | None = None) -> Link:
    """Checks every line of a log against the one before it.

    Args:
        paths: The files of the log, the oldest first: more than one if it was rotated.
        noted: How far the log had come at an earlier time, as noted elsewhere; it must still hold that line.
        after: How far the log had come before the first of these files; None: nothing was before.

    Returns:
        Where the chain has come to.

    Raises:
        AuditBroken: A line was changed, added or removed; the message names it.
    """
    last = after or Link()
    is_noted_there = noted is None or last == noted
    for path in paths:
        with path.open("rb") as lines:
            # Whoever writes holds the file for itself: no half line is met.
            fcntl.flock(lines, fcntl.LOCK_SH)
            for number, line in enumerate(lines, 1):
                last = _check_line(line, number, last, path.name if len(paths) > 1 else "")
                is_noted_there = is_noted_there or last == noted
    if not is_noted_there and noted is not None:
        raise AuditBroken(
            noted.number,
            f"line {noted.number} does not have the digest that was noted: lines were removed or replaced",
        )
    return last


def _check_line(line: bytes, number: int, last: Link, file_name: str) -> Link:
    try:
        message = json.loads(line)["message"]
        expected, link = seal_line(message, last)
    except (ValueError, KeyError, TypeError):
        expected, link = b"", last
    if line != expected:
        what = "was changed after it was written, or one before it is missing"
        if not line.endswith(b"\n"):
            what = "is cut off: the disk was full, the power failed, or somebody removed its end"
        where = f"line {number} of {file_name}" if file_name else f"line {number}"
        raise AuditBroken(number, f"{where} does not follow from the lines before it: it {what}")
    return link


def _digest(number: int, message: str, previous: str) -> str:
    return hashlib.sha256(f"{number}\n{previous}\n{message}".encode()).hexdigest()
