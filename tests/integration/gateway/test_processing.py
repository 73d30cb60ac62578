"""From a sender of DICOM objects to a line for each eye, through real services."""

import re
from collections.abc import Callable
from pathlib import Path

import requests
from dicom_files import SOP_CLASS, encode_deflated_bomb
from dicom_senders import read_acknowledged, sop_instance, storescu, write_object, write_objects
from gateways import Gateway
from octcluster_gateway.model import State
from octcluster_gateway.spool.opening import open_index
from processes import free_port

StartGateway = Callable[..., Gateway]


def send_by_stow(port: int, content: bytes) -> int:
    """Sends one object by HTTP; returns the status."""
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--x--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=x'
    url = f"http://127.0.0.1:{port}/dicom-web/studies"
    return requests.post(url, data=body, headers={"Content-Type": kind}, timeout=60).status_code


def list_reasons(gateway: Gateway) -> list[str]:
    index = open_index(gateway.spool)
    try:
        return [entry.instance.reason for entry in index.list_state(State.QUARANTINED)]
    finally:
        index.close()


def test_each_object_ends_as_one_line_an_eye(
    start_gateway: StartGateway, pixel_run: Path, pixel_services: list[str], tmp_path: Path
) -> None:
    files = write_objects(tmp_path / "files", 5)
    left = write_object(tmp_path / "left.dcm", 6, {0x00200062: ("CS", "L")})
    pdf = write_object(tmp_path / "pdf.dcm", 7, {SOP_CLASS: ("UI", "1.2.840.10008.5.1.4.1.1.104.1")})
    broken = write_object(tmp_path / "broken.dcm", 8, {0x7FE00010: ("OB", bytes(10))})
    port = free_port()
    gateway = start_gateway(pixel_run, pixel_services, "--stow-listen", f"127.0.0.1:{port}")
    assert send_by_stow(port, encode_deflated_bomb({0x00080018: ("UI", sop_instance(9))})) == 200
    sent = [*files, left, pdf, broken]
    done = storescu(gateway.port, sent)
    assert read_acknowledged(done.stdout + done.stderr) == set(map(str, sent))
    gateway.wait_until_processed()
    lines = gateway.results()
    assert len(lines) == len({line["instance"] for line in lines}) == 6
    assert [line["eye"] for line in lines].count("OS") == 1
    assert {line["scans"] for line in lines} == {2}
    assert {line["use"] for line in lines} == {"research use only"}
    assert all(line["cluster"] in (0, 1) and 0 <= line["margin"] <= 1 for line in lines)
    assert gateway.count(State.IGNORED) == 1
    reasons = list_reasons(gateway)
    assert len(reasons) == 2
    assert any("deflated data set holds more than 256 MiB" in reason for reason in reasons)
    assert gateway.stop() == 0
    states = re.findall(r"object (\d+) is (processed: 1 eye|left out: |in quarantine: )", gateway.log)
    assert sorted(int(number) for number, _ in states) == list(range(1, 10))
    assert [what for _, what in states].count("processed: 1 eye") == 6
    assert all(f"is in quarantine: {reason}" in gateway.log for reason in reasons)
    open_files = [path for path in gateway.spool.rglob("*") if path.stat().st_mode & 0o077]
    assert open_files == []
