"""Which DICOM objects count as scans, and what the others are called."""

from pathlib import Path

import dicom_files
import pytest
from dicom_files import MODALITY, SECONDARY_CAPTURE, SOP_CLASS, Element, make_frames, write_opt
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom import DicomReader
from octcluster.images.readers.reader import SourceFile

STORAGE = "1.2.840.10008.5.1.4.1.1."
READER = DicomReader()


def look(folder: Path, sop_class: str, modality: str, **others: Element | None) -> SourceFile:
    changes: dict[int, Element | None] = {
        SOP_CLASS: ("UI", sop_class),
        MODALITY: ("CS", modality),
        **{int(tag, 16): element for tag, element in others.items()},
    }
    return READER.look(write_opt(folder / "object.dcm", make_frames(1), changes=changes))


@pytest.mark.parametrize(
    ("sop_class", "modality", "name"),
    [
        ("77.1.5.7", "OPTENF", "en face image"),
        ("77.1.5.8", "OPTBSV", "B-scan volume analysis"),
        ("77.1.5.1", "OP", "fundus image"),
        ("77.1.5.2", "OP", "fundus image"),
        ("77.1.5.5", "OP", "fundus image"),
        ("104.1", "DOC", "PDF document"),
        ("66", "OPT", "raw data"),
        ("88.22", "SR", "structured report"),
        ("88.59", "KO", "key object selection"),
        ("11.1", "PR", "presentation state"),
        ("7", "OT", "secondary capture"),
        ("7.4", "OP", "secondary capture"),
        ("4", "MR", "MR Image"),
    ],
)
def test_other_objects_are_left_out_by_name(tmp_path: Path, sop_class: str, modality: str, name: str) -> None:
    # The code of the device goes: an object that names an OCT device may be a capture of a B-scan.
    found = look(tmp_path, STORAGE + sop_class, modality, **{"00220015": None})
    assert (list(found.scans), dict(found.left_out)) == ([], {name: 1})


@pytest.mark.parametrize("sop_class", ["7", "7.2", "7.3", "77.1.5.1"])
def test_other_object_that_says_tomography_is_taken_with_a_warning(tmp_path: Path, sop_class: str) -> None:
    found = look(tmp_path, STORAGE + sop_class, "OPT")
    assert len(found.scans) == 1
    assert [warning for warning in found.warnings if "look at it" in warning]


def test_capture_by_a_tomography_device_is_taken(tmp_path: Path) -> None:
    assert len(look(tmp_path, SECONDARY_CAPTURE, "OT").scans) == 1


def test_photograph_by_a_tomography_device_is_none_of_the_scans(tmp_path: Path) -> None:
    assert dict(look(tmp_path, STORAGE + "77.1.5.1", "OP").left_out) == {"fundus image": 1}


def test_capture_that_says_nothing_is_left_out_with_a_word(tmp_path: Path) -> None:
    found = look(tmp_path, SECONDARY_CAPTURE, "OT", **{"00220015": None})
    assert [warning for warning in found.warnings if "if it is one, export it" in warning]


def test_index_of_a_medium_is_left_out(tmp_path: Path) -> None:
    changes: dict[int, Element | None] = {SOP_CLASS: ("UI", "1.2.840.10008.1.3.10")}
    path = write_opt(tmp_path / "DICOMDIR", make_frames(1), changes=changes)
    assert dict(READER.look(path).left_out) == {"DICOM index (DICOMDIR)": 1}


def test_unknown_class_is_not_quoted(tmp_path: Path) -> None:
    found = look(tmp_path, "1.2.826.0.1.19500101.4711", "OP")
    assert dict(found.left_out) == {"DICOM object of an unknown kind": 1}


def test_object_without_a_class_is_refused(tmp_path: Path) -> None:
    frames = make_frames(1)
    elements = {**dicom_files.describe_opt(1), **dicom_files.describe_pixels(frames, dicom_files.Stored())}
    elements = {tag: element for tag, element in elements.items() if tag not in (SOP_CLASS, MODALITY)}
    path = dicom_files.write_elements(tmp_path / "v.dcm", elements, preamble=False)
    with pytest.raises(UnreadableImage, match="does not say what kind of object it is"):
        READER.look(path)
