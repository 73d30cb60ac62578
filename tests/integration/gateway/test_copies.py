"""De-identified copies of what came, in a folder and in a real PACS."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_files import SOP_CLASS
from dicom_senders import sop_instance, storescu, write_object
from gateways import Gateway
from identifying import CANARIES, write_identified
from octcluster_gateway.audit.chain import verify
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.deidentification.apply import Deidentifier
from octcluster_gateway.model import State
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.results.copy_sender import CopySender, send_to
from octcluster_gateway.results.sending import Destination
from octcluster_gateway.spool.opening import open_index
from octcluster_gateway.spool.outbox import COPIES, Outbox, count_outgoing
from octcluster_gateway.spool.retention import remove_processed
from octcluster_gateway.spool.spool import Spool, SpoolLimits
from pacs import AE_TITLE, running_pacs
from processes import free_port
from pydicom import dcmread
from waiting import wait_until

pytestmark = pytest.mark.heavy
_PDF = "1.2.840.10008.5.1.4.1.1.104.1"


def count_copies(gateway: Gateway) -> dict[str, int]:
    index = open_index(gateway.spool)
    try:
        return count_outgoing(index, COPIES)
    finally:
        index.close()


def test_folder_gets_a_copy_that_names_nobody(
    start_gateway: Callable[..., Gateway], pixel_run: Path, pixel_services: list[str], tmp_path: Path
) -> None:
    flags = ("--copies-folder", str(tmp_path / "copies"), "--copies-options", "shifted-dates")
    gateway = start_gateway(pixel_run, pixel_services, *flags)
    volume = write_identified(tmp_path / "sent/volume.dcm", "R")
    document = write_object(tmp_path / "sent/document.dcm", 1, {SOP_CLASS: ("UI", _PDF)})
    storescu(gateway.port, [volume, document])
    wait_until(lambda: count_copies(gateway) == {"sent": 1, "given up": 1}, 120)
    gateway.stop()
    [path] = (tmp_path / "copies").rglob("*.dcm")
    content, copy, sent = path.read_bytes(), dcmread(path), dcmread(volume)
    assert [text for text in CANARIES if text != "040302" and text.encode() in content] == []
    pseudonyms = Pseudonyms(gateway.secrets[0].read_bytes())
    assert str(copy.SOPInstanceUID) == pseudonyms.instance(str(sent.SOPInstanceUID)) == path.stem
    assert copy.PatientID == gateway.results()[0]["patient"] == path.relative_to(tmp_path / "copies").parts[0]
    assert copy.LongitudinalTemporalInformationModified == "MODIFIED"
    assert copy.PixelData == sent.PixelData
    assert "Encapsulated PDF" in gateway.log  # why it has no copy
    lines = (gateway.spool / "audit.jsonl").read_text().splitlines()
    [disclosed] = [json.loads(line)["message"] for line in lines if "<Anonymized>true" in line]
    assert 'EventActionCode="R"' in disclosed
    assert f'UserID="{tmp_path / "copies"}"' in disclosed
    assert str(sent.StudyInstanceUID) in disclosed


def test_archive_gets_each_copy_once_though_it_was_away(tmp_path: Path) -> None:
    for number in (1, 2):
        write_object(tmp_path / f"spool/objects/object-{number}", number, {0x00100010: ("PN", "Roe^Jane")})
    spool = Spool(tmp_path / "spool", SpoolLimits(0, 2**30))
    try:
        Outbox(spool.index, COPIES, is_open=True)
        for number in (1, 2):
            spool.index.finish(spool.index.find(sop_instance(number))[0].instance.spool_id, State.DONE)
        assert remove_processed(spool, 0.0) == 0  # their copies wait
        send_copies(spool, free_port(), {"pending": 2})
        with running_pacs(tmp_path / "pacs") as pacs:
            send_copies(spool, pacs.dicom_port, {"sent": 2})
            stored = [
                pacs.ask(f"/instances/{name}/simplified-tags")["PatientID"] for name in pacs.ask("/instances")
            ]
        pseudonyms = Pseudonyms(b"s" * 32)
        assert sorted(stored) == sorted(map(pseudonyms.patient, ("P-1", "P-2")))
        assert remove_processed(spool, 0.0) == 2
        assert verify(spool.folder / "audit.jsonl").number == 2
    finally:
        spool.close()


def send_copies(spool: Spool, port: int, until: dict[str, int]) -> None:
    """Runs a sender until copies are in these states, and each was tried."""
    destination = Destination("archive", AE_TITLE, "127.0.0.1", port)
    with AuditLog(spool.folder / "audit.jsonl") as audit:
        deidentifier = Deidentifier(Pseudonyms(b"s" * 32))
        names = ("OCTCLUSTER", AE_TITLE)
        sender = CopySender(spool, deidentifier, send_to(destination, "OCTCLUSTER"), audit, names)
        thread = threading.Thread(target=sender.run)
        thread.start()
        try:
            wait_until(lambda: count_outgoing(spool.index, COPIES) == until and have_been_tried(spool), 60)
        finally:
            sender.stop()
            thread.join()


def have_been_tried(spool: Spool) -> bool:
    with spool.index.transaction() as database:
        return bool(database.execute("SELECT min(attempts) FROM copies").fetchone()[0])
