"""Whose an object is: the few elements of its header that are replaced by pseudonyms."""

from dataclasses import dataclass
from pathlib import Path

from octcluster_gateway.errors import Unprocessable
from octcluster_gateway.pseudonyms.patients import identify_patient
from octcluster_gateway.spool.reading import read_object

_KEYWORDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "IssuerOfPatientID",
    "PatientName",
    "PatientBirthDate",
)


@dataclass(frozen=True, slots=True)
class Header:
    """What a header tells; empty: nothing. All of it stays in the gateway.

    Attributes:
        sop_instance: UID of the object.
        study: UID of its study.
        series: UID of its series.
        patient_id: The patient's id.
        issuer: Who gave that id.
        patient_name: The patient's name.
        birth_date: The patient's day of birth.
    """

    sop_instance: str
    study: str
    series: str
    patient_id: str
    issuer: str
    patient_name: str
    birth_date: str

    @property
    def patient(self) -> str:
        """What tells the patient from others: the id with its issuer, if that is known."""
        return identify_patient(self.patient_id, self.issuer)


def read_header(path: Path) -> Header:
    """Reads whose an object is.

    Args:
        path: Its file.

    Raises:
        Unprocessable: It cannot be read. The message quotes nothing of it.
    """
    try:
        found = read_object(path, _KEYWORDS)
        texts = {keyword: str(found.get(keyword) or "").strip() for keyword in _KEYWORDS}
    except Unprocessable:
        raise
    except Exception:
        raise Unprocessable("its header cannot be read: have it exported once more") from None
    return Header(
        sop_instance=texts["SOPInstanceUID"],
        study=texts["StudyInstanceUID"],
        series=texts["SeriesInstanceUID"],
        patient_id=texts["PatientID"],
        issuer=texts["IssuerOfPatientID"],
        patient_name=texts["PatientName"],
        birth_date=texts["PatientBirthDate"],
    )
