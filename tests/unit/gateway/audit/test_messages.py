"""Audit messages: valid by the standard's schema, and true."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest
from machine import REPOSITORY, need, xmllint
from octcluster_gateway.audit.events import (
    AuditEvent,
    EventKind,
    Outcome,
    Participant,
    Patient,
    Role,
    Study,
)
from octcluster_gateway.audit.messages import write_message

_SCHEMA = REPOSITORY / "tests/files/dicom/audit_message.rng"
_SENDER = Participant("OCT_ROOM_2", Role.SOURCE, is_requestor=True, address="192.0.2.7")
_GATEWAY = Participant("OCTCLUSTER", Role.DESTINATION, address="gateway.hospital.example")
_STUDY = Study("1.2.826.0.1.1", {"1.2.840.10008.5.1.4.1.1.77.1.5.4": ("1.2.826.0.1.2", "1.2.826.0.1.3")})


def make_event(kind: EventKind, **changes: object) -> AuditEvent:
    fields: dict[str, object] = {
        "participants": (_SENDER, _GATEWAY),
        "studies": (_STUDY,),
        "patient": Patient("P-0012", "Roe^Jane"),
        "time": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    }
    return AuditEvent(kind, **(fields | changes))  # type: ignore[arg-type]


def parse(event: AuditEvent) -> Element:
    return fromstring(write_message(event, "gateway-1"))


@pytest.mark.parametrize(
    "event",
    [
        *(make_event(kind) for kind in EventKind),
        make_event(EventKind.STARTED, studies=(), patient=None),
        make_event(EventKind.LOOKED_UP, studies=(), patient=None, objects=("2.25.17",)),
        make_event(
            EventKind.PEER_REFUSED, studies=(), patient=None, objects=("EVIL",), outcome=Outcome.MINOR_FAILURE
        ),
        make_event(
            EventKind.SENT, studies=(Study("1.2", is_anonymized=True),), description="it did not answer"
        ),
        make_event(EventKind.ERASED, patient=Patient("a\x00b\x1f<&\"'\u2028", "Ünal\ud800^\n\r\tÖ")),
    ],
    ids=lambda event: event.kind.name,
)
def test_message_is_valid_by_the_standards_schema(event: AuditEvent, tmp_path: Path) -> None:
    need(xmllint(), "xmllint", "apt-get install libxml2-utils")
    file = tmp_path / "message.xml"
    file.write_text(write_message(event, "gateway-1"), encoding="utf-8")
    command = ["xmllint", "--noout", "--relaxng", str(_SCHEMA), str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_schema_refuses_a_message_without_participants(tmp_path: Path) -> None:
    need(xmllint(), "xmllint", "apt-get install libxml2-utils")
    file = tmp_path / "message.xml"
    file.write_text(write_message(make_event(EventKind.STARTED, participants=()), "gateway-1"))
    command = ["xmllint", "--noout", "--relaxng", str(_SCHEMA), str(file)]
    assert subprocess.run(command, capture_output=True).returncode != 0


def test_message_says_who_sent_what_of_whom() -> None:
    message = parse(make_event(EventKind.RECEIVED))
    event = message.find("EventIdentification")
    assert event is not None
    assert event.attrib == {
        "EventActionCode": "C",
        "EventDateTime": "2026-02-03T04:05:06.000+00:00",
        "EventOutcomeIndicator": "0",
    }
    assert [element.get("csd-code") for element in event.iter("EventID")] == ["110104"]
    participants = {
        str(element.get("UserID")): (
            [role.get("csd-code") for role in element.iter("RoleIDCode")],
            element.get("NetworkAccessPointTypeCode"),
        )
        for element in message.iter("ActiveParticipant")
    }
    assert participants == {"OCT_ROOM_2": (["110153"], "2"), "OCTCLUSTER": (["110152"], "1")}
    objects = {
        str(element.get("ParticipantObjectID")): element
        for element in message.iter("ParticipantObjectIdentification")
    }
    assert set(objects) == {"1.2.826.0.1.1", "P-0012"}
    instances = [element.get("UID") for element in objects["1.2.826.0.1.1"].iter("Instance")]
    assert instances == ["1.2.826.0.1.2", "1.2.826.0.1.3"]
    assert objects["P-0012"].findtext("ParticipantObjectName") == "Roe^Jane"


def test_message_is_one_line_that_tells_failures() -> None:
    event = make_event(EventKind.SENT, outcome=Outcome.SERIOUS_FAILURE, description="first\nsecond")
    text = write_message(event, "gateway-1")
    assert "\n" not in text
    assert fromstring(text).findtext(".//EventOutcomeDescription") == "first\nsecond"
    assert 'EventOutcomeIndicator="8"' in text
