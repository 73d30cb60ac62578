"""What octcluster study prints."""

import io
from pathlib import Path

import pytest
from octcluster.cli.terminal.study import print_study_summary
from octcluster.workflows.study import StudyOutcome
from study_outcomes import make_study


@pytest.fixture
def study(tmp_path: Path) -> StudyOutcome:
    return make_study(tmp_path)


def test_a_person_reads_results_and_what_to_do(study: StudyOutcome) -> None:
    stream = io.StringIO()
    print_study_summary(study, Path("out"), stream)
    text = stream.getvalue()
    assert "grey, plain" in text
    assert "k clusters noise silhouette" in " ".join(text.split())
    assert "silhouette 0.062, accuracy 0.375, ARI 0.030" in text
    assert "net, plain: skipped, put the weights into /home/secret/weights.h5" in text
    assert "out/failures.csv" in text
