"""The terminal that a summary is printed on: the one place that sets it up."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from octcluster.outputs.wording.words import RESEARCH_USE_ONLY, show_text

_PLAIN_WIDTH = 120


class Terminal:
    """Prints sentences and tables on a stream; names from outside cannot command the terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Prints on the stream; None: standard output."""
        self._console = open_console(stream or sys.stdout)

    def say(self, *sentences: str) -> None:
        """Prints sentences, a line each; only a terminal needs them wrapped."""
        for sentence in sentences:
            self._console.print(Text(show_text(sentence)), soft_wrap=not self._console.is_terminal)

    def warn(self, *sentences: str) -> None:
        """Prints sentences that nobody shall miss, a line each."""
        for sentence in sentences:
            text = Text(show_text(sentence), style="bold red")
            self._console.print(text, soft_wrap=not self._console.is_terminal)

    def show(self, table: Table) -> None:
        """Prints a table."""
        self._console.print(table)

    def leave_line(self) -> None:
        """Prints an empty line."""
        self._console.print()

    def point_to(self, folder: Path, *files: tuple[str, str], failures: bool) -> None:
        """Ends a summary: where its files are, and what they are not for.

        Args:
            folder: Where the files are.
            files: What each file is, and its name.
            failures: Whether there is a file of failures.
        """
        listed = [("Failures", "failures.csv")] * failures + list(files)
        self.say(*(f"{what}: {folder / name}" for what, name in listed), RESEARCH_USE_ONLY)


def open_console(stream: TextIO) -> Console:
    """Sets up a stream for rich: as wide as the terminal is, or wide enough for tables in a file."""
    return Console(file=stream, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False)


def make_table(texts: Iterable[str], numbers: Iterable[str]) -> Table:
    """Makes an empty table.

    Args:
        texts: Titles of the first columns, which hold text.
        numbers: Titles of the columns after them, which hold numbers.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for title in texts:
        table.add_column(title)
    for title in numbers:
        table.add_column(title, justify="right")
    return table


def make_cell(name: str, style: str = "") -> Text:
    """A cell of a table with a name from outside."""
    return Text(show_text(name), style=style)
