"""DICOM elements whose values can be recognised wherever they turn up."""

import io
from pathlib import Path
from typing import Any

from dicom_files import make_frames, write_opt
from octcluster_gateway.deidentification.table import Row, read_table
from pydicom import dcmread
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

UID_ROOT = "1.3.6.1.4.1.99999.7"
_VOLUME_ROOT = "1.2.826.0.1.3680043.10.511.16"
_VALUES: dict[str, Any] = {
    **dict.fromkeys(("AE", "CS", "SH"), "CANARY_TEXT"),
    **dict.fromkeys(("LO", "LT", "ST", "UC", "UT"), "CANARY_TEXT of a patient"),
    "PN": "CANARY_TEXT^Jane",
    "UR": "http://CANARY_TEXT.example",
    "AS": "047Y",
    "DA": "19870605",
    "DT": "19870605040302",
    "TM": "040302",
    "DS": "47.25",
    "IS": "4725",
    **dict.fromkeys(("FL", "FD"), 47.25),
    **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV"), 4725),
    "AT": 0x47254725,
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), b"CANARY_TEXT bytes     ."),
    "UI": f"{UID_ROOT}.1",
}
CODE = "CANARY-CODE"
CANARIES = ("CANARY_TEXT", "Jane", "19870605", "040302", UID_ROOT)
"""What must not be found where identities must not be."""


def make_element(tag: int, vr: str) -> DataElement:
    """An element with a value that is recognised; of a sequence with a name, a date and a UID in its item."""
    vr = vr[:2]
    if vr != "SQ":
        return DataElement(tag, vr, _VALUES[vr])
    item = Dataset()
    item.PersonName = _VALUES["PN"]
    item.CodeMeaning = CODE
    item.Date = _VALUES["DA"]
    item.ReferencedSOPInstanceUID = f"{UID_ROOT}.2"
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
    item.add_new(0x00111001, "LO", _VALUES["LO"])
    return DataElement(tag, "SQ", Sequence([item]))


def tag_of(row: Row) -> int:
    """The tag of a row of the standard's table; of a row for several tags one of them."""
    several = {"(50XX,XXXX)": 0x50022500, "(60XX,3000)": 0x60023000, "(60XX,4000)": 0x60024000}
    if "GGGG" in row.tag:
        return 0x00111001
    return several.get(row.tag) or int(row.tag[1:5] + row.tag[6:10], 16)


def make_row_element(row: Row) -> DataElement:
    """An element of a row of the table."""
    tag = tag_of(row)
    return make_element(tag, dictionary_VR(tag) if dictionary_has_tag(tag) else "LO")


def make_dataset(*elements: DataElement) -> Dataset:
    """A data set of an Ophthalmic Tomography object, with little besides these elements."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.77.1.5.4")
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"{UID_ROOT}.3")
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for element in elements:
        dataset.add(element)
    return dataset


def encode(dataset: Dataset) -> bytes:
    """The bytes of a file with this data set."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write_identified(path: Path, eye: str) -> Path:
    """A volume that names the patient in every attribute of the standard's table, and in private ones."""
    uid = f"{_VOLUME_ROOT}.{'1' if eye == 'R' else '2'}"
    changes = {0x00080018: ("UI", uid), 0x0020000D: ("UI", f"{_VOLUME_ROOT}.9"), 0x00200062: ("CS", eye)}
    dataset = dcmread(write_opt(path, make_frames(2, 64, 64).astype("uint8"), changes=changes))
    for row in read_table():
        element = make_row_element(row)
        is_value = element.tag.group >= 0x0010 and element.VR not in ("SQ", "UI", "OB", "UN")
        if is_value and element.tag.group not in (0x0028, 0x5200, 0x5002, 0x6002, 0x0042):
            dataset.add(element)
    for tag, vr in ((0x00110010, "LO"), (0x00111001, "UN"), (0x00111002, "PN"), (0x00111003, "OB")):
        dataset.add(make_element(tag, vr))
    dataset.PatientName = "CANARY_TEXT Jane"  # without a caret: some libraries warn, and quote it
    dataset.save_as(path)
    return path
