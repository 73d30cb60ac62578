"""The events of the gateway: what is told of each."""

from collections.abc import Mapping, Sequence

from octcluster_gateway.audit.events import (
    AuditEvent,
    EventKind,
    Outcome,
    Participant,
    Patient,
    Role,
    Study,
)


def account_start(ae_title: str) -> AuditEvent:
    """The gateway starts to serve."""
    return AuditEvent(EventKind.STARTED, (Participant(ae_title, Role.APPLICATION),))


def account_stop(ae_title: str) -> AuditEvent:
    """The gateway has stopped serving."""
    return AuditEvent(EventKind.STOPPED, (Participant(ae_title, Role.APPLICATION),))


def account_receipt(sender: str, ae_title: str, study: Study, patient: Patient) -> AuditEvent:
    """Objects of a study came from a peer."""
    participants = (
        Participant(sender or "unknown", Role.SOURCE, is_requestor=True),
        Participant(ae_title, Role.DESTINATION),
    )
    return AuditEvent(EventKind.RECEIVED, participants, (study,), patient)


def account_report(ae_title: str, destination: str, study: Study, patient: Patient) -> AuditEvent:
    """A structured report was sent to a PACS."""
    participants = (
        Participant(ae_title, Role.SOURCE, is_requestor=True),
        Participant(destination, Role.DESTINATION),
    )
    return AuditEvent(EventKind.SENT, participants, (study,), patient)


def account_copy(ae_title: str, destination: str, study: Study, patient: Patient) -> AuditEvent:
    """A de-identified copy was written into a folder, or sent to an archive."""
    return account_report(ae_title, destination, study, patient)


def account_refusal(ae_title: str, calling: str, address: str, reason: str) -> AuditEvent:
    """A peer was refused, because it is none of those that may connect."""
    participants = (
        Participant(ae_title, Role.APPLICATION),
        Participant(calling or "unknown", is_requestor=True, address=address),
    )
    return AuditEvent(
        EventKind.PEER_REFUSED,
        participants,
        outcome=Outcome.MINOR_FAILURE,
        description=reason,
        objects=(calling or address,),
    )


def account_change(user: Participant, what: str, name: str) -> AuditEvent:
    """Somebody began a new audit log, or sealed the map of identities with another key.

    Args:
        user: Who did it.
        what: What was done, for people.
        name: The file that it was done to.
    """
    return AuditEvent(EventKind.SECURITY_CHANGED, (user,), description=what, objects=(name,))


def account_lookup(user: Participant, pseudonym: str, identity: Mapping[str, str]) -> AuditEvent:
    """Somebody asked who is behind a pseudonym.

    Args:
        user: Who asked.
        pseudonym: The pseudonym.
        identity: What the map says, by DICOM keyword; empty: the pseudonym is not in the map.
    """
    study = identity.get("StudyInstanceUID")
    patient_id = identity.get("PatientID")
    return AuditEvent(
        EventKind.LOOKED_UP,
        (user,),
        studies=() if study is None else (Study(study),),
        patient=None if patient_id is None else Patient(patient_id, identity.get("PatientName", "")),
        outcome=Outcome.SUCCESS if identity else Outcome.MINOR_FAILURE,
        description="" if identity else "the pseudonym is not in the map",
        objects=(pseudonym,),
    )


def account_removal(ae_title: str, study: Study, patient: Patient | None) -> AuditEvent:
    """The gateway removed files of a study that were processed, as its rule of retention says."""
    participant = Participant(ae_title, Role.APPLICATION, is_requestor=True)
    return AuditEvent(EventKind.DELETED, (participant,), (study,), patient)


def account_erasure(user: Participant, patient: Patient, studies: Sequence[Study]) -> list[AuditEvent]:
    """Somebody had all of a patient removed."""
    events = [AuditEvent(EventKind.DELETED, (user,), (study,), patient) for study in studies]
    return [*events, AuditEvent(EventKind.ERASED, (user,), patient=patient)]
