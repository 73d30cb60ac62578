"""What ``octcluster describe`` prints at its end."""

from pathlib import Path
from typing import TextIO

from rich.table import Table

from octcluster.cli.terminal.console import Terminal, make_cell, make_table
from octcluster.outputs.describe.words import UNKNOWN, UNSPLIT, describe_answer, describe_standouts
from octcluster.workflows.description import Description


def print_describe_summary(description: Description, folder: Path, stream: TextIO | None = None) -> None:
    """Prints what the images are, and where the output files are.

    Args:
        description: What was found.
        folder: Where its output files are.
        stream: Where to print; None: standard output.
    """
    terminal = Terminal(stream)
    terminal.leave_line()
    terminal.show(_tabulate_subsets(description))
    terminal.say(*describe_answer(description), *describe_standouts(description))
    terminal.leave_line()
    terminal.point_to(folder, ("Page", "describe.html"), failures=bool(description.failures))


def _tabulate_subsets(description: Description) -> Table:
    split = ["split"] if description.splits else []
    table = make_table([*split, "class"], ("images", "patients", "unusable"))
    for subset in description.subsets:
        table.add_row(
            *([make_cell(subset.split or UNSPLIT)] if description.splits else []),
            make_cell(subset.label or UNKNOWN),
            *(f"{number:,}" for number in (subset.images, subset.patients, subset.failed)),
        )
    return table
