"""What ``octcluster assign`` prints at its end."""

from pathlib import Path
from typing import TextIO

from rich.table import Table

from octcluster.cli.terminal.console import Terminal, make_cell, make_table
from octcluster.outputs.assign.scores import PlacementScores, judge_placements
from octcluster.outputs.wording.pixels import describe_pixels
from octcluster.outputs.wording.words import count
from octcluster.workflows.outcome import AssignOutcome

_MANY_OUTLIERS = 0.25


def print_assign_summary(outcome: AssignOutcome, folder: Path, stream: TextIO | None = None) -> None:
    """Prints what became of new images and where the output files are.

    Args:
        outcome: What became of them.
        folder: Where its output files are.
        stream: Where to print; None: standard output.
    """
    terminal = Terminal(stream)
    scores = judge_placements(outcome)
    terminal.leave_line()
    terminal.show(_tabulate_clusters(outcome, scores))
    terminal.say(f"{count(len(outcome.members), 'image')} assigned to the clusters of run {outcome.run_id}.")
    terminal.say(*filter(None, (_describe_match(outcome, scores), _describe_outliers(outcome))))
    terminal.say(*describe_pixels(outcome.pixels))
    if outcome.placements.fitted_agreement is not None:
        share = f"{outcome.placements.fitted_agreement:.1%}"
        terminal.say(f"Of the run's own images, {share} would be assigned as they were clustered.")
    terminal.leave_line()
    terminal.point_to(folder, ("Assignments", "assignments.csv"), failures=bool(outcome.failures))


def _tabulate_clusters(outcome: AssignOutcome, scores: PlacementScores) -> Table:
    found = outcome.placements
    table = make_table((), ("cluster", "images", "outliers"))
    if scores.cluster_classes:
        table.add_column("stands for")
    for cluster in range(outcome.clustering.clusters):
        outliers = [flag for own, flag in zip(found.clusters, found.outliers, strict=True) if own == cluster]
        name = [make_cell(scores.cluster_classes.get(cluster, ""))] if scores.cluster_classes else []
        table.add_row(str(cluster), f"{len(outliers):,}", f"{sum(outliers):,}", *name)
    return table


def _describe_match(outcome: AssignOutcome, scores: PlacementScores) -> str:
    """How many images lie in the cluster of their class, or why that is unknown and what would tell it."""
    if scores.accuracy is not None:
        of_what = f"{count(scores.labelled, 'image')} with a known class"
        return f"{scores.accuracy:.1%} of {of_what} lie in the cluster of that class."
    known = outcome.image_set.classes
    if not known and not scores.cluster_classes:
        return ""
    text = f"Whether they lie in the clusters of their classes is unknown: {scores.reason}"
    if known:
        return f"{text}."
    return (
        f"{text}. --labels filename takes it from names such as CNV-1016042-1.jpeg, --labels FILE.csv from a "
        "table."
    )


def _describe_outliers(outcome: AssignOutcome) -> str:
    flags = outcome.placements.outliers
    flagged = sum(flags)
    if not flagged:
        return ""
    text = (
        f"{flagged:,} of {count(len(flags), 'image')} {'lies' if flagged == 1 else 'lie'} farther from the "
        "mean of the cluster than 99% of the run's own images in it. More than 1% is usual: images that the "
        "run did not see lie farther than those that its features and clusters were fitted to"
    )
    if flagged <= _MANY_OUTLIERS * len(flags):
        return f"{text}."
    return (
        f"{text}. But more than a quarter may also mean another device, another pathology, or a run with few "
        "images."
    )
