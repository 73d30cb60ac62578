"""What the gateway accounts for: one event for each thing that happened to patients' data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple


class Code(NamedTuple):
    """A code of a terminology: its value, its scheme and its meaning."""

    value: str
    scheme: str
    meaning: str


class EventKind(Enum):
    """The events of PS3.15 A.5.3 that the gateway reports.

    Attributes:
        event_id: The code of the event.
        action: What was done: C, R, U, D or E.
        event_type: Which event of its kind it is, where the standard tells them apart.
    """

    STARTED = (Code("110100", "DCM", "Application Activity"), "E", Code("110120", "DCM", "Application Start"))
    STOPPED = (Code("110100", "DCM", "Application Activity"), "E", Code("110121", "DCM", "Application Stop"))
    RECEIVED = (Code("110104", "DCM", "DICOM Instances Transferred"), "C")
    SENT = (Code("110104", "DCM", "DICOM Instances Transferred"), "R")
    DELETED = (Code("110105", "DCM", "DICOM Study Deleted"), "D")
    LOOKED_UP = (Code("110110", "DCM", "Patient Record"), "R")
    ERASED = (Code("110110", "DCM", "Patient Record"), "D")
    PEER_REFUSED = (
        Code("110113", "DCM", "Security Alert"),
        "E",
        Code("110126", "DCM", "Node Authentication"),
    )

    SECURITY_CHANGED = (
        Code("110113", "DCM", "Security Alert"),
        "E",
        Code("110129", "DCM", "Security Configuration"),
    )

    def __init__(self, event_id: Code, action: str, event_type: Code | None = None) -> None:
        self.event_id = event_id
        self.action = action
        self.event_type = event_type


class Outcome(Enum):
    """How the event ended."""

    SUCCESS = "0"
    MINOR_FAILURE = "4"
    SERIOUS_FAILURE = "8"


class Role(Enum):
    """The part that somebody has in an event."""

    APPLICATION = Code("110150", "DCM", "Application")
    DESTINATION = Code("110152", "DCM", "Destination Role ID")
    SOURCE = Code("110153", "DCM", "Source Role ID")


@dataclass(frozen=True)
class Participant:
    """Somebody who takes part: a person or a program.

    Attributes:
        user_id: An AE title, or the name of a user of this machine.
        role: Its part; None: the standard asks for none.
        is_requestor: Whether it began what happened.
        address: Its network address or host name; None: unknown.
    """

    user_id: str
    role: Role | None = None
    is_requestor: bool = False
    address: str | None = None


@dataclass(frozen=True)
class Patient:
    """The patient of an event, as the standard lets an audit message name one.

    Attributes:
        patient_id: The Patient ID, or the pseudonym where nothing else is known.
        name: The name; empty: unknown.
    """

    patient_id: str
    name: str = ""


@dataclass(frozen=True)
class Study:
    """A study of an event.

    Attributes:
        uid: Its Study Instance UID.
        instances: The UIDs of its instances by the UID of their SOP class.
        is_anonymized: Whether what was transferred is a de-identified copy.
    """

    uid: str
    instances: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_anonymized: bool = False


@dataclass(frozen=True)
class AuditEvent:
    """One thing that happened, and who took part.

    Attributes:
        kind: What happened.
        participants: Who took part, at least one.
        studies: The studies it is about.
        patient: The patient it is about; None: no patient, or an unknown one.
        outcome: How it ended.
        description: Why it failed, for people; empty: nothing to say.
        objects: Files and other objects that it is about, by their names.
        time: When it happened.
    """

    kind: EventKind
    participants: tuple[Participant, ...]
    studies: tuple[Study, ...] = ()
    patient: Patient | None = None
    outcome: Outcome = Outcome.SUCCESS
    description: str = ""
    objects: tuple[str, ...] = ()
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
