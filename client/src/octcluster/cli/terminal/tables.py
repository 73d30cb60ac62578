"""The tables that a person sees on the terminal at the end of a run."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from octcluster.model.results import ClusteringResult
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.outputs.wording.words import format_score, name_algorithm, name_cluster, show_text

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
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.add_column("")
    table.add_column("algorithm")
    for title in ("k", "clusters", "noise", *(SCORE_NAMES[name].title for name in names), "seconds"):
        table.add_column(title, justify="right")
    for index, result in enumerate(results):
        table.add_row(
            "*" if index == chosen else "",
            Text(name_algorithm(result.algorithm)),
            "" if result.requested_clusters is None else str(result.requested_clusters),
            str(result.clusters),
            f"{result.noise:,}",
            *(format_score(getattr(result.scores, name)) for name in names),
            f"{result.seconds:.2f}",
            style="bold" if index == chosen else None,
        )
    return table


def tabulate_clusters(result: ClusteringResult, classes: Sequence[str]) -> Table:
    """The images by class and cluster, or by cluster alone if no class is known."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.add_column("images")
    sizes = dict(enumerate(result.cluster_sizes)) | ({-1: result.noise} if result.noise else {})
    for cluster in sizes:
        table.add_column(name_cluster(cluster), justify="right")
    if result.contingency is not None:
        columns = [list(result.contingency.clusters).index(cluster) for cluster in sizes]
        for index, row in zip(result.contingency.class_indices, result.contingency.counts, strict=True):
            table.add_row(Text(show_text(classes[index])), *(f"{row[column]:,}" for column in columns))
        table.add_section()
    table.add_row("all", *(f"{size:,}" for size in sizes.values()))
    return table
