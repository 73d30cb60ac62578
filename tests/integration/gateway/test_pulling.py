"""The gateway asks a real PACS by QIDO-RS and fetches by WADO-RS."""

import base64
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from dicom_files import Element
from dicom_senders import sop_instance, write_object
from octcluster_gateway.cli.main import run_command
from octcluster_gateway.errors import ServiceAway
from octcluster_gateway.model import State
from octcluster_gateway.receiving.pulling import Puller, PullOptions
from octcluster_gateway.spool.spool import Spool, SpoolLimits
from pacs import Pacs, running_pacs
from processes import free_port
from pydicom import dcmread

pytestmark = pytest.mark.heavy

LIMITS = SpoolLimits(1 << 20, 1 << 26)


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    with running_pacs(tmp_path_factory.mktemp("pacs"), dicom_web=True) as running:
        yield running


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", LIMITS)
    yield spool
    spool.close()


def make_puller(spool: Spool, url: str) -> Puller:
    puller = Puller(spool, PullOptions(url, None, None, 3, 3600.0, 10.0))
    puller.session.headers["Authorization"] = "Basic " + base64.b64encode(b"test:test").decode()
    return puller


def put(
    pacs: Pacs,
    folder: Path,
    number: int,
    day: date,
    modality: str = "OPT",
    changes: dict[int, Element | None] | None = None,
) -> Path:
    file = write_object(
        folder / f"{number}.dcm",
        number,
        {
            0x00080020: ("DA", f"{day:%Y%m%d}"),
            0x00080060: ("CS", modality),
            0x0020000D: ("UI", f"1.2.3.{number}"),
            0x0020000E: ("UI", f"1.2.4.{number}"),
            **(changes or {}),
        },
    )
    pacs.ask("/instances", file.read_bytes())
    return file


def test_new_scans_come_once_and_as_they_are(pacs: Pacs, spool: Spool, tmp_path: Path) -> None:
    today = date.today()
    sent = put(pacs, tmp_path, 1, today)
    put(pacs, tmp_path, 2, today - timedelta(days=2))
    put(pacs, tmp_path, 3, today - timedelta(days=30))
    put(pacs, tmp_path, 4, today, "OP")
    puller = make_puller(spool, f"http://127.0.0.1:{pacs.http_port}/dicom-web")

    assert puller.pull() == 2
    assert {entry.instance.sop_instance for entry in spool.index.list_state(State.PENDING)} == {
        sop_instance(1),
        sop_instance(2),
    }
    [entry] = spool.index.find(sop_instance(1))
    assert dcmread(spool.stored(entry).path).PixelData == dcmread(sent).PixelData
    assert puller.pull() == 0

    put(pacs, tmp_path, 5, today)
    assert puller.pull() == 1


def test_command_pulls_beside_a_gateway_that_serves(
    pacs: Pacs,
    spool: Spool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(pacs, tmp_path, 11, date.today())
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login test password test\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    url = f"http://127.0.0.1:{pacs.http_port}/dicom-web"
    command = ["pull", "--spool", str(spool.folder), "--min-free-bytes", "1MiB", "--pull-url", url]
    assert run_command(command) == 0
    assert int(capsys.readouterr().out) >= 1
    [entry] = spool.index.find(sop_instance(11))
    assert spool.stored(entry).path.is_file()
    assert run_command(command) == 0
    assert capsys.readouterr().out == "0\n"
    assert run_command([*command[:-1], f"http://127.0.0.1:{free_port()}/dicom-web"]) == 1
    assert "does not answer" in capsys.readouterr().err


def test_object_that_is_much_too_large_holds_up_no_other(
    pacs: Pacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octcluster_gateway.spool.incoming._DROPPED_BYTES", 1 << 20)
    large: dict[int, Element | None] = {0x00420011: ("OB", bytes(3 << 20))}
    put(pacs, tmp_path, 21, date.today(), changes=large)
    put(pacs, tmp_path, 22, date.today())
    spool = Spool(tmp_path / "small", SpoolLimits(1 << 20, 1 << 20))
    try:
        puller = make_puller(spool, f"http://127.0.0.1:{pacs.http_port}/dicom-web")
        for _ in range(2):
            puller.pull()
        found = [bool(spool.index.find(sop_instance(number))) for number in (21, 22)]
        assert found == [False, True]
        assert list((spool.folder / "incoming").iterdir()) == []
    finally:
        spool.close()


def test_an_archive_that_is_away_is_asked_again(spool: Spool) -> None:
    puller = make_puller(spool, f"http://127.0.0.1:{free_port()}/dicom-web")
    with pytest.raises(ServiceAway, match="does not answer as it should"):
        puller.pull()
