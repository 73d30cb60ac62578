"""The cells of a study, each beside what was published."""

from pathlib import Path

import pytest
from octcluster.outputs.study.cells import list_cells
from octcluster.workflows.study import StudyOutcome
from study_outcomes import make_study


@pytest.fixture
def study(tmp_path: Path) -> StudyOutcome:
    return make_study(tmp_path)


def test_every_cell_has_its_result_and_what_was_published(study: StudyOutcome) -> None:
    cells = list_cells(study)
    asked = [("kmeans", 3), ("kmeans", 4), ("hdbscan", None)]
    assert [(cell.algorithm, cell.k) for cell in cells] == asked * 2
    assert [cell.result and cell.result.requested_clusters for cell in cells] == [3, 4, None, *[None] * 3]
    assert cells[0].published_scores() == {"silhouette": 0.125, "accuracy": None, "adjusted_rand_index": None}
    assert cells[1].published_scores()["accuracy"] == 0.375
    assert all(cell.published is None for cell in cells[2:])
