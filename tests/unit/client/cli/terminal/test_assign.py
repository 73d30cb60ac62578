"""What octcluster assign prints."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from octcluster.cli.terminal.assign import print_assign_summary
from octcluster.workflows.outcome import AssignOutcome
from outcomes import make_assign_outcome, make_outcome


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
