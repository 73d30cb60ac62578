"""What of a patient a de-identified copy still holds, wherever it stands: the last check before it leaves."""

import re
from collections.abc import Iterator

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from octcluster_gateway.deidentification.profile import Action, Profile

_SHORTEST_TEXT = 4
_SHORTEST_BYTES = 6
# Besides names of people and UIDs: what tells one patient, order, site or device from others.
_IDENTIFIERS = {
    "PatientID",
    "OtherPatientIDs",
    "PatientBirthDate",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "PatientTelecomInformation",
    "MilitaryRank",
    "MedicalRecordLocator",
    "AccessionNumber",
    "AdmissionID",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
    "DeviceSerialNumber",
    "FillerOrderNumberImagingServiceRequest",
    "PlacerOrderNumberImagingServiceRequest",
}


def find_leftovers(copy: Dataset, original: Dataset, profile: Profile) -> list[str]:
    """Where a copy still holds what the profile took away.

    Sought are names of people, UIDs, and what identifies patient, order, site and device. They are sought in
    each text and in each binary value, the pixels among them. Text of fewer than 4 characters is not sought,
    because it stands in too many words; in binary values 6.

    Args:
        copy: The de-identified copy.
        original: What it was made from.
        profile: How it was made.

    Returns:
        The attributes, for example ``Manufacturer``; never a value.
    """
    sought = sorted({text for element in _walk(original) for text in _find_identifiers(element, profile)})
    if not sought:
        return []
    longer = [re.escape(text) for text in sought]
    in_text = re.compile(rf"(?<![^\W_])(?:{'|'.join(longer)})(?![^\W_])", re.IGNORECASE)
    in_bytes = [text.encode() for text in sought if len(text) >= _SHORTEST_BYTES]
    found = {
        element.keyword or str(element.tag)
        for element in [*_walk(copy), *copy.file_meta]
        if _holds(element, in_text, in_bytes)
    }
    return sorted(found)


def _walk(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _walk(item)
        else:
            yield element


def _find_identifiers(element: DataElement, profile: Profile) -> Iterator[str]:
    if element.value is None or profile.find_action(element.tag) is Action.KEEP:
        return
    if element.VR == "PN":
        for name in _values_of(element):
            yield from (part for part in re.split(r"[\^= ]+", name) if len(part) >= _SHORTEST_TEXT)
    elif element.VR == "UI":
        yield from (uid for uid in _values_of(element) if uid and not uid.startswith("1.2.840.10008."))
    elif element.keyword in _IDENTIFIERS:
        yield from (text for text in _values_of(element) if len(text) >= _SHORTEST_TEXT)


def _values_of(element: DataElement) -> list[str]:
    values = element.value if element.VM > 1 else [element.value]
    return [str(value).strip() for value in values]


def _holds(element: DataElement, in_text: re.Pattern[str], in_bytes: list[bytes]) -> bool:
    if isinstance(element.value, bytes):
        return any(text in element.value for text in in_bytes)
    return element.value is not None and any(in_text.search(value) for value in _values_of(element))
