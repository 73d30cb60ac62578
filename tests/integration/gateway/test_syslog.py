"""Audit messages reach a real collector, rsyslog, over TLS."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from certificates import Certificates, make_certificates
from machine import need, openssl
from octcluster_gateway.audit.events import AuditEvent, EventKind, Outcome, Participant
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.audit.syslog import Collector, SyslogSender
from processes import free_port
from syslog_collector import running_collector
from waiting import wait_until

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    need(openssl(), "openssl", "apt-get install openssl")
    return make_certificates(tmp_path_factory.mktemp("certificates") / "all")


@contextmanager
def running_sender(log: Path, port: int, ca: Path) -> Iterator[SyslogSender]:
    collector = Collector("127.0.0.1", port, ssl.create_default_context(cafile=str(ca)))
    sender = SyslogSender(log, collector)
    thread = threading.Thread(target=sender.run)
    thread.start()
    try:
        yield sender
    finally:
        sender.stop()
        thread.join()


def record(log: AuditLog, *names: str, outcome: Outcome = Outcome.SUCCESS) -> None:
    for name in names:
        log.record(AuditEvent(EventKind.STARTED, (Participant(f"{name} Ünal"),), outcome=outcome))


def count(written: Path, text: str) -> int:
    return written.read_text().count(text) if written.exists() else 0


def test_messages_reach_the_collector_whenever_it_is_there(
    tmp_path: Path, certificates: Certificates
) -> None:
    port, path = free_port(), tmp_path / "audit.jsonl"
    with AuditLog(path) as log, running_sender(path, port, certificates.ca) as sender:
        record(log, "before", "it")
        with running_collector(tmp_path / "first", port, certificates) as written:
            wait_until(lambda: count(written, "</AuditMessage>") == 2, 60)
            record(log, "meanwhile", outcome=Outcome.MINOR_FAILURE)
            wait_until(lambda: count(written, "meanwhile Ünal") == 1, 60)
            wait_until(lambda: sender.sent_bytes == path.stat().st_size, 60)
            log.rotate(tmp_path / "moved.jsonl", AuditEvent(EventKind.STARTED, (Participant("new file"),)))
            record(log, "afterwards", outcome=Outcome.MINOR_FAILURE)
            wait_until(lambda: count(written, "afterwards Ünal") == 1, 60)
        lines = written.read_text().splitlines()
        assert [line.split(" ", 4)[:4] for line in lines] == [
            ["85", "octcluster-gateway", "DICOM+RFC3881", "1"],
            ["85", "octcluster-gateway", "DICOM+RFC3881", "1"],
            ["84", "octcluster-gateway", "DICOM+RFC3881", "1"],
            ["85", "octcluster-gateway", "DICOM+RFC3881", "1"],
            ["84", "octcluster-gateway", "DICOM+RFC3881", "1"],
        ]
        assert '<EventIdentification EventActionCode="E"' in lines[0]


def test_messages_wait_while_the_collector_is_away(tmp_path: Path, certificates: Certificates) -> None:
    port, path = free_port(), tmp_path / "audit.jsonl"
    with AuditLog(path) as log:
        with (
            running_collector(tmp_path / "first", port, certificates) as written,
            running_sender(path, port, certificates.ca),
        ):
            record(log, "first")
            wait_until(lambda: count(written, "first Ünal") == 1, 60)
        record(log, "second")
        with (
            running_collector(tmp_path / "second", port, certificates) as written,
            running_sender(path, port, certificates.ca),
        ):
            wait_until(lambda: count(written, "second Ünal") == 1, 60)
            assert count(written, "first Ünal") == 0


def test_collector_of_another_authority_gets_nothing(
    tmp_path: Path, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    port, path = free_port(), tmp_path / "audit.jsonl"
    other = make_certificates(tmp_path / "other")
    with AuditLog(path) as log, running_collector(tmp_path / "first", port, certificates) as written:
        record(log, "secret")
        with running_sender(path, port, other.ca) as sender:
            wait_until(lambda: "SSLCertVerificationError" in caplog.text, 60)
            assert sender.sent_bytes == 0
        assert count(written, "secret") == 0
