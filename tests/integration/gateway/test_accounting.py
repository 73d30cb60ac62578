"""What the gateway accounts for while it serves, and what its log and its results must not hold."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest
from dicom_files import make_frames, write_opt
from dicom_senders import storescu
from gateways import Gateway
from octcluster_gateway.audit.chain import verify
from octcluster_gateway.cli.main import run_command
from waiting import wait_until

pytestmark = pytest.mark.heavy
_UID = "1.2.826.0.1.3680043.10.511.14"
_OBJECT = "ParticipantObjectIdentification"


def read_messages(gateway: Gateway) -> list[Element]:
    path = gateway.spool / "audit.jsonl"
    verify(path)
    return [fromstring(json.loads(line)["message"]) for line in path.read_text().splitlines()]


def list_codes(messages: list[Element]) -> list[str]:
    """The type of each event, or its code where it has no type."""
    found = []
    for message in messages:
        event = next(message.iter("EventIdentification"))
        found.append([str(code.get("csd-code")) for code in event if code.get("csd-code")][-1])
    return found


def list_values(message: Element, element: str, attribute: str) -> set[str]:
    return {str(found.get(attribute)) for found in message.iter(element)}


def test_who_sent_what_of_whom_is_in_the_audit_log_alone(
    start_gateway: Callable[..., Gateway], pixel_run: Path, pixel_services: list[str], tmp_path: Path
) -> None:
    gateway = start_gateway(pixel_run, pixel_services, "--peers", "DEVICE@127.0.0.1")
    files = [
        write_opt(
            tmp_path / f"sent/volume-{number}.dcm",
            make_frames(2, 64, 64).astype("uint8"),
            changes={
                0x00080018: ("UI", f"{_UID}.{number}"),
                0x0020000D: ("UI", f"{_UID}.9"),
                0x00100010: ("PN", "Canary^Jane"),
                0x00100020: ("LO", "CANARY-ID"),
            },
        )
        for number in (1, 2)
    ]
    storescu(gateway.port, files)
    stranger = storescu(gateway.port, files[:1], calling="STRANGER")
    assert stranger.returncode != 0
    gateway.wait_until_processed()
    assert len(gateway.results()) == 2
    wait_until(lambda: not list((gateway.spool / "objects").iterdir()), 60)
    gateway.stop()
    messages = read_messages(gateway)
    codes = list_codes(messages)
    assert (codes[0], codes[-1]) == ("110120", "110121")
    assert codes.count("110126") == 1
    removed = [message for message, code in zip(messages, codes, strict=True) if code == "110105"]
    gone = [uid for message in removed for uid in list_values(message, "Instance", "UID")]
    assert sorted(gone) == [f"{_UID}.1", f"{_UID}.2"]
    assert all("CANARY-ID" in str(list_values(one, _OBJECT, "ParticipantObjectID")) for one in removed)
    received = [message for message, code in zip(messages, codes, strict=True) if code == "110104"]
    instances = [uid for message in received for uid in list_values(message, "Instance", "UID")]
    assert sorted(instances) == [f"{_UID}.1", f"{_UID}.2"]
    for message in received:
        assert list_values(message, "ActiveParticipant", "UserID") == {"DEVICE", "OCTCLUSTER"}
        named = list_values(message, _OBJECT, "ParticipantObjectID")
        assert named == {f"{_UID}.9", "CANARY-ID"}
    for text in ("Canary", "CANARY-ID", _UID):
        assert text not in gateway.log
        assert text not in gateway.results_file.read_text()
        assert text.encode() not in (gateway.spool / "identities.sqlite").read_bytes()


def test_result_leads_back_to_the_patient_with_the_key_alone(
    start_gateway: Callable[..., Gateway],
    pixel_run: Path,
    pixel_services: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gateway = start_gateway(pixel_run, pixel_services)
    names = {0x00100010: ("PN", "Canary^Jane"), 0x00100020: ("LO", "CANARY-ID")}
    volume = write_opt(tmp_path / "volume.dcm", make_frames(2, 64, 64).astype("uint8"), changes=names)
    storescu(gateway.port, [volume])
    gateway.wait_until_processed()
    pseudonym = gateway.results()[0]["patient"]
    key = gateway.secrets[1]
    assert (
        run_command(["reidentify", "--spool", str(gateway.spool), "--map-key-file", str(key), pseudonym]) == 0
    )
    assert json.loads(capsys.readouterr().out)["PatientID"] == "CANARY-ID"
    gateway.stop()
    codes = [code for code in list_codes(read_messages(gateway)) if code != "110105"]
    assert codes == ["110120", "110104", "110110", "110121"]
