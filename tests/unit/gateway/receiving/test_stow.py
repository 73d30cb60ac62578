"""STOW-RS with DICOM's own client library, and with peers that do as they like."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from certificates import make_certificates
from dicom_senders import sop_instance, write_object, write_objects
from dicomweb_client.api import DICOMwebClient
from octcluster_gateway.metrics import GatewayMetrics
from octcluster_gateway.model import State
from octcluster_gateway.receiving.peers import Peers, parse_peers
from octcluster_gateway.receiving.stow import StowOptions, StowReceiver
from octcluster_gateway.receiving.tls import make_server_context
from octcluster_gateway.spool.spool import Spool, SpoolLimits
from octcluster_serving.settings import TlsFiles
from processes import free_port
from pydicom import dcmread
from waiting import wait_until

pytestmark = pytest.mark.heavy

TOKEN = b"0123456789abcdef"
OPTIONS = StowOptions("", Peers(), {}, None, 8, 5.0)
LIMITS = SpoolLimits(1 << 20, 1 << 26)
HEADERS = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=mark'}


@dataclass
class Stow:
    """A server in this process, and its spool."""

    spool: Spool
    url: str
    port: int

    def post(
        self, body: bytes | Iterator[bytes], path: str = "/studies", **headers: str
    ) -> requests.Response:
        given = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(self.url + path, data=body, headers=given, timeout=30)

    def count(self) -> int:
        return self.spool.index.count_states().get(State.PENDING, 0)

    def left(self) -> list[Path]:
        return list((self.spool.folder / "incoming").iterdir())


@contextmanager
def serving(folder: Path, options: StowOptions = OPTIONS, limits: SpoolLimits = LIMITS) -> Iterator[Stow]:
    spool, port = Spool(folder, limits), free_port()
    receiver = StowReceiver(spool, replace(options, listen=f"127.0.0.1:{port}"), GatewayMetrics())
    thread = threading.Thread(target=receiver.serve)
    thread.start()
    try:
        protocol = "http" if options.tls is None else "https"
        yield Stow(spool, f"{protocol}://127.0.0.1:{port}/dicom-web", port)
    finally:
        receiver.stop(1)
        thread.join(30)
        spool.close()
        assert not thread.is_alive()


def make_body(*parts: bytes) -> bytes:
    return (
        b"".join(b"--mark\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n" for part in parts)
        + b"--mark--"
    )


def test_objects_are_kept_as_they_came(tmp_path: Path) -> None:
    sent = write_objects(tmp_path / "files", 3)
    with serving(tmp_path / "spool") as stow:
        client = DICOMwebClient(stow.url)
        answer = client.store_instances([dcmread(file) for file in sent])
        assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [
            sop_instance(number) for number in (1, 2, 3)
        ]
        assert stow.count() == 3
        assert stow.post(make_body(sent[0].read_bytes())).status_code == 200
        assert stow.count() == 3, "the same object is recognized"
        [entry] = stow.spool.index.find(sop_instance(2))
        assert dcmread(stow.spool.stored(entry).path).PixelData == dcmread(sent[1]).PixelData
        assert entry.instance.calling_ae == "STOW"
        assert stow.left() == []


def test_each_object_of_a_message_has_its_own_answer(tmp_path: Path) -> None:
    good, other = (write_object(tmp_path / f"{number}.dcm", number).read_bytes() for number in (1, 2))
    with serving(tmp_path / "spool") as stow:
        answer = stow.post(make_body(good, b"no object", other))
        assert answer.status_code == 202
        found = answer.json()
        assert len(found["00081199"]["Value"]) == 2
        assert found["00081198"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]
        assert stow.count() == 2
        assert stow.post(make_body(b"no object")).status_code == 409
        assert stow.left() == []


def test_an_object_of_another_study_is_refused(tmp_path: Path) -> None:
    sent = write_object(tmp_path / "a.dcm", 1)
    study = str(dcmread(sent).StudyInstanceUID)
    with serving(tmp_path / "spool") as stow:
        assert stow.post(make_body(sent.read_bytes()), "/studies/1.2.3").status_code == 409
        assert stow.post(make_body(sent.read_bytes()), "/studies/..%2F..").status_code in (400, 404)
        assert stow.count() == 0
        assert stow.post(make_body(sent.read_bytes()), f"/studies/{study}").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "application/dicom"}, 415),
        ({"Content_Type": 'multipart/related; type="application/dicom"'}, 415),
        ({"Content_Type": 'multipart/related; type="application/dicom+json"; boundary=mark'}, 415),
        ({"Content_Encoding": "deflate"}, 415),
        ({"Content_Type": 'multipart/related; type="application/dicom"; boundary=other'}, 400),
    ],
)
def test_a_message_of_another_kind_is_refused(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    with serving(tmp_path / "spool") as stow:
        assert stow.post(make_body(b"x"), **headers).status_code == status
        assert stow.left() == []


def test_a_full_spool_and_a_large_object_are_told(tmp_path: Path) -> None:
    sent = write_object(tmp_path / "a.dcm", 1).read_bytes()
    with serving(tmp_path / "full", limits=SpoolLimits(1 << 60, 1 << 26)) as stow:
        assert stow.post(make_body(sent)).status_code == 503
        assert stow.left() == []
    with serving(tmp_path / "small", limits=SpoolLimits(1 << 20, len(sent) - 1)) as stow:
        answer = stow.post(make_body(sent))
        assert answer.json()["00081198"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xA700]}}]
        assert stow.left() == []


def test_endless_object_is_cut_off(tmp_path: Path) -> None:
    sent = 0

    def stream() -> Iterator[bytes]:
        nonlocal sent
        yield make_body(b"").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        while sent < 10 * 10**9:
            sent += 1 << 20
            yield bytes(1 << 20)

    with serving(tmp_path, limits=replace(LIMITS, max_object_bytes=1 << 20)) as stow:
        try:
            answer = stow.post(stream())
        except requests.RequestException:
            pass  # it writes on, and does not read that it is refused
        else:
            assert answer.status_code == 400
        assert sent < 200 << 20
        wait_until(lambda: not stow.left())


def test_strangers_are_refused(tmp_path: Path) -> None:
    sent = make_body(write_object(tmp_path / "a.dcm", 1).read_bytes())
    with serving(tmp_path / "a", replace(OPTIONS, peers=Peers(parse_peers("PACS@10.0.0.1")))) as stow:
        assert stow.post(sent).status_code == 403
    told: list[tuple[str, ...]] = []
    options = replace(OPTIONS, tokens={TOKEN: "cirrus"}, on_stranger=lambda *words: told.append(words))
    with serving(tmp_path / "b", options) as stow:
        assert stow.post(sent).status_code == 401
        assert stow.post(sent, Authorization="Bearer 0123456789abcdeX").status_code == 401
        assert stow.count() == 0
        assert told == 2 * [("", "127.0.0.1", "no token, or a wrong one")]
        assert stow.post(sent, Authorization=f"Bearer {TOKEN.decode()}").status_code == 200
        [entry] = stow.spool.index.find(sop_instance(1))
        assert entry.instance.calling_ae == "cirrus"


def test_what_came_before_a_cut_is_kept_and_the_rest_is_gone(tmp_path: Path) -> None:
    first, second = (write_object(tmp_path / f"{number}.dcm", number).read_bytes() for number in (1, 2))
    body = make_body(first, second)[:-1000]
    head = f"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: {HEADERS['Content-Type']}\r\n"
    head += f"Content-Length: {len(body) + 1000}\r\n\r\n"
    with serving(tmp_path / "spool") as stow:
        with socket.create_connection(("127.0.0.1", stow.port)) as peer:
            peer.sendall(head.encode() + body)
            wait_until(lambda: stow.count() == 1 and len(stow.left()) == 1)
        wait_until(lambda: not stow.left())
        assert stow.count() == 1


def test_slow_peers_are_cut_off_and_others_are_served(tmp_path: Path) -> None:
    sent = make_body(write_object(tmp_path / "a.dcm", 1).read_bytes())
    with (
        serving(tmp_path / "spool", replace(OPTIONS, timeout_seconds=1.0)) as stow,
        socket.create_connection(("127.0.0.1", stow.port)) as silent,
        socket.create_connection(("127.0.0.1", stow.port)) as half,
    ):
        half.sendall(b"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Le")
        assert stow.post(sent).status_code == 200
        for peer in (silent, half):
            peer.settimeout(30)
            while peer.recv(1000):
                pass


def test_peers_show_a_certificate(tmp_path: Path) -> None:
    files = make_certificates(tmp_path / "certificates")
    sent = make_body(write_object(tmp_path / "a.dcm", 1).read_bytes())
    tls = make_server_context(TlsFiles(files.server.cert, files.server.key, files.ca))
    with serving(tmp_path / "spool", replace(OPTIONS, tls=tls)) as stow:
        with requests.Session() as peer:
            peer.headers.update(HEADERS)
            with pytest.raises((requests.ConnectionError, ssl.SSLError)):
                peer.post(f"{stow.url}/studies", sent, timeout=30, verify=str(files.ca))
            peer.cert = (str(files.client.cert), str(files.client.key))
            assert peer.post(f"{stow.url}/studies", sent, timeout=30, verify=str(files.ca)).status_code == 200
        assert stow.count() == 1
