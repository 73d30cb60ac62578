"""DICOM over TLS: who gets in, and who holds nobody up."""

import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from certificates import Certificates, make_certificates
from dicom_senders import need_dcmtk, read_acknowledged, storescu, write_object
from octcluster_gateway.errors import CannotStart
from octcluster_gateway.receiving.dimse import ReceiverOptions
from octcluster_gateway.receiving.tls import make_server_context
from octcluster_serving.settings import TlsFiles
from receivers import OPTIONS, receiving

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    need_dcmtk()
    return make_certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture
def options(certificates: Certificates) -> ReceiverOptions:
    files = TlsFiles(certificates.server.cert, certificates.server.key, certificates.ca)
    limits = replace(OPTIONS.limits, pdu_seconds=8.0)
    return replace(OPTIONS, tls=make_server_context(files), limits=limits)


def flags(certificates: Certificates) -> list[str]:
    pair = certificates.client
    return ["+tls", str(pair.key), str(pair.cert), "+cf", str(certificates.ca)]


def test_certificate_of_the_authority_gets_in(
    tmp_path: Path, certificates: Certificates, options: ReceiverOptions
) -> None:
    sent = write_object(tmp_path / "a.dcm", 1)
    with receiving(tmp_path / "spool", options) as gateway:
        done = storescu(gateway.port, [sent], *flags(certificates))
        assert read_acknowledged(done.stdout + done.stderr) == {str(sent)}, done.stderr


@pytest.mark.parametrize("how", [[], ["+tla"]], ids=["plain", "no-certificate"])
def test_others_are_refused(
    tmp_path: Path, certificates: Certificates, options: ReceiverOptions, how: list[str]
) -> None:
    sent = write_object(tmp_path / "a.dcm", 1)
    more = ["+cf", str(certificates.ca)] if how else []
    with receiving(tmp_path / "spool", options) as gateway:
        done = storescu(gateway.port, [sent], *how, *more)
        assert done.returncode != 0
        assert gateway.files("objects") == []
        # The same sender with its certificate is served.
        done = storescu(gateway.port, [sent], *flags(certificates))
        assert read_acknowledged(done.stdout + done.stderr) == {str(sent)}


def test_slow_handshakes_hold_nobody_up_and_end(
    tmp_path: Path, certificates: Certificates, options: ReceiverOptions
) -> None:
    sent = write_object(tmp_path / "a.dcm", 1)
    with receiving(tmp_path / "spool", options) as gateway:
        slow = [socket.create_connection(("127.0.0.1", gateway.port), timeout=60) for _ in range(10)]
        for peer in slow:
            peer.sendall(b"\x16\x03\x01")
        done = storescu(gateway.port, [sent], *flags(certificates))
        assert read_acknowledged(done.stdout + done.stderr) == {str(sent)}
        for peer in slow:
            while peer.recv(4096):
                pass
            peer.close()


def test_old_versions_are_refused(tmp_path: Path, options: ReceiverOptions) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        receiving(tmp_path / "spool", options) as gateway,
        socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as peer,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(peer)


def test_files_that_are_no_certificate_are_named(tmp_path: Path, certificates: Certificates) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("nothing")
    with pytest.raises(CannotStart, match="--tls-cert"):
        make_server_context(TlsFiles(wrong, certificates.server.key))
