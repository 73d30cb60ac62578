"""Storage Commitment, asked by another implementation of DICOM's messages."""

from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from dicom_senders import need_dcmtk, sop_instance, storescu, write_objects
from octcluster_gateway.receiving.peers import Peers, parse_peers
from processes import free_port
from pydicom import Dataset
from pynetdicom import AE, evt
from receivers import OPTIONS, receiving

pytestmark = pytest.mark.heavy

_PUSH_MODEL, _INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
_OPT = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
_NO_SUCH_OBJECT, _NO_RESOURCES = 0x0112, 0x0213


@pytest.fixture(autouse=True)
def dcmtk() -> None:
    need_dcmtk()


def ask(port: int, numbers: list[int], own_port: int | None = None) -> tuple[int, Dataset]:
    """Asks for commitment; returns the type of the event and what it reports."""
    reports: SimpleQueue[tuple[int, Dataset]] = SimpleQueue()

    def take(event: evt.Event) -> tuple[int, None]:
        assert event.event_type is not None
        reports.put((event.event_type, event.event_information))
        return 0, None

    handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, take)]
    device = AE("DEVICE")
    device.add_requested_context(_PUSH_MODEL)
    device.add_supported_context(_PUSH_MODEL, scu_role=True, scp_role=True)
    server = None
    if own_port:
        server = device.start_server(("127.0.0.1", own_port), block=False, evt_handlers=handlers)
    association = device.associate("127.0.0.1", port, ae_title="OCTCLUSTER", evt_handlers=handlers)
    assert association.is_established
    asked = Dataset()
    asked.TransactionUID = "1.2.3.4"
    asked.ReferencedSOPSequence = []
    for number in numbers:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = _OPT, sop_instance(number)
        asked.ReferencedSOPSequence.append(item)
    status, _ = association.send_n_action(asked, 1, _PUSH_MODEL, _INSTANCE)
    assert status.Status == 0
    if server is not None:
        association.release()
    try:
        return reports.get(timeout=60)
    finally:
        association.release()
        if server is not None:
            server.shutdown()


@pytest.mark.parametrize("has_port", [False, True], ids=["same-association", "own-port"])
def test_what_the_spool_has_is_committed_to(tmp_path: Path, has_port: bool) -> None:
    own_port = free_port() if has_port else None
    peers = Peers(parse_peers(f"DEVICE@127.0.0.1:{own_port}" if own_port else "DEVICE@127.0.0.1"))
    with receiving(tmp_path / "spool", replace(OPTIONS, peers=peers)) as gateway:
        storescu(gateway.port, write_objects(tmp_path / "files", 2))
        kind, report = ask(gateway.port, [1, 2], own_port)
        assert (kind, report.TransactionUID) == (1, "1.2.3.4")
        committed = {item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence}
        assert committed == {sop_instance(1), sop_instance(2)}
        kind, report = ask(gateway.port, [1, 7], own_port)
        assert kind == 2
        [failed] = report.FailedSOPSequence
        assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == (sop_instance(7), _NO_SUCH_OBJECT)


def test_a_gateway_that_removes_files_commits_to_nothing(tmp_path: Path) -> None:
    with receiving(tmp_path / "spool", keeps_all=False) as gateway:
        storescu(gateway.port, write_objects(tmp_path / "files", 1))
        kind, report = ask(gateway.port, [1])
        assert (kind, report.FailedSOPSequence[0].FailureReason) == (2, _NO_RESOURCES)
        assert "ReferencedSOPSequence" not in report
