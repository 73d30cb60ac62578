"""What a program and the processes that read source files for it tell each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Task:
    """What to do with one file.

    Attributes:
        path: The file.
        numbers: Which scans to read; empty: look what it holds.
        use: What to make of each scan's encoding; the result is sent in place of the scan.
    """

    path: Path
    numbers: Sequence[int] = ()
    use: Callable[[bytes], Any] = bytes


@dataclass(frozen=True)
class Answer:
    """One part of what a task asked for.

    Attributes:
        value: What the file holds, what ``use`` made of a scan, or why there is neither.
        number: Of which scan; 0: of the file.
    """

    value: Any
    number: int = 0


class Begun:
    """Sent once the reader is ready for the file: from here on its time counts."""


class Done:
    """Sent after the last answer to a task."""
