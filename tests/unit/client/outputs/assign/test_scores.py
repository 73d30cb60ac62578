"""How new images lie in the clusters of their classes, or why that is unknown."""

from dataclasses import replace
from typing import Any

import pytest
from octcluster.outputs.assign.scores import judge_placements
from octcluster.workflows.run_members import Seen
from outcomes import make_assign_outcome, show_eyes


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"class_sizes": None}, "give the run's folder"),
        ({"class_sizes": {"a": 1, "b": 2}}, "no image has a class that the run knew"),
        ({"class_sizes": {}, "class_of_cluster": {}}, "no image of the run had a known class"),
    ],
)
def test_an_accuracy_that_cannot_be_said_has_its_reason(change: dict[str, Any], reason: str) -> None:
    outcome = make_assign_outcome()
    scores = judge_placements(replace(outcome, model=replace(outcome.model, **change)))
    assert scores.accuracy is None
    assert reason in scores.reason


def test_images_and_patients_of_the_run_are_left_out_of_the_accuracy() -> None:
    outcome = make_assign_outcome()
    seen = [Seen.IMAGE] * 30 + [Seen.PATIENT] * 40 + [Seen.NO] * 10
    scores = judge_placements(replace(outcome, seen=seen))
    assert (scores.accuracy, scores.labelled) == (1.0, 10)  # the one that is wrong is of the run
    nothing_new = judge_placements(replace(outcome, seen=[Seen.PATIENT] * 80))
    assert (nothing_new.accuracy, nothing_new.labelled) == (None, 0)
    assert "of the run itself or of its patients" in nothing_new.reason
    unknown = judge_placements(replace(outcome, seen=[Seen.UNKNOWN] * 80))
    assert unknown.labelled == 80


def test_eyes_of_one_class_are_judged_by_their_own_cluster() -> None:
    outcome = show_eyes(make_assign_outcome())
    labels = ["CNV", "DME", "DRUSEN"]
    eyes = [
        replace(placed, eye=replace(placed.eye, label=label, disagrees=False))
        for placed, label in zip(outcome.eyes, labels, strict=True)
    ]
    scores = judge_placements(replace(outcome, eyes=eyes))
    assert (scores.eye_accuracy, scores.labelled_eyes) == (2 / 3, 3)  # the third lies in NORMAL's cluster
    assert judge_placements(outcome).labelled_eyes == 0  # their scans have several classes
