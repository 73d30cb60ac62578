"""The stop sign comes where clusters go with people, and nowhere else."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from octcluster.cli.terminal.run import print_run_summary
from octcluster.images.eyes import gather_eyes
from octcluster.images.image_set import Scan
from octcluster.model.results import Association, Score
from octcluster.outputs.run.record import format_run_record
from octcluster.outputs.run.report import format_report
from octcluster.outputs.wording.stop_sign import describe_few_eyes, find_stop_sign, measure_people
from octcluster.workflows.outcome import EyeClusters, RunOutcome
from outcomes import make_outcome


def of_people(clusters: Sequence[Sequence[int]], associations: dict[str, float] | None = None) -> RunOutcome:
    """A run with the clusters of each person's images."""
    members = [
        Scan(Path(), f"{person}-{number}", patient=f"secret{person}")
        for person, own in enumerate(clusters)
        for number, _ in enumerate(own)
    ]
    flat = [cluster for own in clusters for cluster in own]
    outcome = make_outcome(classes=())
    found = [
        Association(name, value, Score(value), len(flat)) for name, value in (associations or {}).items()
    ]
    chosen = replace(outcome.chosen, clusters=max(flat) + 1, associations=found)
    return replace(
        outcome,
        members=members,
        result=replace(outcome.result, results=[chosen]),
        assignments=replace(outcome.assignments, clusters=flat),
    )


SIX_PEOPLE = {
    "one against the rest": [[0] * 49] + [[1] * 49] * 5,
    "two groups": [[0] * 49] * 3 + [[1] * 49] * 3,
    "three groups, some scans elsewhere": [[i // 2] * 44 + [(i // 2 + 1) % 3] * 5 for i in range(6)],
}


@pytest.mark.parametrize("clusters", SIX_PEOPLE.values(), ids=SIX_PEOPLE)
def test_volumes_of_six_people_are_stopped_without_any_class(clusters: list[list[int]]) -> None:
    verdict, reason, cure = find_stop_sign(of_people(clusters))
    assert verdict.startswith("Stop:")
    assert "294 images are of 6 people" in reason
    assert "octcluster assign" in cure
    assert "secret" not in verdict + reason + cure


def test_volumes_of_unknown_patients_count_as_people() -> None:
    outcome = of_people(SIX_PEOPLE["two groups"])
    members = [
        replace(scan, name=f"{volume}.vol#{number}", patient=None, number=number)
        for scan, (volume, number) in zip(
            outcome.members, ((volume, number) for volume in range(6) for number in range(1, 50)), strict=True
        )
    ]
    _, reason, _ = find_stop_sign(replace(outcome, members=members))
    assert "294 images are of 6 people" in reason


def test_clusters_that_cut_through_people_are_not_stopped() -> None:
    assert find_stop_sign(of_people([[0] * 25 + [1] * 24] * 6)) == []


def test_few_images_of_each_of_many_patients_are_not_stopped() -> None:
    """As the development images are: 313 patients with 516 images, each patient mostly in one cluster."""
    clusters = [[person % 4] * (1 + person % 3) for person in range(260)]
    assert find_stop_sign(of_people(clusters)) == []
    assert find_stop_sign(of_people(clusters, {"class": 0.88, "patient": 0.17})) == []


def test_volumes_of_many_people_are_stopped_where_the_patient_explains_more_than_the_class() -> None:
    clusters = [[person % 4] * 20 for person in range(80)]
    verdict, reason, cure = find_stop_sign(of_people(clusters, {"class": 0.3, "patient": 0.5}))
    assert verdict == "Stop: these clusters go with people, not with pathologies."
    assert "AMI 0.50 against 0.30" in reason
    assert "--unit eye" in cure
    assert "octcluster assign" not in cure
    assert find_stop_sign(of_people(clusters, {"class": 0.9, "patient": 0.5})) == []
    assert find_stop_sign(of_people(clusters)) == []


def test_six_people_whose_clusters_are_the_classes_are_not_stopped() -> None:
    clusters = SIX_PEOPLE["two groups"]
    assert find_stop_sign(of_people(clusters, {"class": 1.0, "patient": 0.55})) == []


def test_eyes_are_not_stopped_but_few_of_them_are_told() -> None:
    outcome = of_people(SIX_PEOPLE["two groups"])
    assert describe_few_eyes(outcome) == []
    eyes = EyeClusters(gather_eyes(outcome.members), outcome.assignments.clusters)
    by_eye = replace(
        outcome, eyes=eyes, assignments=replace(outcome.assignments, clusters=[0, 0, 0, 1, 1, 1])
    )
    assert find_stop_sign(by_eye) == []
    (warning,) = describe_few_eyes(by_eye)
    assert warning.startswith("6 eyes are few for 2 clusters")


def test_unknown_patients_are_people_of_their_own() -> None:
    people = measure_people([None] * 90 + ["1"] * 10, [0, 1] * 50)
    assert people.patients == 1
    assert people.effective == pytest.approx(100**2 / 190)
    assert people.share_of_many == 0.1
    assert people.follows == pytest.approx(0)


def test_one_cluster_goes_with_nobody() -> None:
    assert measure_people(["1"] * 10 + ["2"] * 10, [0] * 20).follows == 0


def test_the_stop_sign_comes_first_in_report_and_terminal_and_stands_in_the_record() -> None:
    outcome = of_people(SIX_PEOPLE["two groups"])
    outcome = replace(
        outcome,
        image_keys=[bytes(32)] * 294,
        assignments=replace(
            outcome.assignments,
            silhouettes=[0.1] * 294,
            x=[0.0] * 294,
            y=[0.0] * 294,
            distances=[1.0] * 294,
        ),
    )
    started = datetime(2026, 1, 31, tzinfo=UTC)
    page = format_report(outcome, started).decode()
    assert page.index("Stop: these clusters go with people") < page.index('id="answer"')
    stream = io.StringIO()
    print_run_summary(outcome, Path("result"), stream)
    assert stream.getvalue().strip().startswith("Stop: these clusters go with people")
    record = json.loads(format_run_record(outcome, {}, started))
    assert record["stop_sign"][0].startswith("Stop:")
    plain = make_outcome()
    assert "Stop:" not in format_report(plain, started).decode()
    assert json.loads(format_run_record(plain, {}, started))["stop_sign"] is None
