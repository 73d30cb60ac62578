"""What a person sees on the terminal at the end of a study."""

from pathlib import Path
from typing import TextIO

from rich.table import Table

from octcluster.cli.terminal.console import Terminal, make_cell, make_table
from octcluster.model.results import ClusteringResult
from octcluster.outputs.study.cells import PUBLISHED_SCORES, StudyCell, list_cells
from octcluster.outputs.wording.pixels import describe_pixels
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.outputs.wording.words import format_score, name_algorithm
from octcluster.workflows.study import PartState, StudyOutcome


def print_study_summary(outcome: StudyOutcome, folder: Path, stream: TextIO | None = None) -> None:
    """Prints the table of a study, what was not done and why, and where the output files are.

    Args:
        outcome: What the study found.
        folder: Where its output files are.
        stream: Where to print; None: standard output.
    """
    terminal = Terminal(stream)
    terminal.leave_line()
    terminal.show(_tabulate(outcome))
    undone = [part for part in outcome.parts if part.state is not PartState.DONE]
    terminal.say(*(f"{part.part.title}: {part.state}, {part.reason}" for part in undone))
    terminal.say(*describe_pixels(outcome.pixels))
    files = (("Table", "study.csv"), ("Report", "report.html"))
    terminal.point_to(folder, *files, failures=bool(outcome.failures))


def _tabulate(outcome: StudyOutcome) -> Table:
    titles = [SCORE_NAMES[name].title for name in PUBLISHED_SCORES]
    table = make_table(["algorithm"], ["k", "clusters", "noise", *titles])
    table.add_column("published")
    heading = ""
    for cell in list_cells(outcome):
        if cell.result is None:
            continue
        if cell.part.part.title != heading:
            heading = cell.part.part.title
            table.add_section()
            table.add_row(make_cell(heading, style="bold"))
        _add_cell(table, cell, cell.result)
    return table


def _add_cell(table: Table, cell: StudyCell, result: ClusteringResult) -> None:
    published = [
        f"{SCORE_NAMES[name].title} {value:z.3f}"
        for name, value in cell.published_scores().items()
        if value is not None
    ]
    table.add_row(
        make_cell(name_algorithm(cell.algorithm)),
        "" if cell.k is None else str(cell.k),
        str(result.clusters),
        f"{result.noise:,}",
        *(format_score(getattr(result.scores, name)) for name in PUBLISHED_SCORES),
        ", ".join(published),
    )
