"""What a person sees on the terminal at the end of a study."""

import sys
from pathlib import Path
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from octcluster.model.results import ClusteringResult
from octcluster.outputs.study.cells import PUBLISHED_SCORES, StudyCell, list_cells
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.outputs.wording.words import RESEARCH_USE_ONLY, format_score, name_algorithm, show_text
from octcluster.workflows.study import PartState, StudyOutcome

_PLAIN_WIDTH = 120


def print_study_summary(outcome: StudyOutcome, folder: Path, stream: TextIO = sys.stdout) -> None:
    """Prints the table of a study, what was not done and why, and where the output files are.

    Args:
        outcome: What the study found.
        folder: Where its output files are.
        stream: Where to print.
    """
    console = Console(file=stream, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False)
    lines = [
        f"{part.part.title}: {part.state}, {part.reason}"
        for part in outcome.parts
        if part.state is not PartState.DONE
    ]
    if outcome.failures:
        lines.append(f"Failures: {folder / 'failures.csv'}")
    lines += [f"Table: {folder / 'study.csv'}", f"Report: {folder / 'report.html'}", RESEARCH_USE_ONLY]
    console.print()
    console.print(_tabulate(outcome))
    for line in lines:
        console.print(Text(show_text(line)), soft_wrap=not console.is_terminal)


def _tabulate(outcome: StudyOutcome) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.add_column("algorithm")
    for title in ("k", "clusters", "noise", *(SCORE_NAMES[name].title for name in PUBLISHED_SCORES)):
        table.add_column(title, justify="right")
    table.add_column("published")
    heading = ""
    for cell in list_cells(outcome):
        if cell.result is None:
            continue
        if cell.part.part.title != heading:
            heading = cell.part.part.title
            table.add_section()
            table.add_row(Text(show_text(heading), style="bold"))
        _add_cell(table, cell, cell.result)
    return table


def _add_cell(table: Table, cell: StudyCell, result: ClusteringResult) -> None:
    published = [
        f"{SCORE_NAMES[name].title} {value:z.3f}"
        for name, value in cell.published_scores().items()
        if value is not None
    ]
    table.add_row(
        Text(name_algorithm(cell.algorithm)),
        "" if cell.k is None else str(cell.k),
        str(result.clusters),
        f"{result.noise:,}",
        *(format_score(getattr(result.scores, name)) for name in PUBLISHED_SCORES),
        ", ".join(published),
    )
