"""Where each fact of a frame comes from, and what is said where a file is not sure."""

from pathlib import Path
from typing import Any

import dicom_files
import pytest
from dicom_files import IMAGE_LATERALITY, LATERALITY, PER_FRAME, SHARED, Element, make_frames, write_opt
from octcluster.images.readers.dicom import DicomReader
from octcluster.images.readers.reader import ScanFacts, SourceFile

Changes = dict[int, Element | None]
FRAME_LATERALITY, ANATOMY, MEASURES = 0x00209072, 0x00209071, 0x00289110


def look(folder: Path, n_frames: int = 1, **changes: Element | None) -> SourceFile:
    by_tag = {int(tag.removeprefix("x"), 16): element for tag, element in changes.items()}
    return DicomReader().look(write_opt(folder / "v.dcm", make_frames(n_frames), changes=by_tag))


def first(folder: Path, changes: Changes, n_frames: int = 1) -> ScanFacts:
    path = write_opt(folder / "v.dcm", make_frames(n_frames), changes=changes)
    return DicomReader().look(path).scans[0]


def groups(shared: dict[int, Element], frame: dict[int, Element]) -> Changes:
    """Functional groups with these elements besides those that all have, less the frame's anatomy."""
    own = {**dicom_files.describe_frame(1), **frame}
    kept = {tag: element for tag, element in dicom_files.describe_shared().items() if tag != ANATOMY}
    return {SHARED: ("SQ", [{**kept, **shared}]), PER_FRAME: ("SQ", [own])}


def anatomy(laterality: str) -> dict[int, Element]:
    return {ANATOMY: ("SQ", [{FRAME_LATERALITY: ("CS", laterality)}])}


@pytest.mark.parametrize(
    ("image", "shared", "frame", "series", "eye"),
    [
        ("R", "", "", "", "OD"),
        ("L", "", "", "", "OS"),
        ("L", "R", "R", "R", "OS"),
        ("", "R", "", "", "OD"),
        ("", "", "L", "", "OS"),
        ("", "", "L", "R", "OS"),
        ("", "R", "L", "L", "OD"),
        ("", "", "", "L", "OS"),
        ("B", "", "L", "", "OS"),
        ("B", "B", "", "", None),
        ("", "B", "L", "", "OS"),
        ("U", "", "", "", None),
        ("", "", "", "", None),
    ],
)
def test_eye_comes_from_the_region_then_the_frame_then_the_series(
    tmp_path: Path, image: str, shared: str, frame: str, series: str, eye: str | None
) -> None:
    changes = groups(anatomy(shared) if shared else {}, anatomy(frame) if frame else {})
    changes[IMAGE_LATERALITY] = ("CS", image) if image else None
    changes[LATERALITY] = ("CS", series) if series else None
    path = write_opt(tmp_path / "v.dcm", make_frames(1), changes=changes)
    found = DicomReader().look(path)
    assert found.scans[0].eye == eye
    said = {word for word in (image, shared, frame, series) if word in ("R", "L")}
    assert any("names both eyes" in warning for warning in found.warnings) == (len(said) > 1)
    assert any("does not say clearly" in warning for warning in found.warnings) == (not said)


@pytest.mark.parametrize(
    ("shared", "frame", "expected"),
    [
        ("0.004\\0.012", "", (0.004, 0.012)),
        ("", "0.005\\0.013", (0.005, 0.013)),
        ("0.004\\0.012", "0.005\\0.013", (0.004, 0.012)),
        ("", "", (None, None)),
        ("0\\0", "", (None, None)),
        ("0.004", "", (None, None)),
    ],
)
def test_spacing_comes_from_the_shared_groups_then_the_frame_s(
    tmp_path: Path, shared: str, frame: str, expected: tuple[Any, Any]
) -> None:
    def measures(spacing: str) -> dict[int, Element]:
        return {MEASURES: ("SQ", [{0x00280030: ("DS", spacing)}] if spacing else [])}

    changes = groups(measures(shared), measures(frame) if frame else {})
    changes[0x00280030] = ("DS", "9\\9")  # at the top it is of something else
    found = first(tmp_path, changes)
    assert (found.axial_mm, found.lateral_mm) == expected


@pytest.mark.parametrize(
    ("acquired", "day", "study", "content", "expected"),
    [
        ("20240131101500", "20230101", "20230102", "20230103", "2024-01-31"),
        (None, "20230101", "20230102", "20230103", "2023-01-01"),
        (None, None, "20230102", "20230103", "2023-01-02"),
        (None, None, None, "20230103", "2023-01-03"),
        (None, None, None, "2023.01.03", "2023-01-03"),
        (None, None, None, "19000101", None),
        ("00010101", None, None, "20230103", "2023-01-03"),
        (None, None, None, "20231332", None),
        (None, None, None, None, None),
    ],
)
def test_visit_is_the_day_of_acquisition_or_the_next_best(
    tmp_path: Path,
    acquired: str | None,
    day: str | None,
    study: str | None,
    content: str | None,
    expected: str | None,
) -> None:
    dates = {0x0008002A: acquired, 0x00080022: day, 0x00080023: content, 0x00080020: study}
    changes: Changes = {tag: ("DA", date) if date else None for tag, date in dates.items()}
    assert first(tmp_path, changes).visit == expected


@pytest.mark.parametrize(
    ("maker", "model", "expected"),
    [
        ("Heidelberg Engineering", "Spectralis", "Heidelberg Engineering Spectralis"),
        ("ZEISS", "Zeiss Cirrus 6000", "Zeiss Cirrus 6000"),
        ("Topcon", "", "Topcon"),
        ("", "Triton", "Triton"),
        ("", "", None),
        ("Line\nbreak", "\x1b[31mred", "Line break [31mred"),
    ],
)
def test_device_is_maker_and_model(tmp_path: Path, maker: str, model: str, expected: str | None) -> None:
    assert first(tmp_path, {0x00080070: ("LO", maker), 0x00081090: ("LO", model)}).device == expected


def test_fact_that_breaks_its_own_kind_costs_that_fact_only(tmp_path: Path) -> None:
    measures: dict[int, Element] = {
        MEASURES: ("SQ", [{0x00280030: ("DS", "wide\\high"), 0x00180088: ("DS", "far")}])
    }
    changes = {**groups(measures, {}), 0x00200013: ("IS", "first"), 0x0008002A: ("DT", "noon")}
    found = first(tmp_path, changes)
    assert (found.patient, found.eye, found.visit) == ("P-0012", "OD", "2024-01-31")
    assert (found.position, found.axial_mm, found.lateral_mm, found.distance_mm) == (0, None, None, None)


def test_patient_in_the_letters_of_another_language(tmp_path: Path) -> None:
    changes: Changes = {0x00080005: ("CS", "ISO_IR 192"), 0x00100020: ("LO", "Müller-ß7".encode())}
    assert first(tmp_path, changes).patient == "Müller-ß7"


def test_positions_are_those_in_the_stack(tmp_path: Path) -> None:
    found = look(tmp_path, 3, x52009230=("SQ", [dicom_files.describe_frame(number) for number in (3, 1, 2)]))
    assert [scan.position for scan in found.scans] == [2, 0, 1]


@pytest.mark.parametrize("numbers", [(1, 1, 2), (1, 2)])
def test_positions_are_those_of_the_file_where_the_stack_s_contradict(
    tmp_path: Path, numbers: tuple[int, ...]
) -> None:
    found = look(tmp_path, 3, x52009230=("SQ", [dicom_files.describe_frame(number) for number in numbers]))
    assert [scan.position for scan in found.scans] == [0, 1, 2]


def test_stacks_of_a_file_are_volumes_of_their_own(tmp_path: Path) -> None:
    frames = [dicom_files.describe_frame(number) for number in (1, 2)]
    content = dict(frames[1][0x00209111][1][0])
    frames[1][0x00209111] = ("SQ", [{**content, 0x00209056: ("SH", "2"), 0x00209057: ("UL", [1])}])
    one, two = look(tmp_path, 2, x52009230=("SQ", frames)).scans
    assert one.volume != two.volume
    assert (one.position, two.position) == (0, 0)


def test_files_of_one_frame_are_a_volume_by_their_series(tmp_path: Path) -> None:
    scans = [
        first(tmp_path, {0x00080018: ("UI", f"1.2.3.{number}"), 0x00200013: ("IS", number)})
        for number in (1, 2, 3)
    ]
    other = first(tmp_path, {0x0020000E: ("UI", "1.2.3.99")})
    left = first(tmp_path, {IMAGE_LATERALITY: ("CS", "L"), SHARED: None})
    assert len({scan.volume for scan in scans}) == 1
    assert len({scans[0].volume, other.volume, left.volume}) == 3
    assert [scan.position for scan in scans] == [0, 1, 2]


def test_files_of_several_frames_are_volumes_of_their_own(tmp_path: Path) -> None:
    # also where a careless program gave both the same identifiers
    one, two = (first(tmp_path, {0x00200011: ("IS", number)}, n_frames=2) for number in (1, 2))
    copy = first(tmp_path / "copy", {0x00200011: ("IS", 2)}, n_frames=2)
    assert one.volume != two.volume == copy.volume


def test_patients_of_one_series_are_volumes_of_their_own(tmp_path: Path) -> None:
    one, two = (first(tmp_path, {0x00100020: ("LO", patient)}) for patient in ("P1", "P2"))
    assert one.volume != two.volume


def test_files_of_a_concatenation_are_one_volume(tmp_path: Path) -> None:
    scans: list[ScanFacts] = []
    for number in (1, 2):
        changes: Changes = {
            0x00080018: ("UI", f"1.2.3.{number}"),
            0x00209161: ("UI", "1.2.3.77"),
            0x00209228: ("UL", [2 * (number - 1)]),
            PER_FRAME: None,
        }
        scans += DicomReader().look(write_opt(tmp_path / "v.dcm", make_frames(2), changes=changes)).scans
    assert len({scan.volume for scan in scans}) == 1
    assert [scan.position for scan in scans] == [0, 1, 2, 3]


def test_distance_comes_from_where_frames_lie(tmp_path: Path) -> None:
    frames = [dicom_files.describe_frame(number) for number in (1, 3)]
    near, far = look(tmp_path, 2, x52009230=("SQ", frames)).scans
    assert (near.distance_mm, far.distance_mm) == (0.123, 0.246)


def test_burned_in_text_is_warned_of(tmp_path: Path) -> None:
    found = look(tmp_path, x00280301=("CS", "YES"))
    assert any("burned into its pixels" in warning for warning in found.warnings)


def test_bare_object_tells_nothing_and_is_read(tmp_path: Path) -> None:
    elements = {
        dicom_files.SOP_CLASS: ("UI", dicom_files.OPT),
        **dicom_files.describe_pixels(make_frames(2), dicom_files.Stored()),
    }
    path = dicom_files.write_elements(tmp_path / "v.dcm", elements)
    found = DicomReader().look(path).scans
    assert list(found) == [
        ScanFacts(volume=found[0].volume, position=position, height=32, width=48) for position in (0, 1)
    ]
