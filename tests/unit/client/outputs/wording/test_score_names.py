"""Every score has its names, each its own."""

from dataclasses import fields

import pytest
from octcluster.model.results import Scores
from octcluster.outputs.wording.score_names import SCORE_NAMES


def test_the_names_are_those_of_the_scores_in_their_order() -> None:
    assert list(SCORE_NAMES) == [field.name for field in fields(Scores)]


@pytest.mark.parametrize("kind", ["short", "title"])
def test_no_two_scores_share_a_name(kind: str) -> None:
    assert len({getattr(name, kind) for name in SCORE_NAMES.values()}) == len(SCORE_NAMES)
