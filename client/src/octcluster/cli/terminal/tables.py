"""The tables that a person sees on the terminal at the end of a run."""

from collections.abc import Sequence

from rich.table import Table

from octcluster.cli.terminal.console import make_cell, make_table
from octcluster.model.results import ClusteringResult
from octcluster.model.runs import Unit
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.outputs.wording.second_choice import tabulate_second
from octcluster.outputs.wording.words import format_score, name_algorithm, name_cluster
from octcluster.workflows.outcome import RunOutcome

_SCORES = (
    "silhouette",
    "accuracy",
    "adjusted_rand_index",
    "adjusted_mutual_information",
    "normalized_mutual_information",
)


def tabulate_results(results: Sequence[ClusteringResult], chosen: int, with_classes: bool) -> Table:
    """The scores of all results; the chosen one has a star."""
    names = _SCORES if with_classes else _SCORES[:1]
    titles = [SCORE_NAMES[name].title for name in names]
    table = make_table(("", "algorithm"), ("k", "clusters", "noise", *titles, "seconds"))
    for index, result in enumerate(results):
        table.add_row(
            "*" if index == chosen else "",
            make_cell(name_algorithm(result.algorithm)),
            "" if result.requested_clusters is None else str(result.requested_clusters),
            str(result.clusters),
            f"{result.noise:,}",
            *(format_score(getattr(result.scores, name)) for name in names),
            f"{result.seconds:.2f}",
            style="bold" if index == chosen else None,
        )
    return table


def tabulate_both_choices(outcome: RunOutcome) -> Table | None:
    """How the clusters of the chosen number and of the second lie in each other; None without a second."""
    counted = tabulate_second(outcome)
    if counted is None:
        return None
    (first, *others), rows = counted
    table = make_table([first], others)
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else cell for cell in row))
    return table


def tabulate_clusters(result: ClusteringResult, classes: Sequence[str], unit: Unit) -> Table:
    """The images, or eyes, by class and cluster, or by cluster alone if no class is known."""
    sizes = dict(enumerate(result.cluster_sizes)) | ({-1: result.noise} if result.noise else {})
    table = make_table([f"{unit}s"], map(name_cluster, sizes))
    if result.contingency is not None:
        columns = [list(result.contingency.clusters).index(cluster) for cluster in sizes]
        for index, row in zip(result.contingency.class_indices, result.contingency.counts, strict=True):
            table.add_row(make_cell(classes[index]), *(f"{row[column]:,}" for column in columns))
        table.add_section()
    table.add_row("all", *(f"{size:,}" for size in sizes.values()))
    return table
