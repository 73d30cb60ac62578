"""A real Orthanc as the PACS beside the gateway, on loopback ports."""

import base64
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import need, orthanc
from processes import free_ports, listens
from waiting import wait_until

AE_TITLE = "PACS"
_DICOM_WEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass(frozen=True)
class Pacs:
    """A running Orthanc."""

    dicom_port: int
    http_port: int

    def ask(self, path: str, body: bytes | None = None) -> Any:
        """What its REST interface answers, from JSON; with a body it is a POST."""
        return json.loads(self.fetch(path, body))

    def fetch(self, path: str, body: bytes | None = None) -> bytes:
        """What its REST interface answers, as bytes."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=body)
        request.add_header("Authorization", "Basic " + base64.b64encode(b"test:test").decode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def answers(self) -> bool:
        """Whether it is up; its web interface may come before its DICOM port."""
        try:
            return bool(self.ask("/system")) and listens(self.dicom_port)
        except OSError:
            return False


@contextmanager
def running_pacs(folder: Path, *, dicom_web: bool = False) -> Iterator[Pacs]:
    """Starts Orthanc with its storage in a folder, and stops it; with DICOM's web services if asked."""
    program = orthanc()
    need(program, "Orthanc", "apt-get install orthanc")
    if dicom_web:
        need(_DICOM_WEB.exists(), "Orthanc's DICOMweb", "apt-get install orthanc-dicomweb")
    dicom_port, http_port = free_ports(2)
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(_DICOM_WEB)] if dicom_web else [],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Servers": {}},
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"test": "test"},
        "DicomAet": AE_TITLE,
        "DicomCheckCalledAet": True,
        "DicomPort": dicom_port,
        "DicomModalities": {},
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "orthanc.json"
    file.write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(
            [str(program), str(file)], stdout=log, stderr=log, env={**os.environ, "LC_ALL": "C.UTF-8"}
        )
        try:
            pacs = Pacs(dicom_port, http_port)
            wait_until(lambda: pacs.answers() or process.poll() is not None, 60)
            assert process.poll() is None, (folder / "orthanc.log").read_text()
            yield pacs
        finally:
            process.terminate()
            process.wait(30)
