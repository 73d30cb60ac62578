"""Sends the messages of an audit log to a collector: syslog over TLS, RFC 5424 and 5425, as PS3.15 A.6 asks.

The file of the log is what is sent, line by line, also what other processes wrote into it. How far the
sending has come is kept beside it (``audit.jsonl.sent``). So nothing is left out while the collector is away
or the gateway is stopped. Syslog confirms nothing: what a broken connection had under way may be lost.
"""

import json
import logging
import os
import socket
import ssl
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import fromstring

from octcluster_gateway.audit.sent import note_sent, read_sent

_logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 60.0
_AUTHPRIV = 10
# By the outcome of the event: notice, warning, error.
_SEVERITIES = {"0": 5, "4": 4, "8": 3}
_MESSAGE_ID = "DICOM+RFC3881"
_BOM = "\ufeff"


@dataclass(frozen=True)
class Collector:
    """Where messages go.

    Attributes:
        host: Its name or address.
        port: Its port; 6514 by the standard.
        tls: What TLS is spoken with.
        timeout_seconds: Longest time for the connection, and for a message.
    """

    host: str
    port: int
    tls: ssl.SSLContext
    timeout_seconds: float = 10.0


class SyslogSender:
    """Sends the lines of one audit log, until it is stopped.

    Args:
        log: The file of the log.
        collector: Where they go.
    """

    def __init__(self, log: Path, collector: Collector) -> None:
        self._log = log
        self._collector = collector
        self._stopping = threading.Event()
        self._host = socket.gethostname()

    def stop(self) -> None:
        """Asks ``run`` to return."""
        self._stopping.set()

    def run(self) -> None:
        """Sends what the log holds and what comes, and connects anew with growing pauses."""
        pause = _LOOK_SECONDS
        while not self._stopping.is_set():
            begin = self.sent_bytes
            try:
                self._send_all()
            except OSError as error:
                _logger.warning("the collector of audit messages cannot be reached: %s", type(error).__name__)
            pause = _LOOK_SECONDS if self.sent_bytes > begin else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            self._stopping.wait(pause)

    @property
    def sent_bytes(self) -> int:
        """How much of the log is sent; of a new file nothing, whatever was sent of the one before."""
        return read_sent(self._log) or 0

    def _send_all(self) -> None:
        """Sends over one connection, until it is stopped or the connection breaks."""
        address = (self._collector.host, self._collector.port)
        with (
            socket.create_connection(address, timeout=self._collector.timeout_seconds) as plain,
            self._collector.tls.wrap_socket(plain, server_hostname=self._collector.host) as connection,
        ):
            while not self._stopping.is_set():
                end = self.sent_bytes
                number, lines = self._read_lines(end)
                for line in lines:
                    _check_alive(connection)
                    connection.settimeout(self._collector.timeout_seconds)
                    connection.sendall(self._frame(line))
                    end += len(line)
                    note_sent(self._log, end, number)
                self._stopping.wait(_LOOK_SECONDS)

    def _read_lines(self, begin: int) -> tuple[int, list[bytes]]:
        """Number of the file on the disk, and the lines behind a place in it; none if it is another one."""
        with self._log.open("rb") as file:
            found = os.fstat(file.fileno())
            if begin > found.st_size:
                note_sent(self._log, 0, found.st_ino)
                return found.st_ino, []
            if begin and begin != read_sent(self._log):
                return found.st_ino, []
            file.seek(begin)
            return found.st_ino, [line for line in file if line.endswith(b"\n")]

    def _frame(self, line: bytes) -> bytes:
        """A line as a message of syslog, with its length before it."""
        message = str(json.loads(line)["message"])
        event = fromstring(message)[0].attrib  # noqa: S314 - the gateway's own file
        time = datetime.fromisoformat(event["EventDateTime"]).astimezone(UTC)
        priority = 8 * _AUTHPRIV + _SEVERITIES.get(event["EventOutcomeIndicator"], 3)
        header = (
            f"<{priority}>1 {time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z {self._host} "
            f"octcluster-gateway {os.getpid()} {_MESSAGE_ID} - "
        )
        text = f"{header}{_BOM}{message}".encode()
        return f"{len(text)} ".encode() + text


def _check_alive(connection: ssl.SSLSocket) -> None:
    """Finds that the collector closed the connection: a collector never says anything else."""
    connection.setblocking(False)
    try:
        if connection.recv(1) == b"":
            raise ConnectionResetError("the collector closed the connection")
    except ssl.SSLWantReadError:
        return
