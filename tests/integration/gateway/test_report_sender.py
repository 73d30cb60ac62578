"""Each result has one report in a real PACS, whatever is away meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from dicom_files import make_frames, write_opt
from eye_results import make_result
from octcluster_gateway.audit.chain import verify
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.model import State
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.results.json_lines import format_result
from octcluster_gateway.results.report_sender import ReportSender
from octcluster_gateway.results.sending import Destination
from octcluster_gateway.spool.outbox import REPORTS, Outbox, count_outgoing
from octcluster_gateway.spool.retention import remove_processed
from octcluster_gateway.spool.spool import Spool, SpoolLimits
from pacs import AE_TITLE, Pacs, running_pacs
from processes import free_port
from waiting import wait_until

pytestmark = pytest.mark.heavy
_UID = "1.2.826.0.1.3680043.10.511.15"


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool with three objects that wait."""
    for number in (1, 2, 3):
        names = {0x00080018: ("UI", f"{_UID}.{number}"), 0x00100020: ("LO", f"P-{number}")}
        path = tmp_path / f"spool/objects/object-{number}"
        write_opt(path, make_frames(1).astype(np.uint8), changes=names)
    spool = Spool(tmp_path / "spool", SpoolLimits(0, 2**30))
    yield spool
    spool.close()


def finish(spool: Spool, number: int, *eyes: str) -> None:
    """Ends the processing of an object, with a result for each eye."""
    spool_id = spool.index.find(f"{_UID}.{number}")[0].instance.spool_id
    lines = [(eye, format_result(make_result(spool_id=spool_id, eye=eye))) for eye in eyes]
    spool.index.finish(spool_id, State.DONE, "", lines)


@contextmanager
def running_sender(spool: Spool, port: int) -> Iterator[None]:
    destination = Destination("archive", AE_TITLE, "127.0.0.1", port)
    with AuditLog(spool.folder / "audit.jsonl") as audit:
        sender = ReportSender(spool, Pseudonyms(b"s" * 32), destination, audit, "OCTCLUSTER")
        thread = threading.Thread(target=sender.run)
        thread.start()
        try:
            yield
        finally:
            sender.stop()
            thread.join()


def list_referenced(pacs: Pacs) -> list[tuple[str, str]]:
    """Patient and eye of each report in the PACS."""
    found = []
    for name in pacs.ask("/instances"):
        tags = pacs.ask(f"/instances/{name}/simplified-tags")
        found.append((tags["PatientID"], "OD" if "24028007" in str(tags) else "OS"))
    return sorted(found)


def test_every_result_has_one_report_though_the_pacs_was_away(spool: Spool, tmp_path: Path) -> None:
    Outbox(spool.index, REPORTS, is_open=True)
    finish(spool, 1, "OD", "OS")
    finish(spool, 2, "OS")
    with running_sender(spool, free_port()):
        wait_until(lambda: any("does not answer" in reason for reason in list_reasons(spool)), 60)
        assert remove_processed(spool, 0.0) == 0  # their reports wait
    with running_pacs(tmp_path / "pacs") as pacs, running_sender(spool, pacs.dicom_port):
        finish(spool, 3, "OD")
        wait_until(lambda: count_outgoing(spool.index, REPORTS) == {"sent": 4}, 60)
        assert list_referenced(pacs) == [("P-1", "OD"), ("P-1", "OS"), ("P-2", "OS"), ("P-3", "OD")]
    assert remove_processed(spool, 0.0) == 3
    assert verify(spool.folder / "audit.jsonl").number == 4
    text = (spool.folder / "audit.jsonl").read_text()
    assert text.count('EventActionCode=\\"R\\"') == text.count('UserID=\\"PACS\\"') == 4


def list_reasons(spool: Spool) -> list[str]:
    with spool.index.transaction() as database:
        return [str(row[0]) for row in database.execute("SELECT reason FROM reports")]


def test_object_that_is_gone_holds_up_no_other(spool: Spool, tmp_path: Path) -> None:
    Outbox(spool.index, REPORTS, is_open=True)
    finish(spool, 1, "OD")
    finish(spool, 2, "OD")
    (spool.folder / "objects/object-1").unlink()
    with running_pacs(tmp_path / "pacs") as pacs, running_sender(spool, pacs.dicom_port):
        wait_until(lambda: count_outgoing(spool.index, REPORTS) == {"given up": 1, "sent": 1}, 60)
        assert list_referenced(pacs) == [("P-2", "OD")]


def test_results_without_a_destination_have_no_report(spool: Spool) -> None:
    Outbox(spool.index, REPORTS, is_open=True)
    finish(spool, 1, "OD")
    assert remove_processed(spool, 0.0) == 0
    Outbox(spool.index, REPORTS, is_open=False)
    finish(spool, 2, "OD")
    assert count_outgoing(spool.index, REPORTS) == {"given up": 1}
    assert remove_processed(spool, 0.0) == 2
