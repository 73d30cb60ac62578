"""What a study leaves: table and record of every cell, a page that names no image, what a person reads."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from known import known
from octcluster.cli.terminal.study import print_study_summary
from octcluster.model.results import Score
from octcluster.outputs.study.cells import list_cells
from octcluster.outputs.study.page import format_study_page
from octcluster.outputs.study.record import format_study_record
from octcluster.outputs.study.table import format_study_table
from octcluster.outputs.variance import count_components
from octcluster.workflows.study import PartOutcome, PartState, StudyOutcome
from octcluster.workflows.study_file import read_matrix
from outcomes import make_outcome

STARTED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
MATRIX = """
title = "Two ways"

[features.grey]
model = "pixels"
features = "pixels"

[features.net]
model = "vgg16"

[preparations.plain]

[[experiments]]
features = ["grey", "net"]
preparations = ["plain"]
algorithms = ["kmeans", "hdbscan"]
k = "3:4"

[[published]]
source = "somebody <else>"
features = ["grey"]
preparations = ["plain"]
algorithm = "kmeans"
silhouettes = { 3 = 0.125, 4 = 0.0625 }
k = 4
accuracy = 0.375
adjusted_rand_index = 0.03
classes = ["CNV", "NORMAL"]
counts = [[10, 20, 30, 40], [50, 60, 70, 80]]
"""


@pytest.fixture
def study(tmp_path: Path) -> StudyOutcome:
    """One part done, one skipped for a reason that names a folder."""
    (tmp_path / "matrix.toml").write_text(MATRIX)
    matrix = read_matrix(tmp_path / "matrix.toml")
    run = make_outcome(ks=(3, 4), noise=True, failed=1)
    result = replace(run.result, stage_peak_bytes={"clustering": 300 * 2**20})
    first, second = matrix.parts
    parts = [
        PartOutcome(first, PartState.DONE, replace(run, result=result)),
        PartOutcome(second, PartState.SKIPPED, reason="put the weights into /home/secret/weights.h5"),
    ]
    return StudyOutcome(run.image_set, matrix, 7, {"hdbscan"}, parts, {"reading": 0.5})


def test_every_cell_has_its_result_and_what_was_published(study: StudyOutcome) -> None:
    cells = list_cells(study)
    asked = [("kmeans", 3), ("kmeans", 4), ("hdbscan", None)]
    assert [(cell.algorithm, cell.k) for cell in cells] == asked * 2
    assert [cell.result and cell.result.requested_clusters for cell in cells] == [3, 4, None, *[None] * 3]
    assert cells[0].published_scores() == {"silhouette": 0.125, "accuracy": None, "adjusted_rand_index": None}
    assert cells[1].published_scores()["accuracy"] == 0.375
    assert all(cell.published is None for cell in cells[2:])


def test_an_undefined_score_is_empty_with_its_reason_in_the_record(study: StudyOutcome) -> None:
    done = known(study.parts[0].outcome)
    first = done.result.results[0]
    undefined = replace(first, scores=replace(first.scores, silhouette=Score(undefined_reason="one cluster")))
    result = replace(done.result, results=[undefined, *done.result.results[1:]])
    parts = [replace(study.parts[0], outcome=replace(done, result=result)), study.parts[1]]
    record = json.loads(format_study_record(replace(study, parts=parts), {"seed": 7}, STARTED))
    assert record["cells"][0]["silhouette"] is None
    assert record["cells"][0]["silhouette_reason"] == "one cluster"
    lines = format_study_table(replace(study, parts=parts)).decode().splitlines()
    header, row = lines[0].split(","), lines[1].split(",")
    assert row[header.index("silhouette")] == ""


def test_the_record_holds_what_is_needed_to_judge_and_repeat(study: StudyOutcome) -> None:
    record = json.loads(format_study_record(study, {"seed": 7}, STARTED))
    assert (record["complete"], record["seed"], record["images"]) == (True, 7, 80)
    done, skipped = record["parts"]
    assert done["components_needed"] == {"0.90": 4, "0.95": 5, "0.99": 7}
    assert done["clusterer_peak_bytes_by_stage"] == {"clustering": 300 * 2**20}
    assert done["images"] == {"members": 79, "embedded": 76, "cached": 3, "failed": 1}
    assert "/home/secret/weights.h5" in skipped["reason"]
    assert record["cells"][1]["published"]["contingency"]["counts"][1] == [50, 60, 70, 80]
    assert "published" not in record["cells"][2]


def test_components_are_counted_where_the_curve_crosses() -> None:
    assert count_components([0.5, 0.4, 0.05, 0.04]) == {0.90: 2, 0.95: 3, 0.99: 4}
    assert count_components([0.5, 0.4]) == {0.90: 2, 0.95: None, 0.99: None}


def test_the_page_shows_all_and_names_no_image_and_no_folder(study: StudyOutcome) -> None:
    page = format_study_page(study, STARTED).decode()
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "secret" not in own
    assert "Two ways" in own
    assert "3 of 6 combinations of features, preparation, algorithm and number of clusters k" in own
    assert "were tried on 80 images; 3 could not be tried" in own
    assert "accuracy 0.140, where 0.375 was published" in own
    assert "somebody &lt;else&gt;" in own
    assert "<else>" not in own
    for heading in (
        "All combinations",
        "Beside the published figures",
        "Time and memory",
        "What was not done",
    ):
        assert heading in own
    found = re.search(r'<script type="application/json" id="plots-data">(.*?)</script>', page, re.DOTALL)
    plots = json.loads(known(found)[1])
    curves = {trace["name"]: trace["y"] for trace in plots["silhouettes-1"]["data"]}
    assert curves == {"K-means, plain": [0.13, 0.14], "published 1": [0.125, 0.0625]}
    assert [line["y0"] for line in plots["variance"]["layout"]["shapes"]] == [0.9, 0.95, 0.99]


def test_a_person_reads_results_and_what_to_do(study: StudyOutcome) -> None:
    stream = io.StringIO()
    print_study_summary(study, Path("out"), stream)
    text = stream.getvalue()
    assert "grey, plain" in text
    assert "k clusters noise silhouette" in " ".join(text.split())
    assert "silhouette 0.062, accuracy 0.375, ARI 0.030" in text
    assert "net, plain: skipped, put the weights into /home/secret/weights.h5" in text
    assert "out/failures.csv" in text
