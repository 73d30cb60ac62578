"""What ``octcluster describe`` prints at its end."""

import sys
from pathlib import Path
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from octcluster.outputs.describe.words import UNKNOWN, UNSPLIT, describe_answer, describe_standouts
from octcluster.outputs.wording.words import RESEARCH_USE_ONLY, show_text
from octcluster.workflows.description import Description, count_subsets

_PLAIN_WIDTH = 120


def print_description(description: Description, folder: Path, stream: TextIO | None = None) -> None:
    """Prints what the images are, and where the output files are.

    Args:
        description: What was found.
        folder: Where its output files are.
        stream: Where to print; None: standard output.
    """
    stream = stream or sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False)
    console.print()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    if description.splits:
        table.add_column("split")
    table.add_column("class")
    for title in ("images", "patients", "of no use"):
        table.add_column(title, justify="right")
    for subset in count_subsets(description):
        table.add_row(
            *([Text(show_text(subset.split or UNSPLIT))] if description.splits else []),
            Text(show_text(subset.label or UNKNOWN)),
            *(f"{number:,}" for number in (subset.images, subset.patients, subset.failed)),
        )
    console.print(table)
    for sentence in [*describe_answer(description), *describe_standouts(description)]:
        _say(console, show_text(sentence))
    console.print()
    if description.failures:
        _say(console, f"Failures: {folder / 'failures.csv'}")
    _say(console, f"Page: {folder / 'describe.html'}")
    _say(console, RESEARCH_USE_ONLY)


def _say(console: Console, text: str) -> None:
    """Prints a line; only a terminal needs it wrapped."""
    console.print(Text(text), soft_wrap=not console.is_terminal)
