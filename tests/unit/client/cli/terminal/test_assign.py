"""What octcluster assign prints."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from octcluster.cli.terminal.assign import print_assign_summary
from octcluster.workflows.outcome import AssignOutcome
from octcluster.workflows.run_members import Seen
from outcomes import make_assign_outcome, show_eyes


def summarize(outcome: AssignOutcome) -> str:
    stream = io.StringIO()
    print_assign_summary(outcome, Path("new"), stream)
    return stream.getvalue()


def test_the_summary_says_clusters_classes_and_outliers() -> None:
    text = summarize(make_assign_outcome())
    for part in (
        "DRUSEN",
        "80 images assigned",
        "98.8% of 80 new images",
        "75.0% would be assigned",
        "Assignments: new",
    ):
        assert part in text


def test_the_summary_says_what_a_person_has_called_the_clusters() -> None:
    outcome = make_assign_outcome()
    assert "named" not in summarize(outcome)
    named = replace(outcome.model, cluster_names={1: "wet, with fluid"})
    text = summarize(replace(outcome, model=named))
    assert "named" in text
    (line,) = (line for line in text.splitlines() if "wet, with fluid" in line)
    assert line.split()[0] == "1"


def test_the_summary_says_why_an_accuracy_is_unknown() -> None:
    outcome = make_assign_outcome()
    text = summarize(replace(outcome, model=replace(outcome.model, class_sizes=None)))
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
    without_any = replace(unlabelled, model=replace(outcome.model, class_sizes={}, class_of_cluster={}))
    assert "is unknown" not in summarize(without_any)


@pytest.mark.parametrize(("flagged", "said"), [(0, False), (1, False), (20, False), (21, True)])
def test_the_summary_explains_outliers_and_tells_when_they_are_many(flagged: int, said: bool) -> None:
    outcome = make_assign_outcome()
    flags = [True] * flagged + [False] * (80 - flagged)
    text = summarize(replace(outcome, placements=replace(outcome.placements, outliers=flags)))
    assert ("images that the run did not see lie farther" in text) == (flagged > 0)
    assert ("more than a quarter" in text) == said


def test_the_summary_says_what_failed_as_that_of_a_run_does() -> None:
    assert "2 of 80 images failed: failures.csv says why." in summarize(make_assign_outcome(failed=2))
    assert "failed" not in summarize(make_assign_outcome())


def test_the_summary_shows_eyes_the_doubtful_first() -> None:
    text = summarize(show_eyes(make_assign_outcome()))
    lines = [line for line in text.splitlines() if "secret" in line and "%" in line]
    assert "OS" in lines[0]
    assert "doubtful" in lines[0]
    assert "3 eyes: the cluster of each is that of the mean of its scans. " in text
    assert "Of 1 eye it is not known whether it is right or left" in text
    assert "Eyes: new" in text


def test_the_summary_says_of_an_eye_with_one_scan_no_share_of_its_scans() -> None:
    outcome = show_eyes(make_assign_outcome())
    first, *others = outcome.eyes
    single = replace(first, eye=replace(first.eye, rows=first.eye.rows[:1]))
    lines = summarize(replace(outcome, eyes=[single, *others])).splitlines()
    shares = ["%" in line for line in lines if "secret" in line]
    assert sorted(shares) == [False, True, True]


def test_the_summary_tells_new_images_from_those_of_the_run() -> None:
    outcome = make_assign_outcome()
    some = replace(outcome, seen=[Seen.IMAGE] * 5 + [Seen.PATIENT] * 7 + [Seen.NO] * 68)
    assert (
        "made with 5 of them and with other images of the patients of 7. They are counted apart"
        in summarize(some)
    )
    untold = replace(outcome, seen=[Seen.UNKNOWN] * 80, patients_known=False)
    assert "cannot be told: model.npz holds none. Give the whole folder" in summarize(untold)
    assert "of 80 images with a known class" in summarize(untold)
    assert "no measure of the run: it may have been made with some" in summarize(untold)
    assert "counted apart" not in summarize(outcome)
    assert "no measure" not in summarize(outcome)


def test_after_a_run_of_eyes_the_summary_makes_little_of_single_scans_that_lie_far_away() -> None:
    outcome = make_assign_outcome()
    text = summarize(replace(outcome, model=replace(outcome.model, unit="eye")))
    assert "1 of 80 images is called an outlier. That says little here" in text
    assert "Of the run's own eyes, 75.0%" in text
    assert "eyes of the run" in text
