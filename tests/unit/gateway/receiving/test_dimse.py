"""The DICOM server with dcmtk's senders, and with peers that do as they like."""

import contextlib
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from dicom_senders import need_dcmtk, read_acknowledged, sop_instance, storescu, write_object, write_objects
from octcluster_gateway.model import State
from octcluster_gateway.receiving.peers import Peers, parse_peers
from octcluster_gateway.spool.spool import SpoolLimits
from receivers import OPTIONS, receiving
from waiting import wait_until

pytestmark = pytest.mark.heavy


@pytest.fixture(autouse=True)
def dcmtk() -> None:
    need_dcmtk()


def test_object_is_kept_as_it_came(tmp_path: Path) -> None:
    sent = write_object(tmp_path / "a.dcm", 1)
    with receiving(tmp_path / "spool") as gateway:
        done = storescu(gateway.port, [sent])
        assert read_acknowledged(done.stdout + done.stderr) == {str(sent)}
        [entry] = gateway.spool.index.list_state(State.PENDING)
        assert entry.instance.sop_instance == sop_instance(1)
        assert entry.instance.calling_ae == "DEVICE"
        assert entry.instance.transfer_syntax == "1.2.840.10008.1.2.1"
        kept = gateway.spool.stored(entry).path.read_bytes()
        # Behind the file meta information, which is ours, each byte is the sender's.
        assert data_set(kept) == data_set(sent.read_bytes())
        assert gateway.files("incoming") == []


def data_set(file: bytes) -> bytes:
    return file[144 + struct.unpack("<I", file[140:144])[0] :]


def test_same_object_is_recognized(tmp_path: Path) -> None:
    sent = write_object(tmp_path / "a.dcm", 1)
    with receiving(tmp_path / "spool") as gateway:
        for _ in range(3):
            done = storescu(gateway.port, [sent])
            assert read_acknowledged(done.stdout + done.stderr)
        assert gateway.spool.index.count_states()[State.PENDING] == 1
        assert len(gateway.files("objects")) == 1


def test_other_content_under_the_same_uid_goes_into_quarantine(tmp_path: Path) -> None:
    first = write_object(tmp_path / "a.dcm", 1)
    other = write_object(tmp_path / "b.dcm", 1, {0x00100020: ("LO", "SOMEBODY ELSE")})
    with receiving(tmp_path / "spool") as gateway:
        storescu(gateway.port, [first, other])
        counts = gateway.spool.index.count_states()
        assert (counts[State.PENDING], counts[State.QUARANTINED]) == (1, 1)
        [entry] = gateway.spool.index.list_state(State.QUARANTINED)
        assert "same SOP Instance UID" in entry.instance.reason
        assert gateway.spool.stored(entry).path.is_file()


def test_many_senders_at_once(tmp_path: Path) -> None:
    files = write_objects(tmp_path / "files", 80)
    with receiving(tmp_path / "spool") as gateway, ThreadPoolExecutor(8) as pool:
        logs = pool.map(lambda part: storescu(gateway.port, files[part::8]), range(8))
        acknowledged = set().union(*(read_acknowledged(log.stdout + log.stderr) for log in logs))
        assert acknowledged == set(map(str, files))
        assert gateway.spool.index.count_states()[State.PENDING] == 80
        assert len(gateway.files("objects")) == 80


@pytest.mark.parametrize(
    ("peers", "called", "reason"),
    [
        ("DEVICE@127.0.0.1", "SOMEBODY", "Called AE Title Not Recognized"),
        ("OTHER@127.0.0.1", "OCTCLUSTER", "Calling AE Title Not Recognized"),
        ("DEVICE@127.0.0.9,OTHER@127.0.0.1", "OCTCLUSTER", "Calling AE Title Not Recognized"),
    ],
)
def test_stranger_is_rejected(tmp_path: Path, peers: str, called: str, reason: str) -> None:
    sent = write_object(tmp_path / "a.dcm", 1)
    options = replace(OPTIONS, peers=Peers(parse_peers(peers)))
    with receiving(tmp_path / "spool", options) as gateway:
        done = storescu(gateway.port, [sent], called=called)
        assert done.returncode != 0
        assert reason in done.stdout + done.stderr
        assert gateway.files("objects") == []


def test_address_of_no_peer_gets_no_word(tmp_path: Path) -> None:
    told: list[tuple[str, ...]] = []
    peers = Peers(parse_peers("DEVICE@10.0.0.1"))
    options = replace(OPTIONS, peers=peers, on_stranger=lambda *stranger: told.append(stranger))
    with receiving(tmp_path / "spool", options) as gateway, connect(gateway.port) as peer:
        assert peer.recv(1) == b""
    assert told == [("", "127.0.0.1", "its address is of no peer")]


def test_full_disk_is_refused_before_it_is_full(tmp_path: Path) -> None:
    sent = write_object(tmp_path / "a.dcm", 1)
    limits = SpoolLimits(min_free_bytes=1 << 60, max_object_bytes=1 << 30)
    with receiving(tmp_path / "spool", limits=limits) as gateway:
        done = storescu(gateway.port, [sent])
        assert "OutOfResources" in done.stdout + done.stderr
        assert gateway.files("objects") == gateway.files("incoming") == []


def test_object_above_the_limit_is_refused_and_the_next_one_taken(tmp_path: Path) -> None:
    large = write_object(tmp_path / "large.dcm", 1, {0x00420011: ("OB", bytes(3 << 20))})
    small = write_object(tmp_path / "small.dcm", 2)
    limits = SpoolLimits(min_free_bytes=1 << 20, max_object_bytes=1 << 20)
    with receiving(tmp_path / "spool", limits=limits) as gateway:
        done = storescu(gateway.port, [large, small], "--no-halt")
        assert read_acknowledged(done.stdout + done.stderr) == {str(small)}
        assert [path.stat().st_size < 1 << 20 for path in gateway.files("objects")] == [True]
        assert gateway.files("incoming") == []


@pytest.mark.parametrize(
    "said",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(64), b"\x01\x00\xff\xff\xff\xff" + bytes(1000), b"\x04"],
    ids=["http", "zeros", "endless-pdu", "half-a-header"],
)
def test_garbage_ends_its_own_connection_alone(tmp_path: Path, said: bytes) -> None:
    sent = write_object(tmp_path / "a.dcm", 1)
    options = replace(OPTIONS, limits=replace(OPTIONS.limits, pdu_seconds=1.0))
    with receiving(tmp_path / "spool", options) as gateway, connect(gateway.port) as peer:
        peer.sendall(said)
        done = storescu(gateway.port, [sent])
        assert read_acknowledged(done.stdout + done.stderr)
        while peer.recv(4096):
            pass


def test_endless_object_is_cut_off_and_others_are_served(tmp_path: Path) -> None:
    sent = write_object(tmp_path / "a.dcm", 1)
    limits = SpoolLimits(min_free_bytes=1 << 20, max_object_bytes=4 << 20)
    piece = pdv(b"\x00", bytes(1 << 17))
    with receiving(tmp_path / "spool", limits=limits) as gateway, connect(gateway.port) as peer:
        begin_store(peer)
        peer.sendall(piece)
        done = storescu(gateway.port, [sent])
        assert read_acknowledged(done.stdout + done.stderr)
        before = psutil.Process().memory_info().rss
        assert send_until_cut_off(peer, piece, 10 * 10**9) < 200 << 20
        assert psutil.Process().memory_info().rss - before < 100 << 20
        wait_until(lambda: not gateway.files("incoming"))
        assert len(gateway.files("objects")) == 1


def test_sender_that_dies_leaves_nothing(tmp_path: Path) -> None:
    with receiving(tmp_path / "spool") as gateway:
        with connect(gateway.port) as peer:
            begin_store(peer)
            wait_until(lambda: gateway.files("incoming"))
        wait_until(lambda: not gateway.files("incoming"))
        assert gateway.spool.index.count_states()[State.PENDING] == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2\n3", "1" * 65, "/1.2.3", ""])
def test_uid_that_is_none_is_refused(tmp_path: Path, uid: str) -> None:
    with receiving(tmp_path / "spool") as gateway, connect(gateway.port) as peer:
        begin_store(peer, uid)
        peer.sendall(pdv(b"\x02", b"\x08\x00\x16\x00UI\x00\x00"))
        answer = peer.recv(4096)
        assert answer == b"" or answer[0] == 7 or b"\x00\x00\x00\x09\x02\x00\x00\x00\x00\x00" not in answer
        assert gateway.files("objects") == []
        assert gateway.spool.index.count_states()[State.PENDING] == 0


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def send_until_cut_off(peer: socket.socket, piece: bytes, most: int) -> int:
    """Sends a piece again and again until the connection breaks; returns the number of bytes."""
    count = 0
    with contextlib.suppress(OSError):
        while count < most:
            peer.sendall(piece)
            count += len(piece)
    return count


def begin_store(peer: socket.socket, uid: str = "1.2.3") -> None:
    """Says all of a C-STORE request but its data."""

    def item(kind: int, data: bytes) -> bytes:
        return struct.pack(">BxH", kind, len(data)) + data

    def element(number: int, data: bytes) -> bytes:
        return struct.pack("<HHI", 0, number, len(data)) + data

    opt, explicit = b"1.2.840.10008.5.1.4.1.1.77.1.5.4", b"1.2.840.10008.1.2.1"
    context = b"\x01\x00\x00\x00" + item(0x30, opt) + item(0x40, explicit)
    user = item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3")
    body = struct.pack(">Hxx16s16s32x", 1, b"OCTCLUSTER".ljust(16), b"DEVICE".ljust(16))
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, context) + item(0x50, user)
    peer.sendall(struct.pack(">BxI", 1, len(body)) + body)
    assert peer.recv(4096)[0] == 2
    padded = uid.encode() + b"\x00" * (len(uid) % 2)
    elements = element(0x0002, opt + b"\x00" * (len(opt) % 2)) + element(0x0100, b"\x01\x00")
    elements += element(0x0110, b"\x01\x00") + element(0x0700, b"\x00\x00") + element(0x0800, b"\x01\x00")
    elements += element(0x1000, padded)
    command = element(0x0000, struct.pack("<I", len(elements))) + elements
    peer.sendall(pdv(b"\x03", command) + pdv(b"\x00", bytes(1000)))


def pdv(control: bytes, data: bytes) -> bytes:
    inner = struct.pack(">IB", len(data) + 2, 1) + control + data
    return struct.pack(">BxI", 4, len(inner)) + inner
