"""Which scans show one eye, in which order, and what is known of it."""

from pathlib import Path

import pytest
from octcluster.images.eyes import EyeCounts, count_eyes, gather_eyes
from octcluster.images.image_set import Scan
from octcluster.images.readers.reader import Eye, ScanFacts


def plain(name: str, patient: str | None = None, eye: Eye | None = None, **more: str) -> Scan:
    return Scan(Path(), name, patient=patient, eye=eye, **more)  # type: ignore[arg-type]


def slice_of(name: str, number: int) -> Scan:
    return Scan(Path(name), f"{name}#{number}", number=number, facts=ScanFacts(), format="VOL")


def test_an_eye_is_a_patient_a_side_and_a_visit() -> None:
    scans = [
        plain("a", "1", "OD", visit="2024-01-31"),
        plain("b", "1", "OS", visit="2024-01-31"),
        plain("c", "1", "OD", visit="2024-01-31"),
        plain("d", "1", "OD", visit="2024-06-30"),
        plain("e", "2", "OD", visit="2024-01-31"),
    ]
    eyes = gather_eyes(scans)
    assert [eye.rows for eye in eyes] == [[0, 2], [1], [3], [4]]
    assert eyes[0].name == "patient 1, OD, 2024-01-31"
    assert count_eyes(eyes) == EyeCounts(4, 5, 2, 0, 0, 0)


def test_of_unknown_patients_each_image_is_an_eye_and_each_volume() -> None:
    scans = [plain("a"), plain("b"), slice_of("c.vol", 1), slice_of("c.vol", 2), slice_of("d.vol", 1)]
    eyes = gather_eyes(scans)
    assert [eye.rows for eye in eyes] == [[0], [1], [2, 3], [4]]
    assert count_eyes(eyes) == EyeCounts(4, 5, 0, 4, 0, 0)
    assert eyes[0].name == "an eye of an unknown patient"


def test_without_a_side_the_images_of_a_patient_are_one_eye_and_it_is_counted() -> None:
    eyes = gather_eyes([plain("a", "1"), plain("b", "1"), plain("c", "2", "OS")])
    assert [eye.rows for eye in eyes] == [[0, 1], [2]]
    assert count_eyes(eyes).without_side == 1


@pytest.mark.parametrize(
    ("labels", "label", "disagrees"),
    [
        (("CNV", "CNV"), "CNV", False),
        (("CNV", None), "CNV", False),
        ((None, None), None, False),
        (("CNV", "NORMAL"), None, True),
    ],
)
def test_an_eye_has_the_class_that_its_scans_agree_on(
    labels: tuple[str | None, ...], label: str | None, *, disagrees: bool
) -> None:
    scans = [Scan(Path(), name, value, "1") for name, value in zip("ab", labels, strict=True)]
    (eye,) = gather_eyes(scans)
    assert (eye.label, eye.disagrees) == (label, disagrees)


def test_scans_lie_in_the_order_of_their_volume_or_of_the_numbers_in_their_names() -> None:
    by_name = [plain(f"{number}.png", "1") for number in ("1", "10", "2")]
    assert [eye.rows for eye in gather_eyes(by_name)] == [[0, 2, 1]]
    by_position = [
        Scan(Path(), f"{n}#1", patient="1", number=1, facts=ScanFacts(volume="v", position=place))
        for n, place in (("a", 2), ("b", 0), ("c", 1))
    ]
    assert [eye.rows for eye in gather_eyes(by_position)] == [[1, 2, 0]]
