"""The file in which the local Valkey keeps vectors and runs: what is wrong with it, and a new start."""

import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from octcluster.local.programs import find_valkey

FILE_NAME = "vectors.rdb"
RENEW_FLAG = "--renew-cache"

# What Valkey's own check says, in its words and in ours.
_DAMAGE = {
    "Wrong signature": "it is no file of Valkey",
    "CRC error": "bytes in it have changed",
    "Unexpected EOF": "it is cut short",
    "Short read": "it is cut short",
}
# The check calls such a file sound; the server does not load it.
_OTHER_FORMAT = re.compile(
    r"(?:Future|Foreign) RDB version (?P<other>\d+)|Can't handle RDB format version (?P<newer>\d+)"
)
_LOST = "The cached vectors and the finished runs in it are lost, unless you put a copy of the file back"
_CURE = f"To start anew, give {RENEW_FLAG}, which sets the file aside"
_WRITE_FAULT = re.compile(r"^.*(?i:error|fail).*(?:sav|RDB|DB).*: (?P<reason>[A-Z].*)$", re.MULTILINE)


@dataclass(frozen=True)
class DumpFault:
    """Why the file cannot be loaded.

    Attributes:
        text: What is wrong, what is lost, and the cure.
        damaged: Whether the file itself is to blame, so that only a new one helps.
    """

    text: str
    damaged: bool


def find_dump_fault(dump: Path) -> DumpFault | None:
    """Reads the whole file as Valkey would, and tells why it cannot; None if it can, or there is no file."""
    try:
        with dump.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or str(error)
        text = (
            f"{dump}, which has the cached vectors and finished runs, cannot be read ({reason}): let this "
            "user read it, or name another folder with --cache-dir. Nothing in it is lost"
        )
        return DumpFault(text, damaged=False)
    # The server is its own checker, if it is called by that name.
    command = ["valkey-check-rdb", str(dump)]
    done = subprocess.run(command, executable=find_valkey(), capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    version = _OTHER_FORMAT.search(told)
    if done.returncode == 0 and version is None:
        return None
    if version is not None:
        return DumpFault(_explain_version(dump, version["newer"] or version["other"]), damaged=True)
    damage = next((ours for theirs, ours in _DAMAGE.items() if theirs in told), "it is damaged")
    text = f"{dump} cannot be read: {'it is empty' if empty else damage}. {_LOST}. {_CURE}"
    return DumpFault(text, damaged=True)


def _explain_version(dump: Path, number: str) -> str:
    return (
        f"{dump} cannot be read: another Valkey or Redis wrote it, a newer one say (format {number}). Use "
        "the release of octcluster that wrote it, or name another folder with --cache-dir. "
        f"{_CURE}: the cached vectors and the finished runs in it are then not used"
    )


def set_aside(dump: Path) -> Path:
    """Gives a file another name in the same folder, so that a new one is begun; returns that name.

    Raises:
        OSError: The folder cannot be changed.
    """
    aside = dump.with_name(f"{dump.name}.damaged-{datetime.now():%Y%m%d-%H%M%S}")
    return dump.rename(aside)


def find_write_fault(log: str) -> str:
    """Why Valkey could not save, out of its log; empty if the log does not say."""
    found = [match["reason"] for match in _WRITE_FAULT.finditer(log)]
    return found[-1] if found else ""


def explain_unsaved(dump: Path, log: str) -> str:
    """Says that the file was not written at the end, why, and what that means."""
    reason = find_write_fault(log)
    return (
        f"what this command put into the cache, and its run, are not kept: {dump} could not be written"
        f"{f' ({reason})' if reason else ''}. Free space on that disk, or name another folder with "
        "--cache-dir. Until then, images that were not cached before are embedded anew, and a run is used "
        "by its model.npz alone"
    )
