"""Choosing B-scans of volumes."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from octcluster.images.image_set import ImageSet, Scan
from octcluster.images.readers.reader import ScanFacts
from octcluster.images.scan_choice import choose_scans, list_volumes, spread_about_middle


def volume(file: str, count: int) -> list[Scan]:
    return [Scan(Path(), f"{file}#{n}", number=n, format="TIFF") for n in range(1, count + 1)]


def slices(name: str, count: int) -> list[Scan]:
    """A volume whose scans are files of their own, which are named in another order."""
    order = list(range(count))
    random.Random(0).shuffle(order)
    return [
        Scan(Path(), f"{i}.dcm", number=1, format="DICOM", facts=ScanFacts(volume=name, position=at))
        for i, at in enumerate(order)
    ]


def image_set(*scans: Scan) -> ImageSet:
    return ImageSet(Path(), sorted(scans, key=lambda scan: scan.order), "none", formats={"TIFF": 1})


PLAIN = Scan(Path(), "plain.png")
BROKEN = Scan(Path(), "broken.dcm", fault="damaged")


def test_middle_is_that_of_each_volume_and_what_has_none_is_kept() -> None:
    scans = image_set(PLAIN, BROKEN, *volume("a.tif", 49), *volume("b.tif", 1), *slices("x", 25))
    chosen = choose_scans(scans, "middle").images
    assert [scan.name for scan in chosen if scan.format != "DICOM"] == [
        "a.tif#25",
        "b.tif#1",
        "broken.dcm",
        "plain.png",
    ]
    (middle,) = (scan for scan in chosen if scan.format == "DICOM")
    assert middle.facts is not None
    assert middle.facts.position == 12


def test_files_of_a_volume_are_told_apart_by_patient_and_eye_too() -> None:
    """Some tools that remove names give all volumes the same one."""
    right, left = (
        [replace(scan, name=f"{eye}/{scan.name}", eye=eye) for scan in slices("0", 5)] for eye in ("OD", "OS")
    )
    large = [replace(scan, facts=ScanFacts(volume="0")) for scan in volume("a.tif", 3)]
    found = list_volumes([*right, *left, *large])
    assert sorted(map(len, found.values())) == [3, 5, 5]


@pytest.mark.parametrize(
    ("count", "numbers"), [(1, [13]), (3, [5, 13, 21]), (5, [3, 8, 13, 18, 23]), (99, [*range(1, 26)])]
)
def test_a_number_spreads_evenly_about_the_middle(count: int, numbers: list[int]) -> None:
    found = choose_scans(image_set(*volume("a.tif", 25)), count)
    assert [scan.number for scan in found.images] == numbers
    assert found.notes[-1].text == (
        f"25 B-scans in 1 file (1 volume, 0 known eyes); --scans {count} takes {len(numbers)} of them."
    )


def test_all_scans_are_taken_and_told() -> None:
    scans = image_set(PLAIN, *volume("a.tif", 2), *volume("b.tif", 3))
    found = choose_scans(scans, "all")
    assert found.images == scans.images
    assert [note.text for note in found.notes] == ["5 B-scans in 2 files (2 volumes, 0 known eyes)."]


def test_nothing_is_told_of_plain_images() -> None:
    scans = ImageSet(Path(), [PLAIN], "none")
    assert choose_scans(scans, 3) is scans


def test_positions_are_different_and_within_the_volume() -> None:
    for length in range(1, 60):
        for count in range(1, 70):
            found = spread_about_middle(length, count)
            assert len(found) == len(set(found)) == min(length, count)
            assert found == sorted(found)
            assert 0 <= found[0] <= found[-1] < length
