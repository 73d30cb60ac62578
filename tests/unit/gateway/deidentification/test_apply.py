"""De-identified copies: of every attribute of the table, at every depth, and of whole objects."""

import copy
import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
from dicom_files import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_2000_LOSSLESS,
    Stored,
    encode_jpeg_2000,
    make_frames,
    write_opt,
)
from dicom_values import read_values
from identifying import CANARIES, CODE, UID_ROOT, encode, make_dataset, make_element, make_row_element
from machine import dciodvfy, need
from octcluster.images.readers.dicom import DicomReader
from octcluster_gateway.deidentification.apply import Deidentifier
from octcluster_gateway.deidentification.profile import Action, Option, Profile
from octcluster_gateway.deidentification.table import read_table
from octcluster_gateway.errors import CannotDeidentify, IdentityLeftBehind
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

_PSEUDONYMS = Pseudonyms(b"s" * 32)
_PLAIN = Deidentifier(_PSEUDONYMS)
_SHIFTING = Deidentifier(_PSEUDONYMS, Profile(frozenset({Option.SHIFTED_DATES})))
_ADDED = {
    "PatientID",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
}
_IN_DATASET = [row for row in read_table() if row.tag >= "(0008"]


def nest(element: DataElement) -> DataElement:
    """The element in an item of an item of functional groups, which the table does not name."""
    measures = Dataset()
    measures.add(element)
    groups = Dataset()
    groups.PixelMeasuresSequence = [measures]
    return DataElement(0x52009229, "SQ", Sequence([groups]))


def find_texts(dataset: Dataset) -> str:
    return encode(dataset).decode("latin-1")


def test_nothing_is_left_of_any_attribute_of_the_table() -> None:
    for row in _IN_DATASET:
        element = make_row_element(row)
        made = _PLAIN.copy(make_dataset(element, nest(copy.deepcopy(element))), "P-0012")
        text = find_texts(made)
        assert [canary for canary in CANARIES if canary in text] == [], row
        # The profile keeps what codes mean, unless the sequence itself goes.
        assert (CODE in text) == (row.basic == "X/Z/U*"), row
        inner = made[0x52009229].value[0].PixelMeasuresSequence[0]
        for holder in (inner,) if element.tag == 0x00100020 else (made, inner):
            check_action(holder, element)


def check_action(holder: Dataset, element: DataElement) -> None:
    action = Profile().find_action(element.tag)
    if action is Action.REMOVE:
        assert element.tag not in holder
    elif action is Action.EMPTY:
        assert holder[element.tag].is_empty
    else:
        assert not holder[element.tag].is_empty
        assert holder[element.tag].value != element.value


def test_nothing_is_left_of_all_attributes_together() -> None:
    dataset = make_dataset(*(make_row_element(row) for row in _IN_DATASET))
    before = find_texts(dataset)
    assert all(canary in before for canary in CANARIES)
    text = find_texts(_PLAIN.copy(dataset, "P-0012"))
    assert [canary for canary in CANARIES if canary in text] == []
    assert find_texts(dataset) == before


@pytest.mark.parametrize("vr", ["UN", "LO", "OB", "SQ", "PN", "UI", "DS"])
def test_private_attributes_are_gone_at_every_depth(vr: str) -> None:
    dataset = make_dataset(
        make_element(0x00091001, vr), make_element(0x00090010, "LO"), nest(make_element(0x00091001, vr))
    )
    made = _PLAIN.copy(dataset, "P-0012")
    assert not any(element.tag.is_private for element in made.iterall())


def test_attributes_that_nobody_knows_are_gone() -> None:
    made = _PLAIN.copy(
        make_dataset(make_element(0x00187777, "LO"), nest(make_element(0x00187777, "LO"))), "P"
    )
    assert "CANARY" not in find_texts(made)


def test_copy_says_how_it_was_made() -> None:
    made = _SHIFTING.copy(make_dataset(make_element(0x00100020, "LO")), "P-0012")
    assert {element.keyword for element in made} == _ADDED
    assert made.PatientID == _PSEUDONYMS.patient("P-0012")
    assert made.PatientIdentityRemoved == "YES"
    assert made.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [
        (code.CodeValue, code.CodingSchemeDesignator) for code in made.DeidentificationMethodCodeSequence
    ]
    assert codes == [("113100", "DCM"), ("113107", "DCM")]
    assert _PLAIN.copy(make_dataset(), "P").LongitudinalTemporalInformationModified == "REMOVED"


def test_uids_are_replaced_alike_and_those_of_the_standard_stay() -> None:
    dataset = make_dataset(make_element(0x00080018, "UI"), make_element(0x00081140, "SQ"))
    dataset.SOPInstanceUID = f"{UID_ROOT}.2"
    made = _PLAIN.copy(dataset, "P-0012")
    reference = made.ReferencedImageSequence[0]
    assert made.SOPInstanceUID == reference.ReferencedSOPInstanceUID == _PSEUDONYMS.uid(f"{UID_ROOT}.2")
    assert reference.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.77.1.5.4"


def test_several_uids_in_one_attribute_are_replaced_each() -> None:
    dataset = make_dataset()
    dataset.IrradiationEventUID = [f"{UID_ROOT}.1", f"{UID_ROOT}.2"]
    made = _PLAIN.copy(dataset, "P-0012")
    assert list(made.IrradiationEventUID) == [_PSEUDONYMS.uid(f"{UID_ROOT}.{number}") for number in (1, 2)]


def test_dates_are_shifted_and_times_of_day_are_gone() -> None:
    dataset = make_dataset()
    dataset.StudyDate = "20240131"
    dataset.StudyTime = "101112"
    dataset.AcquisitionDateTime = "20240202101112.5+0100"
    dataset.PatientBirthDate = "19500505"
    dataset.ContentDate = "202X"
    dataset.DateOfLastCalibration = ["20240101", "20240103"]
    made = _SHIFTING.copy(dataset, "P-0012")
    assert _PSEUDONYMS.shift_days("P-0012") == -3495
    assert (made.StudyDate, made.AcquisitionDateTime) == ("20140707", "20140709")
    assert list(made.DateOfLastCalibration) == ["20140607", "20140609"]
    assert made["StudyTime"].is_empty
    assert made["PatientBirthDate"].is_empty
    assert made.ContentDate == "19000101"
    assert made != _SHIFTING.copy(dataset, "P-0013")


def test_value_that_cannot_be_read_stops_the_copy() -> None:
    dataset = make_dataset()
    dataset.Rows = 496
    whole = encode(dataset)
    broken = whole.replace(b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x10\x00US\x03\x00\x00")
    assert broken != whole
    with pytest.raises(CannotDeidentify, match=r"\(0028,0010\) cannot be read"):
        _PLAIN.copy(dcmread(io.BytesIO(broken)), "P-0012")


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED, JPEG_2000_LOSSLESS])
def test_copy_of_a_volume_is_valid_and_shows_the_same_scans(tmp_path: Path, syntax: str) -> None:
    need(dciodvfy(), "dciodvfy", "apt-get install dicom3tools")
    frames = make_frames(3).astype(np.uint8)
    codestreams = [encode_jpeg_2000(frame) for frame in frames] if syntax == JPEG_2000_LOSSLESS else ()
    names = {
        0x00100010: ("PN", "Roe^Jane^Mary"),
        0x00101010: ("AS", "047Y"),
        0x00080080: ("LO", "Mercy Clinic"),
    }
    original = write_opt(tmp_path / "original.dcm", frames, Stored(syntax, codestreams=codestreams), names)
    known = find_errors(original)
    for deidentifier in (_PLAIN, _SHIFTING):
        made = tmp_path / "copy.dcm"
        deidentifier.copy(dcmread(original), "P-0012").save_as(made, enforce_file_format=True)
        assert find_errors(made) == known
        np.testing.assert_array_equal(read_values(made), read_values(original))
        scan = DicomReader().look(made).scans[0]
        assert (scan.patient, scan.eye) == (_PSEUDONYMS.patient("P-0012"), "OD")
        assert dcmread(made).file_meta.TransferSyntaxUID == syntax
        for text in (b"Jane", b"P-0012", b"Mercy", b"047Y", b"20240131", b"1.2.826.0.1.3680043.10.511.12."):
            assert syntax == DEFLATED or text not in made.read_bytes()


def find_errors(path: Path) -> list[str]:
    """What dciodvfy finds; of a deflated object nothing, because it cannot read one."""
    if dcmread(path).file_meta.TransferSyntaxUID == DEFLATED:
        return []
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True)
    return sorted(line for line in done.stderr.splitlines() if line.startswith("Error"))


def test_header_of_the_file_names_no_sender(tmp_path: Path) -> None:
    original = dcmread(write_opt(tmp_path / "original.dcm", make_frames(1).astype(np.uint8)))
    original.file_meta.SourceApplicationEntityTitle = "OCT_ROOM_2"
    original.file_meta.PrivateInformationCreatorUID = UID(f"{UID_ROOT}.1")
    original.file_meta.PrivateInformation = b"Roe^Jane"
    original.preamble = b"Roe^Jane".ljust(128, b"\0")
    original.PatientName = "Roe^Jane"
    content = encode(_PLAIN.copy(original, "P-0012"))
    assert b"OCT_ROOM_2" not in content
    assert b"Jane" not in content
    assert dcmread_meta(content) == _PSEUDONYMS.uid("1.2.826.0.1.3680043.10.511.12.4")


def dcmread_meta(content: bytes) -> str:
    return str(dcmread(io.BytesIO(content)).file_meta.MediaStorageSOPInstanceUID)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Manufacturer", "made for Röe, Jane-Mary"),
        ("ManufacturerModelName", "sn 0815-4711 OCT"),
        ("ImageType", ["ORIGINAL", "PRIMARY", "P-0012"]),
        ("SoftwareVersions", ["1.0", f"{UID_ROOT}.1"]),
        ("PixelData", b"\xff\xd8\xff\xfe\x00\x20 P-0012 in a comment of a JPEG"),
        ("ContentLabel", "MERCY CLINIC"),
        ("EncapsulatedPixelDataValueTotalLength", 0),
    ],
)
def test_identity_that_is_left_stops_the_copy(keyword: str, value: object) -> None:
    dataset = make_dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Röe^Jane"
    dataset.PatientID = "P-0012"
    dataset.DeviceSerialNumber = "0815-4711"
    dataset.StudyInstanceUID = f"{UID_ROOT}.1"
    dataset.InstitutionName = "Mercy Clinic"
    _PLAIN.copy(dataset, "P-0012")
    setattr(dataset, keyword, value)
    if keyword == "PixelData":
        dataset["PixelData"].VR = "OB"
    if value == 0:
        _PLAIN.copy(dataset, "P-0012")
        return
    with pytest.raises(IdentityLeftBehind, match=rf"\b{keyword}\b") as failure:
        _PLAIN.copy(dataset, "P-0012")
    assert not {"Röe", "Jane", "P-0012", "4711", "Mercy"} & set(str(failure.value).replace(",", " ").split())


def test_parts_of_words_are_no_names() -> None:
    dataset = make_dataset()
    dataset.PatientName = "Lang^Hill"
    dataset.Manufacturer = "Language Hillside"
    assert _PLAIN.copy(dataset, "P-0012").Manufacturer == "Language Hillside"


@pytest.mark.parametrize(
    ("keyword", "value", "reason"),
    [
        ("BurnedInAnnotation", "YES", "Burned In Annotation"),
        ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.7", "Secondary Capture"),
        ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.104.1", "Encapsulated PDF"),
        ("ManufacturerModelName", "Old Scope", "the site lists its device"),
        ("OverlayBitPosition", 8, "overlay"),
    ],
)
def test_pixels_that_may_show_a_name_stop_the_copy(keyword: str, value: object, reason: str) -> None:
    dataset = make_dataset()
    deidentifier = Deidentifier(_PSEUDONYMS, risky_models=frozenset({"Old Scope"}))
    deidentifier.copy(dataset, "P-0012")
    if keyword == "OverlayBitPosition":
        dataset.add_new(0x60020102, "US", value)
    else:
        setattr(dataset, keyword, value)
    with pytest.raises(CannotDeidentify, match=reason):
        deidentifier.copy(dataset, "P-0012")
