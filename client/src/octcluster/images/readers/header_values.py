"""From the headers of vendors' files to facts: nothing that is empty or impossible gets through."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.reader import Eye, ScanFacts

# 16 bits a pixel still fit into what the embedder takes for one image.
MAX_PIXELS = 16_000_000
MAX_SCANS = 10_000
NO_EYE = "A volume does not say clearly which eye it is of"
"""A warning."""
_MAX_MM = 100.0
_EDGE_BYTES = 64 * 1024
_FIRST_OCT = date(1991, 1, 1)
_LAST_DAY = date(2100, 1, 1)
_NAMES_OF_NOBODY = ("", "unknown")
_EYES: dict[str, Eye] = {"OD": "OD", "R": "OD", "OS": "OS", "L": "OS"}


@contextmanager
def open_source(path: Path) -> Iterator[BinaryIO]:
    """Opens a source file.

    Raises:
        UnreadableImage: It cannot be opened, or reading it fails.
    """
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise UnreadableImage(f"the file cannot be read: {error.strerror or 'input error'}") from error


def file_bytes(file: BinaryIO) -> int:
    """Size of an open file."""
    return os.fstat(file.fileno()).st_size


def read_exactly(file: BinaryIO, place: int, count: int) -> bytes:
    """Reads bytes at a place of a file.

    Raises:
        UnreadableImage: The file has fewer; then none are read, however many are asked for.
    """
    if place < 0 or place + count > file_bytes(file):
        raise UnreadableImage(cut_short("the file"))
    file.seek(place)
    return file.read(count)


def cut_short(what: str) -> str:
    """The reason of a refusal: something ends too early."""
    return f"{what} is cut short, or its header is damaged: copy it again from its source"


def check_size(width: int, height: int, scans: int) -> None:
    """Checks what a header says of its B-scans, before anything is allocated for them.

    Raises:
        UnreadableImage: No device writes so many pixels or B-scans, or none at all.
    """
    if not (width > 0 and height > 0 and scans > 0 and width * height <= MAX_PIXELS and scans <= MAX_SCANS):
        raise UnreadableImage(
            "the header tells of B-scans of an impossible number or size, so it must be damaged: "
            "export the volume again"
        )


def check_numbers(numbers: Sequence[int], scans: int) -> None:
    """Checks that a file has the scans that are asked for.

    Raises:
        UnreadableImage: It has fewer.
    """
    if any(not 1 <= number <= scans for number in numbers):
        raise UnreadableImage("the file has fewer B-scans than before: it has changed, start again")


def tell_lost_scans(found: int, promised: int) -> list[str]:
    """A warning, if a file holds fewer B-scans than its header promises; else none."""
    if found >= promised:
        return []
    return [
        f"{promised - found:,} of {promised:,} B-scans are missing or damaged: "
        "copy or export the volume again"
    ]


def as_text(raw: bytes | str) -> str | None:
    """Text up to its first NUL, without what cannot be printed; None if nothing or a placeholder is left."""
    text = raw if isinstance(raw, str) else raw.decode("latin-1")
    cleaned = "".join(c if c.isprintable() else " " for c in text.split("\0", 1)[0]).strip()
    return None if cleaned.lower() in _NAMES_OF_NOBODY else cleaned


def as_eye(raw: bytes | str) -> Eye | None:
    """The eye, from ``OD``, ``R``, ``OS`` or ``L``; None for anything else."""
    return _EYES.get(as_text(raw) or "")


def as_millimetres(value: float) -> float | None:
    """A length of a pixel or between two B-scans; None if it is none."""
    return value if math.isfinite(value) and 0 < value < _MAX_MM else None


def as_day(year: int, month: int, day: int) -> str | None:
    """A day as ``2024-01-31``; None if it is none, or if there was no OCT on it."""
    try:
        found = date(year, month, day)
    except (ValueError, OverflowError):
        return None
    return found.isoformat() if _FIRST_OCT <= found < _LAST_DAY else None


def as_day_after(first: date, days: float) -> str | None:
    """The day that is so many days after another one; see as_day."""
    if not math.isfinite(days) or not 0 < days < 10**6:
        return None
    found = first + timedelta(days=int(days))
    return as_day(found.year, found.month, found.day)


def name_volume(path: Path, number: int = 1) -> str:
    """A name for a volume of a file whose format has no identifier that is unique in the world.

    It comes from the file's size, its beginning and its end, so that a copy of the file has the same one.

    Args:
        path: The file.
        number: Which of the file's volumes.

    Raises:
        UnreadableImage: The file cannot be read.
    """
    with open_source(path) as file:
        size = file_bytes(file)
        digest = sha256(b"%d %d " % (size, number))
        digest.update(file.read(_EDGE_BYTES))
        file.seek(max(0, size - _EDGE_BYTES))
        digest.update(file.read(_EDGE_BYTES))
    return digest.hexdigest()[:32]


def number_scans(facts: ScanFacts, count: int) -> list[ScanFacts]:
    """The facts of each scan of a volume, which differ in their positions only."""
    return [replace(facts, position=position) for position in range(count)]
