"""What a finished run answers about itself, each answer found once."""

from dataclasses import replace
from unittest.mock import Mock

import pytest
from octcluster.images.leaks import find_leaks
from octcluster.workflows import outcome as outcomes_module
from outcomes import make_outcome


def test_the_chosen_result_and_its_class_sizes() -> None:
    outcome = make_outcome(ks=(2, 3), failed=1)
    assert outcome.chosen is outcome.result.results[1]
    assert outcome.class_sizes == [19, 20, 20, 20]
    assert make_outcome(classes=()).class_sizes == []


def test_the_class_of_a_cluster_is_what_the_clusterer_says_of_the_chosen_result() -> None:
    outcome = make_outcome(ks=(2, 3))
    first, second = outcome.result.results
    results = [replace(first, class_of_cluster={0: 3}), replace(second, class_of_cluster={0: 2, 1: 1})]
    matched = replace(outcome, result=replace(outcome.result, results=results))
    assert matched.class_of_cluster == {0: 2, 1: 1}
    assert make_outcome(classes=()).class_of_cluster == {}


def test_leaks_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = make_outcome()
    looked = Mock(wraps=find_leaks)
    monkeypatch.setattr(outcomes_module, "find_leaks", looked)
    assert outcome.leaks is outcome.leaks
    assert outcome.leaks.patients == 7
    assert looked.call_count == 1
