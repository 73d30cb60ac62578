"""What octcluster assign says and writes, and how it finds the run."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from octcluster.cli.job_options import take_from_run
from octcluster.cli.main import main
from octcluster.cli.parser import build_parser
from octcluster.cli.terminal.assign import print_assign_summary
from octcluster.model.errors import InvalidArguments
from octcluster.outputs.assign.files import write_assign_files
from octcluster.outputs.assign.scores import judge_placements
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.finished_runs import FinishedRun, find_run
from octcluster.workflows.outcome import AssignOutcome
from outcomes import make_assign_outcome, make_outcome

STARTED = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def test_it_leaves_its_files(tmp_path: Path) -> None:
    outcome = make_assign_outcome(failed=1)
    write_assign_files(outcome, tmp_path, {"run": "out"}, STARTED)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"assignments.csv", "scores.json", "assign.json", "failures.csv"}
    rows = list(csv.reader((tmp_path / "assignments.csv").read_text().splitlines()))
    assert rows[0] == ["image", "cluster", "label", "patient", "distance", "margin", "outlier"]
    first = outcome.members[0]
    assert rows[1] == [first.name, "1", "CNV", first.patient, "0.500000", "0.250000", "1"]
    assert len(rows) == 80
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["images"], scores["failed"], scores["outliers"]) == (80, 1, 1)
    assert scores["accuracy"] == 78 / 79
    assert scores["cluster_classes"] == {"0": "CNV", "1": "DME", "2": "DRUSEN", "3": "NORMAL"}
    assert scores["contingency"]["counts"][0] == [18, 1, 0, 0]
    assert json.loads((tmp_path / "assign.json").read_text())["run_id"] == outcome.run_id


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"run_classes": ()}, "give the run's folder"),
        ({"run_classes": ("a", "b", "c", "d")}, "no image has a class that the run knew"),
        ({"run": make_outcome(classes=()).result}, "no image of the run had a known class"),
    ],
)
def test_an_accuracy_that_cannot_be_said_has_its_reason(change: dict, reason: str) -> None:
    scores = judge_placements(replace(make_assign_outcome(), **change))
    assert scores.accuracy is None
    assert reason in scores.reason


def summarize(outcome: AssignOutcome) -> str:
    stream = io.StringIO()
    print_assign_summary(outcome, Path("new"), stream)
    return stream.getvalue()


def test_the_summary_says_clusters_classes_and_outliers() -> None:
    text = summarize(make_assign_outcome())
    for part in (
        "DRUSEN",
        "80 images assigned",
        "98.8% of 80 images",
        "75.0% would be assigned",
        "Assignments: new",
    ):
        assert part in text


def test_the_summary_says_why_an_accuracy_is_unknown() -> None:
    text = summarize(replace(make_assign_outcome(), run_classes=()))
    assert "is unknown: the names of the run's classes are not known" in text
    assert "--labels" not in text


def test_the_summary_says_how_to_give_the_classes_where_none_was_found() -> None:
    outcome = make_assign_outcome()
    images = [replace(image, label=None) for image in outcome.image_set.images]
    unlabelled = replace(
        outcome,
        image_set=replace(outcome.image_set, images=images),
        members=[replace(image, label=None) for image in outcome.members],
    )
    text = summarize(unlabelled)
    assert "is unknown: no image has a class that the run knew. --labels filename takes it from names" in text
    without_any = replace(unlabelled, run=make_outcome(classes=()).result)
    assert "is unknown" not in summarize(without_any)


@pytest.mark.parametrize(("flagged", "said"), [(0, False), (1, False), (20, False), (21, True)])
def test_the_summary_explains_outliers_and_tells_when_they_are_many(flagged: int, said: bool) -> None:
    outcome = make_assign_outcome()
    flags = [True] * flagged + [False] * (80 - flagged)
    text = summarize(replace(outcome, placements=replace(outcome.placements, outliers=flags)))
    assert ("images that the run did not see lie farther" in text) == (flagged > 0)
    assert ("more than a quarter" in text) == said


def test_a_run_is_found_by_its_folder_or_its_id(tmp_path: Path) -> None:
    write_run_files(make_outcome(), tmp_path, {"clusterer": "box:1"}, STARTED)
    run = FinishedRun("0f" * 16, ["CNV", "DME", "DRUSEN", "NORMAL"], {"clusterer": "box:1"})
    assert find_run(str(tmp_path)) == run
    assert find_run("0f" * 16) == FinishedRun("0f" * 16)
    with pytest.raises(InvalidArguments, match=r"is no finished run: give the folder"):
        find_run(str(tmp_path / "nowhere"))
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InvalidArguments, match="do the run again"):
        find_run(str(tmp_path))


def test_services_are_those_of_the_run_unless_others_are_named() -> None:
    record = {
        "clusterer": None,
        "cache_dir": "/cache",
        "embedder": "box:1",
        "model": "vgg16",
        "weights": None,
    }
    run = FinishedRun("0f" * 16, arguments=record)

    def take(*arguments: str) -> dict[str, object]:
        options = build_parser().parse_args(["assign", "result", "images", "--out", "new", *arguments])
        take_from_run(options, run)
        names = ("clusterer", "cache_dir", "embedder", "model")
        return {name: getattr(options, name) for name in names}

    own = {"clusterer": None, "cache_dir": Path("/cache"), "embedder": "box:1", "model": "vgg16"}
    assert take() == own
    assert take("--clusterer", "b:2") == {**own, "clusterer": "b:2", "cache_dir": None}
    assert take("--cache-dir", "c") == {**own, "cache_dir": Path("c")}
    assert take("--model", "resnet50") == {**own, "embedder": None, "model": "resnet50"}


def test_the_folder_of_the_run_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run_files(make_outcome(), tmp_path, {}, STARTED)
    before = (tmp_path / "assignments.csv").read_bytes()
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.png").touch()
    assert main(["assign", str(tmp_path), str(images), "--out", str(tmp_path)]) == 2
    assert "holds what 'octcluster run' wrote (run.json)" in capsys.readouterr().err
    assert (tmp_path / "assignments.csv").read_bytes() == before
