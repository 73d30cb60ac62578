"""Structured reports reach a real PACS, and what keeps them out is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import make_frames, write_opt
from eye_results import make_result
from octcluster_gateway.errors import NotSent
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.results import sending
from octcluster_gateway.results.sending import Destination, send
from octcluster_gateway.results.structured_report import make_report
from pacs import AE_TITLE, Pacs, running_pacs
from processes import free_port
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association

pytestmark = pytest.mark.heavy
_VERIFICATION = "1.2.840.10008.1.1"
_PSEUDONYMS = Pseudonyms(b"s" * 32)


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    with running_pacs(tmp_path_factory.mktemp("pacs")) as running:
        yield running


def make_destination(pacs: Pacs, ae_title: str = AE_TITLE) -> Destination:
    return Destination("archive", ae_title, "127.0.0.1", pacs.dicom_port)


def make_eye_report(folder: Path, eye: str) -> Dataset:
    volume = write_opt(folder / "volume.dcm", make_frames(3).astype(np.uint8))
    return make_report(dcmread(volume, stop_before_pixels=True), make_result(eye=eye), _PSEUDONYMS)


def test_pacs_has_each_report_once_in_the_study_of_the_volume(pacs: Pacs, tmp_path: Path) -> None:
    volume = write_opt(tmp_path / "volume.dcm", make_frames(3).astype(np.uint8))
    pacs.ask("/instances", volume.read_bytes())
    for eye in ("OD", "OS", "OD"):
        send(make_eye_report(tmp_path, eye), make_destination(pacs), "OCTCLUSTER")
    assert len(pacs.ask("/patients")) == len(pacs.ask("/studies")) == 1
    classes = [
        pacs.fetch(f"/instances/{name}/metadata/SopClassUid").decode() for name in pacs.ask("/instances")
    ]
    assert sorted(classes) == [
        "1.2.840.10008.5.1.4.1.1.77.1.5.4",
        "1.2.840.10008.5.1.4.1.1.88.22",
        "1.2.840.10008.5.1.4.1.1.88.22",
    ]
    kept = [
        pacs.ask(f"/instances/{name}/simplified-tags")
        for name in pacs.ask("/instances")
        if b"88.22" in pacs.fetch(f"/instances/{name}/metadata/SopClassUid")
    ]
    told = {str(item): item["PatientID"] for item in kept}
    assert set(told.values()) == {"P-0012"}
    assert sum("24028007" in text for text in told) == sum("7771000" in text for text in told) == 1


def test_other_ae_title_is_told(pacs: Pacs, tmp_path: Path) -> None:
    with pytest.raises(NotSent, match=r"archive refuses SOMEBODY .*register both"):
        send(make_eye_report(tmp_path, "OD"), make_destination(pacs, "SOMEBODY"), "OCTCLUSTER")


class _LateEntity(AE):
    """Looks at the answer only after pynetdicom's other thread has closed the connection."""

    def associate(self, *address: Any, **options: Any) -> Association:
        options["evt_handlers"].append((evt.EVT_REQUESTED, lambda event: event.assoc.dul.join(30)))
        return super().associate(*address, **options)


def test_other_ae_title_is_told_when_the_connection_is_gone_already(
    pacs: Pacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "AE", _LateEntity)
    with pytest.raises(NotSent, match=r"archive refuses SOMEBODY .*register both"):
        send(make_eye_report(tmp_path, "OD"), make_destination(pacs, "SOMEBODY"), "OCTCLUSTER")


@contextmanager
def _running_peer(entity: AE) -> Iterator[Destination]:
    port = free_port()
    server = entity.start_server(("127.0.0.1", port), block=False)
    assert server is not None
    try:
        yield Destination("archive", entity.ae_title, "127.0.0.1", port)
    finally:
        server.shutdown()


def test_peer_that_is_busy_is_told(tmp_path: Path) -> None:
    busy = AE(AE_TITLE)
    busy.maximum_associations = 1
    busy.add_supported_context(_VERIFICATION)
    other = AE("OTHER")
    other.add_requested_context(_VERIFICATION)
    with _running_peer(busy) as peer:
        held = other.associate(peer.host, peer.port)
        try:
            with pytest.raises(NotSent, match=r"archive takes nothing .* now, source 3 and reason 2 "):
                send(make_eye_report(tmp_path, "OD"), peer, "OCTCLUSTER")
        finally:
            held.release()


def test_peer_that_takes_no_reports_is_told(tmp_path: Path) -> None:
    simple = AE(AE_TITLE)
    simple.add_supported_context(_VERIFICATION)
    with _running_peer(simple) as peer, pytest.raises(NotSent, match="archive takes no Enhanced SR Storage"):
        send(make_eye_report(tmp_path, "OD"), peer, "OCTCLUSTER")


def test_pacs_that_is_away_is_told(tmp_path: Path) -> None:
    nobody = Destination("archive", AE_TITLE, "127.0.0.1", free_port())
    with pytest.raises(NotSent, match=r"archive does not answer at 127\.0\.0\.1"):
        send(make_eye_report(tmp_path, "OD"), nobody, "OCTCLUSTER")
