"""The page of a study names no image."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from known import known
from octcluster.images.framing import measure_framing
from octcluster.images.notes import Note
from octcluster.images.pixel_faults import find_faults
from octcluster.outputs.study.page import format_study_page
from octcluster.workflows.outcome import PixelReport
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


def test_the_page_tells_what_is_wrong_with_pixels_and_names(study: StudyOutcome) -> None:
    part = study.parts[0]
    outcome = known(part.outcome)
    image = study.image_set.images[0]
    (fault,) = find_faults({"width": 496, "height": 1536})
    pixels = PixelReport([(image, fault)], measure_framing([(496, 1536, ("plain",))]))
    notes = [
        Note("masks", "9 images lie in folders of masks.", 9, to_mend=True),
        Note("splits", "Splits: test: 4.", 4),
    ]
    told = replace(
        study,
        parts=[replace(part, outcome=replace(outcome, pixels=pixels)), *study.parts[1:]],
        image_set=replace(study.image_set, notes=notes),
    )
    page = format_study_page(told, STARTED).decode()
    for text in (fault.fault.summary, "9 images lie in folders of masks.", "Splits: test: 4."):
        assert text in page
    assert image.name not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
