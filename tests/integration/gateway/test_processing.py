"""From a sender of DICOM objects to a line for each eye, through real services."""

from collections.abc import Callable
from pathlib import Path

from dicom_files import SOP_CLASS
from dicom_senders import read_acknowledged, storescu, write_object, write_objects
from gateways import Gateway
from octcluster_gateway.model import State

StartGateway = Callable[..., Gateway]


def test_each_object_ends_as_one_line_an_eye(
    start_gateway: StartGateway, pixel_run: Path, pixel_services: list[str], tmp_path: Path
) -> None:
    files = write_objects(tmp_path / "files", 5)
    left = write_object(tmp_path / "left.dcm", 6, {0x00200062: ("CS", "L")})
    pdf = write_object(tmp_path / "pdf.dcm", 7, {SOP_CLASS: ("UI", "1.2.840.10008.5.1.4.1.1.104.1")})
    broken = write_object(tmp_path / "broken.dcm", 8, {0x7FE00010: ("OB", bytes(10))})
    gateway = start_gateway(pixel_run, pixel_services)
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
    assert (gateway.count(State.IGNORED), gateway.count(State.QUARANTINED)) == (1, 1)
    assert gateway.stop() == 0
