"""Tables of classes and clusters of a study: the best cell's, those that others published, and all in one."""

from collections.abc import Sequence

from octcluster.model.results import Contingency
from octcluster.outputs.pages import Table
from octcluster.outputs.study.cells import StudyCell
from octcluster.outputs.wording.words import NOISE, capitalize, name_algorithm, name_cluster
from octcluster.workflows.study_matrix import Published


def list_contingencies(
    cells: Sequence[StudyCell], classes: Sequence[str], best: StudyCell | None
) -> list[Table]:
    """Lists the tables; none if no class is known.

    Args:
        cells: The cells of the study.
        classes: Names of the known classes.
        best: The cell whose table is shown whether others published one or not.
    """
    shown = [
        (number, cell, cell.result.contingency)
        for number, cell in enumerate(cells, start=1)
        if cell.result and cell.result.contingency and (cell is best or _find_published(cell))
    ]
    if not any(cell.result and cell.result.contingency for cell in cells):
        return []
    tables = [_tabulate(f"contingency-{number}", cell, table, classes) for number, cell, table in shown]
    return [*tables, _tabulate_all(cells, classes)]


def name_cell(cell: StudyCell) -> str:
    """A cell in words."""
    part = cell.part.part
    clusters = "" if cell.k is None else f" with k = {cell.k}"
    algorithm = capitalize(name_algorithm(cell.algorithm))
    return f"{algorithm}{clusters} on {part.feature_set.name} ({part.preparation_name})"


def _find_published(cell: StudyCell) -> Published | None:
    found = cell.published
    return found if found is not None and found.k == cell.k and found.counts else None


def _tabulate(identifier: str, cell: StudyCell, found: Contingency, classes: Sequence[str]) -> Table:
    header = ["class", *map(name_cluster, found.clusters)]
    rows: list[list[str | int | float | None]] = [
        [classes[index], *row] for index, row in zip(found.class_indices, found.counts, strict=True)
    ]
    published = _find_published(cell)
    if published is None:
        return Table(identifier, name_cell(cell), header, rows)
    there = dict(zip(published.classes, published.counts, strict=False))
    width = len(published.counts[0])
    header += [f"published {index}" for index in range(width)]
    rows = [[*row, *there.get(str(row[0]), [None] * width)] for row in rows]
    return Table(identifier, f"{name_cell(cell)}, beside {published.source}", header, rows)


def _tabulate_all(cells: Sequence[StudyCell], classes: Sequence[str]) -> Table:
    """A row for each class in each cell."""
    found = [(cell, cell.result.contingency) for cell in cells if cell.result and cell.result.contingency]
    clusters = sorted(
        {cluster for _, table in found for cluster in table.clusters},
        key=lambda each: (each == NOISE, each),
    )
    rows: list[list[str | int | float | None]] = []
    for cell, table in found:
        part = cell.part.part
        names = [part.feature_set.name, part.preparation_name, name_algorithm(cell.algorithm)]
        k = "own choice" if cell.k is None else cell.k
        for index, row in zip(table.class_indices, table.counts, strict=True):
            counts = dict(zip(table.clusters, row, strict=True))
            rows.append([*names, k, classes[index], *map(counts.get, clusters)])
    header = ["features", "preparation", "algorithm", "k", "class", *map(name_cluster, clusters)]
    return Table("contingencies", "Classes and clusters of every combination", header, rows, collapsed=True)
