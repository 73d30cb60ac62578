"""The page of a study names no image."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from known import known
from octcluster.outputs.study.page import format_study_page
from octcluster.workflows.study import StudyOutcome
from study_outcomes import make_study

STARTED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def study(tmp_path: Path) -> StudyOutcome:
    return make_study(tmp_path)


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
