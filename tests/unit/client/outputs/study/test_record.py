"""study.csv and study.json: a reason beside what is undefined, and all that is needed to repeat it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from known import known
from octcluster.model.results import Score
from octcluster.outputs.study.record import format_study_record
from octcluster.outputs.study.table import format_study_table
from octcluster.workflows.study import StudyOutcome
from study_outcomes import make_study

STARTED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def study(tmp_path: Path) -> StudyOutcome:
    return make_study(tmp_path)


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
