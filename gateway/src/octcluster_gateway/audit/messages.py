"""Events as audit messages: the XML of PS3.15 A.5, which is RFC 3881 with the changes of DICOM."""

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from octcluster_gateway.audit.events import AuditEvent, Code, EventKind, Participant, Patient, Study

AUDIT_SOURCE_TYPE = "4"
"""Application Server process, by PS3.15 A.5.1.2.1."""

_STUDY_UID = Code("110180", "DCM", "Study Instance UID")
_PATIENT_NUMBER = Code("2", "RFC-3881", "Patient Number")
_URI = Code("12", "RFC-3881", "URI")
_SECURITY_ALERT_SUBJECT = Code("110182", "DCM", "Node ID")
# What XML 1.0 cannot hold, such as control characters in an AE title, becomes this sign.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = "�"
_LIFE_CYCLES = {
    EventKind.RECEIVED: "12",
    EventKind.SENT: "11",
    EventKind.DELETED: "15",
    EventKind.LOOKED_UP: "6",
    EventKind.ERASED: "15",
}


def write_message(event: AuditEvent, source_id: str) -> str:
    """The audit message of an event, in one line.

    Args:
        event: What happened.
        source_id: Which gateway tells of it.
    """
    message = Element("AuditMessage")
    _add_identification(message, event)
    for participant in event.participants:
        _add_participant(message, participant)
    source = SubElement(message, "AuditSourceIdentification", AuditSourceID=_clean(source_id))
    SubElement(source, "AuditSourceTypeCode", {"csd-code": AUDIT_SOURCE_TYPE})
    life_cycle = _LIFE_CYCLES.get(event.kind)
    for study in event.studies:
        _add_study(message, study, life_cycle)
    if event.patient is not None:
        _add_patient(message, event.patient, life_cycle)
    for name in event.objects:
        _add_object(message, name, event.kind)
    return tostring(message, encoding="unicode").replace("\r", "&#13;").replace("\n", "&#10;")


def _add_identification(message: Element, event: AuditEvent) -> None:
    identification = SubElement(
        message,
        "EventIdentification",
        EventActionCode=event.kind.action,
        EventDateTime=event.time.isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=event.outcome.value,
    )
    _add_code(identification, "EventID", event.kind.event_id)
    if event.kind.event_type is not None:
        _add_code(identification, "EventTypeCode", event.kind.event_type)
    if event.description:
        SubElement(identification, "EventOutcomeDescription").text = _clean(event.description)


def _add_participant(message: Element, participant: Participant) -> None:
    attributes = {
        "UserID": _clean(participant.user_id),
        "UserIsRequestor": str(participant.is_requestor).lower(),
    }
    if participant.address is not None:
        attributes["NetworkAccessPointID"] = _clean(participant.address)
        attributes["NetworkAccessPointTypeCode"] = "2" if _is_ip(participant.address) else "1"
    element = SubElement(message, "ActiveParticipant", attributes)
    if participant.role is not None:
        _add_code(element, "RoleIDCode", participant.role.value)


def _add_study(message: Element, study: Study, life_cycle: str | None) -> None:
    element = _add_participant_object(message, study.uid, "2", "3", life_cycle)
    _add_code(element, "ParticipantObjectIDTypeCode", _STUDY_UID)
    SubElement(element, "ParticipantObjectName").text = _clean(study.uid)
    description = SubElement(element, "ParticipantObjectDescription")
    for sop_class, uids in sorted(study.instances.items()):
        attributes = {"UID": _clean(sop_class), "NumberOfInstances": str(len(uids))}
        holder = SubElement(description, "SOPClass", attributes)
        for uid in uids:
            SubElement(holder, "Instance", UID=_clean(uid))
    if study.is_anonymized:
        SubElement(description, "Anonymized").text = "true"


def _add_patient(message: Element, patient: Patient, life_cycle: str | None) -> None:
    element = _add_participant_object(message, patient.patient_id, "1", "1", life_cycle)
    _add_code(element, "ParticipantObjectIDTypeCode", _PATIENT_NUMBER)
    SubElement(element, "ParticipantObjectName").text = _clean(patient.name)


def _add_object(message: Element, name: str, kind: EventKind) -> None:
    is_alert = kind is EventKind.PEER_REFUSED
    element = _add_participant_object(message, name, "2", None if is_alert else "13", None)
    _add_code(element, "ParticipantObjectIDTypeCode", _SECURITY_ALERT_SUBJECT if is_alert else _URI)
    SubElement(element, "ParticipantObjectName").text = _clean(name)


def _add_participant_object(
    message: Element, name: str, kind: str, role: str | None, life_cycle: str | None
) -> Element:
    attributes = {"ParticipantObjectID": _clean(name), "ParticipantObjectTypeCode": kind}
    if role is not None:
        attributes["ParticipantObjectTypeCodeRole"] = role
    if life_cycle is not None:
        attributes["ParticipantObjectDataLifeCycle"] = life_cycle
    return SubElement(message, "ParticipantObjectIdentification", attributes)


def _add_code(parent: Element, name: str, code: Code) -> None:
    attributes = {
        "csd-code": code.value,
        "codeSystemName": code.scheme,
        "displayName": code.meaning,
        "originalText": code.meaning,
    }
    SubElement(parent, name, attributes)


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub(_REPLACEMENT, text)


def _is_ip(address: str) -> bool:
    return ":" in address or re.fullmatch(r"[0-9.]+", address) is not None
