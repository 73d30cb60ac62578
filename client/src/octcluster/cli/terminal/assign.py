"""What ``octcluster assign`` prints at its end."""

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich.table import Table

from octcluster.cli.terminal.console import Terminal, make_cell, make_table
from octcluster.outputs.assign.eyes import EyeRow, describe_rows
from octcluster.outputs.assign.words import describe_eyes, tell_assignment
from octcluster.outputs.wording.words import count
from octcluster.workflows.outcome import AssignOutcome

_EYES_SHOWN = 12


def print_assign_summary(outcome: AssignOutcome, folder: Path, stream: TextIO | None = None) -> None:
    """Prints what became of new images and where the output files are.

    Args:
        outcome: What became of them.
        folder: Where its output files are.
        stream: Where to print; None: standard output.
    """
    terminal = Terminal(stream)
    terminal.leave_line()
    terminal.show(_tabulate_clusters(outcome))
    terminal.say(*tell_assignment(outcome))
    _print_eyes(terminal, outcome)
    terminal.leave_line()
    files = [("Report", "report.html"), ("Assignments", "assignments.csv")]
    files += [("Eyes", "eyes.csv")] * bool(outcome.eyes)
    terminal.point_to(folder, *files, failures=bool(outcome.failures))


def _tabulate_clusters(outcome: AssignOutcome) -> Table:
    found, names = outcome.placements, outcome.model.class_of_cluster
    table = make_table((), ("cluster", "images", "outliers", f"{outcome.model.unit}s of the run"))
    called = outcome.model.cluster_names
    if names:
        table.add_column("stands for")
    if called:
        table.add_column("named")
    for cluster, own_size in enumerate(outcome.model.cluster_sizes):
        outliers = [
            flag for own, flag in zip(found.clusters, outcome.outliers, strict=True) if own == cluster
        ]
        name = [make_cell(told.get(cluster, "")) for told in (names, called) if told]
        table.add_row(str(cluster), f"{len(outliers):,}", _tell_number(outliers), f"{own_size:,}", *name)
    return table


def _tell_number(outliers: Sequence[bool | None]) -> str:
    """Number of outliers; a dash where it cannot be told."""
    return "\N{EN DASH}" if None in outliers else f"{sum(map(bool, outliers)):,}"


def _print_eyes(terminal: Terminal, outcome: AssignOutcome) -> None:
    """Prints the eyes, doubtful ones first; a long list only in part."""
    rows = describe_rows(outcome)
    if not rows:
        return
    terminal.leave_line()
    names = outcome.model.class_of_cluster
    table = make_table(("patient", "eye", "visit", "stands for" if names else ""), ("cluster", "margin"))
    for title in ("scans", "in its cluster"):
        table.add_column(title, justify="right")
    table.add_column("")
    for row in sorted(rows, key=lambda row: not row.doubtful)[:_EYES_SHOWN]:
        table.add_row(*map(make_cell, _list_cells(row, names.get(_cluster(row), ""))))
    terminal.show(table)
    if len(rows) > _EYES_SHOWN:
        terminal.say(f"and {count(len(rows) - _EYES_SHOWN, 'eye')} more: see eyes.csv.")
    terminal.say(*describe_eyes(outcome))


def _cluster(row: EyeRow) -> int:
    return -1 if row.placement.cluster is None else row.placement.cluster


def _list_cells(row: EyeRow, class_name: str) -> list[str]:
    placed, eye = row.placement, row.placement.eye
    return [
        *(eye.patient or "unknown", eye.eye or "", eye.visit or "", class_name),
        "" if placed.cluster is None else str(placed.cluster),
        "" if placed.margin is None else f"{placed.margin:.2f}",
        f"{len(eye.rows):,}",
        "" if row.agreement is None else f"{row.agreement:.0%}",
        "doubtful" if row.doubtful else "",
    ]
