"""What is said of eyes, and of whitening within patients."""

from dataclasses import replace
from pathlib import Path

import pytest
from octcluster.images.eyes import gather_eyes
from octcluster.images.image_set import Scan
from octcluster.model.results import WhiteningDecision
from octcluster.outputs.wording.eyes import describe_eyes, describe_whitening
from octcluster.workflows.outcome import EyeClusters, RunOutcome
from outcomes import make_outcome

VOLUMES = WhiteningDecision(False, True, 49.0, 0.6, 0.4)
SINGLE = WhiteningDecision(True, False, 4.7, 0.7, 0.97)


def with_eyes(members: list[Scan]) -> RunOutcome:
    eyes = gather_eyes(members)
    return replace(make_outcome(), members=members, eyes=EyeClusters(eyes, [0] * len(members)))


def scan(number: int, patient: str | None, label: str | None = None) -> Scan:
    return Scan(Path(), f"{number}", label, patient, "OD" if patient == "1" else None)


def test_scans_eyes_and_patients_are_counted_and_what_is_unknown_is_said() -> None:
    members = [scan(0, "1", "CNV"), scan(1, "1", "DME"), scan(2, "2"), scan(3, None), scan(4, None)]
    said = describe_eyes(with_eyes(members))
    assert said[0] == "Eyes were clustered: 5 scans of 4 eyes, 2 of them of 2 patients."
    assert said[1].startswith("The patient of 2 eyes is not known")
    assert said[2].startswith("Of 1 eye it is not known whether it is right or left")
    assert said[3].startswith("1 eye has scans of different known classes")


def test_nothing_is_said_of_eyes_where_images_were_clustered() -> None:
    assert describe_eyes(make_outcome()) == []


def test_where_scans_have_no_clusters_of_their_own_the_reason_is_told() -> None:
    outcome = with_eyes([scan(0, "1"), scan(1, "1")])
    outcome = replace(outcome, result=replace(outcome.result, fitted_missing_reason="too large."))
    assert describe_eyes(outcome)[-1] == "Scans have no clusters of their own: too large."


@pytest.mark.parametrize(
    ("decision", "asked_for", "said"),
    [
        (
            VOLUMES,
            "auto",
            "What images of one patient differ by counts in full: the images of a patient follow each "
            "other like the slices of volumes, which differ in pathology (a typical image is one of 49 of "
            "its patient; ",
        ),
        (
            replace(VOLUMES, applied=True),
            True,
            "What images of one patient differ by counts less (whitening within patients), as was asked",
        ),
        (
            SINGLE,
            "auto",
            "What images of one patient differ by counts less (whitening within patients): the images of a",
        ),
        (SINGLE, True, None),
        (WhiteningDecision(False, False, 0, 0, 1), True, None),
        (None, False, None),
    ],
)
def test_whether_it_was_whitened_within_patients_is_told_with_the_reason(
    decision: WhiteningDecision | None, *, asked_for: bool, said: str | None
) -> None:
    outcome = make_outcome()
    preparation = replace(outcome.spec.preparation, whiten_within_patients=asked_for)
    outcome = replace(
        outcome,
        spec=replace(outcome.spec, preparation=preparation),
        result=replace(outcome.result, patient_whitening=decision),
    )
    sentences = describe_whitening(outcome)
    if said is None:
        assert sentences == []
    else:
        (sentence,) = sentences
        assert sentence.startswith(said)
        assert "whiten-within-patients" in sentence
