"""How new images lie in the clusters of their classes, or why that is unknown."""

from dataclasses import replace
from typing import Any

import pytest
from octcluster.outputs.assign.scores import judge_placements
from outcomes import make_assign_outcome, make_outcome


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"run_classes": ()}, "give the run's folder"),
        ({"run_classes": ("a", "b", "c", "d")}, "no image has a class that the run knew"),
        ({"run": make_outcome(classes=()).result}, "no image of the run had a known class"),
    ],
)
def test_an_accuracy_that_cannot_be_said_has_its_reason(change: dict[str, Any], reason: str) -> None:
    scores = judge_placements(replace(make_assign_outcome(), **change))
    assert scores.accuracy is None
    assert reason in scores.reason
