"""study.csv: every cell of a study with all its scores, beside what others published."""

from collections.abc import Iterator, Sequence

from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.json_files import read_score
from octcluster.outputs.study.cells import PUBLISHED_SCORES, StudyCell, list_cells
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.workflows.study import StudyOutcome


def format_study_table(outcome: StudyOutcome) -> bytes:
    """Formats study.csv; see ``list_study_rows``."""
    return format_table(*list_study_rows(outcome))


def list_study_rows(outcome: StudyOutcome) -> tuple[Sequence[str], Iterator[Sequence[object]]]:
    """Columns and rows, one row a cell; an undefined score is empty, and so is all that was not done.

    The last column is the id of the run that the cell is of.
    """
    header = ["features", "preparation", "algorithm", "k", "state", "clusters", "noise", "dimension"]
    header += [score.short for score in SCORE_NAMES.values()]
    header += ["seconds", *(f"published_{SCORE_NAMES[name].short}" for name in PUBLISHED_SCORES)]
    header += ["reason", "run_id"]
    return header, map(_row, list_cells(outcome))


def _row(cell: StudyCell) -> list[object]:
    part, result, run = cell.part.part, cell.result, cell.part.outcome
    found: list[object] = [None] * (3 + len(SCORE_NAMES) + 1)
    if result is not None and run is not None:
        scores = [read_score(score)[0] for _, score in result.scores.items()]
        found = [
            result.clusters,
            result.noise,
            run.result.prepared_dimension,
            *scores,
            round(result.seconds, 3),
        ]
    row = [part.feature_set.name, part.preparation_name, cell.algorithm, cell.k, cell.part.state, *found]
    return [
        *row,
        *cell.published_scores().values(),
        cell.part.reason,
        None if run is None else run.spec.run_id,
    ]
