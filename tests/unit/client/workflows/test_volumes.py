"""What volumes are, by what their files tell."""

from pathlib import Path

import pytest
from octcluster.images.image_set import ImageSet, Scan
from octcluster.images.readers.reader import Eye, ScanFacts
from octcluster.outputs.describe.volumes import describe_volumes, record_volumes
from octcluster.workflows.volumes import VolumeSummary, summarize_volumes


def volume(file: str, count: int, eye: Eye | None, device: str | None = None) -> list[Scan]:
    return [
        Scan(
            Path(),
            f"{file}#{number}",
            patient="secret-patient",
            eye=eye,
            device=device,
            number=number,
            format="DICOM",
            facts=ScanFacts(axial_mm=0.00387, lateral_mm=0.0116, distance_mm=None if number == 1 else 0.12),
        )
        for number in range(1, count + 1)
    ]


@pytest.fixture
def summary() -> VolumeSummary:
    scans = [
        *volume("a.dcm", 25, "OD", "Maker One"),
        *volume("b.dcm", 49, "OS", "Maker One"),
        *volume("c.dcm", 5, "OS"),
        Scan(Path(), "plain.png", eye="OD"),
    ]
    image_set = ImageSet(Path(), scans, "none", formats={"DICOM": 3}, left_out={"fundus image": 2})
    found = summarize_volumes(image_set)
    assert found is not None
    return found


def test_volumes_are_counted_by_eye_device_and_spacing(summary: VolumeSummary) -> None:
    assert record_volumes(summary) == {
        "volumes": 3,
        "scans": 79,
        "fewest_scans": 5,
        "median_scans": 25,
        "most_scans": 49,
        "files": {"DICOM": 3},
        "left_out": {"fundus image": 2},
        "known_eyes": 2,
        "eyes": [{"eye": "OS", "volumes": 2}, {"eye": "OD", "volumes": 1}],
        "devices": [{"device": "Maker One", "volumes": 2}, {"device": None, "volumes": 1}],
        "spacings": [{"axial_mm": 0.0039, "lateral_mm": 0.0116, "distance_mm": 0.12, "volumes": 3}],
    }


def test_people_are_told_the_same_without_a_name(summary: VolumeSummary) -> None:
    text = " ".join(describe_volumes(summary))
    assert "3 volumes with 79 B-scans, 5 to 49 each (files: 3 DICOM)." in text
    assert "Volumes by eye: 2 of OS, 1 of OD; 2 known eyes." in text
    assert "Devices: Maker One, unknown." in text
    assert "0.0039 x 0.0116 x 0.12 mm" in text
    assert "secret" not in text


def test_nothing_is_told_of_plain_images_or_of_what_is_unknown() -> None:
    plain = ImageSet(Path(), [Scan(Path(), "a.png")], "none")
    assert summarize_volumes(plain) is None
    assert describe_volumes(None) == []
    assert record_volumes(None) is None
    bare = ImageSet(Path(), [Scan(Path(), "a.tif", number=1)], "none", formats={"TIFF": 1})
    assert describe_volumes(summarize_volumes(bare)) == ["1 volume with 1 B-scan, 1 each (files: 1 TIFF)."]
