"""What makes two results the same one, and what does not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from octcluster.workflows.outcome import RunOutcome
from outcomes import add_trust, make_outcome


def ask(**changes: Any) -> Callable[[RunOutcome], RunOutcome]:
    return lambda outcome: replace(outcome, spec=replace(outcome.spec, **changes))


def rename(**changes: Any) -> Callable[[RunOutcome], RunOutcome]:
    return lambda outcome: replace(
        outcome, members=[replace(outcome.members[0], **changes), *outcome.members[1:]]
    )


def move(outcome: RunOutcome) -> RunOutcome:
    clusters = [1 - min(outcome.assignments.clusters[0], 1), *outcome.assignments.clusters[1:]]
    return replace(outcome, assignments=replace(outcome.assignments, clusters=clusters))


@pytest.mark.parametrize(
    "change",
    [
        ask(run_id="ab" * 16),
        ask(umap=True),
        ask(stability_resamples=99),
        add_trust,
        lambda outcome: replace(outcome, stage_seconds={}, versions={}, embedded=0, vectors=[b""]),
    ],
    ids=["run id", "umap", "stability", "trust", "course"],
)
def test_what_has_no_say_in_the_clusters_changes_nothing(change: Callable[[RunOutcome], RunOutcome]) -> None:
    assert change(make_outcome()).result_id == make_outcome().result_id


@pytest.mark.parametrize(
    "change",
    [
        ask(seed=8),
        ask(max_clusters=9),
        ask(algorithms=("gmm",)),
        rename(name="other"),
        rename(label="DME"),
        rename(patient=None),
        rename(eye="OD"),
        lambda outcome: replace(outcome, image_keys=[bytes(32), *outcome.image_keys[1:]]),
        lambda outcome: replace(outcome, failures=make_outcome(failed=1).failures),
        move,
    ],
    ids=["seed", "range", "algorithm", "name", "class", "patient", "eye", "pixels", "failure", "cluster"],
)
def test_all_that_a_table_says_counts(change: Callable[[RunOutcome], RunOutcome]) -> None:
    assert change(make_outcome()).result_id != make_outcome().result_id
