"""The result of one eye as a DICOM structured report: TID 1500, Enhanced SR, for research use only.

The report refers to the object that it is about. It belongs to that object's patient and study: it names the
patient if it is made from the object as it came, and a pseudonym if it is made from a de-identified copy.
"""

import re
from importlib.metadata import version
from typing import NamedTuple

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    DeviceObserverIdentifyingAttributes,
    EnhancedSR,
    FindingSite,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset

from octcluster_gateway.model import EyeResult
from octcluster_gateway.pseudonyms.dates import shift_date
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.22"
"""Enhanced SR Storage."""

RESEARCH_USE = "For research use only. Not for diagnosis or treatment."
SERIES_DESCRIPTION = "octcluster, for research use only"

SCHEME = "99OCTCLUSTER"
"""The scheme of this software's own codes."""

_MANUFACTURER = "octcluster"
_MODEL = "octcluster-gateway"


class OwnCode(NamedTuple):
    """A code of this software: value and meaning, at most 64 characters."""

    value: str
    meaning: str


CLUSTER = OwnCode("cluster", "Cluster of a run without labels")
MARGIN = OwnCode("margin", "How sure the cluster is, from 0 to 1")
OUTLIER_SHARE = OwnCode("outlier-share", "Share of B-scans far from the mean of their cluster")
SCANS = OwnCode("scans", "Number of B-scans that were placed")
FAILED_SCANS = OwnCode("failed-scans", "Number of B-scans that were not placed")
OWN_CODES = (CLUSTER, MARGIN, OUTLIER_SHARE, SCANS, FAILED_SCANS)
"""All own codes besides those of the clusters: ``cluster-0``, ``cluster-1`` and so on."""

_TAKEN_OVER = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_COMMENT = CodedConcept("121106", "DCM", "Comment")
_DEVICE = CodedConcept("121007", "DCM", "Device")
_EYE = CodedConcept("81745001", "SCT", "Eye")
_LATERALITY = {
    "OD": CodedConcept("24028007", "SCT", "Right"),
    "OS": CodedConcept("7771000", "SCT", "Left"),
}
_PROCEDURE = CodedConcept("700070005", "SCT", "Optical coherence tomography of retina")
_NO_UNITS = CodedConcept("1", "UCUM", "no units")


def make_report(evidence: Dataset, result: EyeResult, pseudonyms: Pseudonyms) -> EnhancedSR:
    """The report of one eye. The same result gives the same UIDs, so that a copy sent twice is one object.

    Args:
        evidence: The object that the result is about, as it came or de-identified; its pixels are not needed.
        result: The result.
        pseudonyms: What makes the report's UIDs.
    """
    name = f"{evidence.SOPInstanceUID} {result.eye} {result.model_sha256}"
    report = EnhancedSR(
        evidence=[_fill(evidence)],
        content=_make_content(evidence, result, pseudonyms)[0],
        series_instance_uid=pseudonyms.uid(f"series of reports {evidence.StudyInstanceUID}"),
        series_number=1,
        sop_instance_uid=pseudonyms.uid(f"report {name}"),
        instance_number=1,
        manufacturer=_MANUFACTURER,
        is_complete=False,
        is_final=False,
        is_verified=False,
        manufacturer_model_name=_MODEL,
        software_versions=version("octcluster-gateway"),
        series_description=SERIES_DESCRIPTION,
    )
    # What says how a copy was de-identified holds for the report as well.
    for keyword in (
        "PatientIdentityRemoved",
        "DeidentificationMethod",
        "DeidentificationMethodCodeSequence",
        "LongitudinalTemporalInformationModified",
    ):
        if keyword in evidence:
            setattr(report, keyword, evidence[keyword].value)
    return report


def _fill(evidence: Dataset) -> Dataset:
    """The object with all that a report takes over, empty where it says nothing that is allowed."""
    filled = Dataset()
    filled.update({element.tag: element for element in evidence})
    for keyword in _TAKEN_OVER:
        if not _is_allowed(keyword, str(filled.get(keyword) or "")):
            setattr(filled, keyword, None)
    return filled


def _is_allowed(keyword: str, value: str) -> bool:
    """Whether a report may hold a value: some devices write a sex or a date that the standard has not."""
    if keyword == "PatientSex":
        return value in ("M", "F", "O")
    if keyword.endswith("Date"):
        return shift_date(value, 0) is not None
    if keyword.endswith("Time"):
        return re.fullmatch(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?", value) is not None
    return bool(value)


def _make_content(evidence: Dataset, result: EyeResult, pseudonyms: Pseudonyms) -> MeasurementReport:
    observer = DeviceObserverIdentifyingAttributes(
        uid=pseudonyms.uid("device octcluster-gateway"),
        name=_MODEL,
        manufacturer_name=_MANUFACTURER,
        model_name=_MODEL,
    )
    content = MeasurementReport(
        observation_context=ObservationContext(ObserverContext(_DEVICE, observer)),
        procedure_reported=_PROCEDURE,
        imaging_measurements=[_make_group(evidence, result, pseudonyms)],
    )
    content[0].ContentSequence.append(
        TextContentItem(_COMMENT, RESEARCH_USE, relationship_type=RelationshipTypeValues.CONTAINS)
    )
    return content


def _make_group(
    evidence: Dataset, result: EyeResult, pseudonyms: Pseudonyms
) -> MeasurementsAndQualitativeEvaluations:
    """TID 1501: what is said of the eye, with the object and the algorithm that it comes from."""
    laterality = _LATERALITY.get(result.eye or "")
    eye = result.eye or "unknown eye"
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=pseudonyms.uid(f"eye {evidence.SOPInstanceUID} {eye} {result.model_sha256}"), identifier=eye
        ),
        algorithm_id=AlgorithmIdentification(
            name=f"octcluster: {RESEARCH_USE}",
            version=", ".join(f"{name} {number}" for name, number in sorted(result.versions.items()))
            or "unknown",
            parameters=[f"run {result.run_id}", f"SHA-256 of the run's file {result.model_sha256}"],
        ),
        finding_sites=[FindingSite(_EYE, laterality=laterality)],
        measurements=_make_measurements(result),
        qualitative_evaluations=[QualitativeEvaluation(_concept(CLUSTER), _cluster_concept(result.cluster))],
        source_images=[
            SourceImageForMeasurementGroup(str(evidence.SOPClassUID), str(evidence.SOPInstanceUID))
        ],
    )


def _make_measurements(result: EyeResult) -> list[Measurement]:
    values = [
        (MARGIN, _shorten(result.margin)),
        (OUTLIER_SHARE, _shorten(result.outlier_share)),
        (SCANS, result.scans),
        (FAILED_SCANS, result.failed_scans),
    ]
    return [Measurement(_concept(code), value, _NO_UNITS) for code, value in values if value is not None]


def _shorten(value: float | None) -> float | None:
    """A number with six digits: a decimal string has room for 16 characters."""
    return None if value is None else float(f"{value:.6g}")


def _cluster_concept(cluster: int) -> CodedConcept:
    if cluster < 0:
        return CodedConcept("no-cluster", SCHEME, "In no cluster")
    return CodedConcept(f"cluster-{cluster}", SCHEME, f"Cluster {cluster}")


def _concept(code: OwnCode) -> CodedConcept:
    return CodedConcept(code.value, SCHEME, code.meaning)
