"""DICOM peers for tests: dcmtk's storescu, and objects for it to send."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from dicom_files import Element, make_frames, write_opt

_ROOT = "1.2.826.0.1.3680043.10.511.99"


def need_dcmtk() -> None:
    """Skips the test where dcmtk is missing."""
    if shutil.which("storescu") is None:
        pytest.skip("storescu is missing: apt install dcmtk")


def write_object(path: Path, number: int, changes: dict[int, Element | None] | None = None) -> Path:
    """Writes a small object with UIDs of its own."""
    uid = sop_instance(number)
    named: dict[int, Element | None] = {0x00080018: ("UI", uid), 0x00100020: ("LO", f"P-{number}")}
    return write_opt(path, make_frames(2), changes={**named, **(changes or {})})


def write_objects(folder: Path, count: int, first: int = 1) -> list[Path]:
    """Writes small objects that differ in their UIDs and pixels; most of each is copied from one."""
    frames = make_frames(2)
    for number in range(first, first + count):
        changed = np.roll(frames, number, axis=1)
        named: dict[int, Element | None] = {
            0x00080018: ("UI", sop_instance(number)),
            0x00100020: ("LO", f"P-{number}"),
        }
        write_opt(folder / f"{number}.dcm", changed, changes=named)
    return [folder / f"{number}.dcm" for number in range(first, first + count)]


def sop_instance(number: int) -> str:
    """The SOP Instance UID of an object."""
    return f"{_ROOT}.{number}"


def storescu(
    port: int, files: Sequence[Path], *options: str, called: str = "OCTCLUSTER", calling: str = "DEVICE"
) -> subprocess.CompletedProcess[str]:
    """Sends files to a port of this machine, over one association."""
    command = ["storescu", "-v", "-R", "-aec", called, "-aet", calling, *options, "127.0.0.1", str(port)]
    return subprocess.run([*command, *map(str, files)], capture_output=True, text=True, timeout=300)


def start_storescu(
    port: int, files: Sequence[Path], log: Path, calling: str = "DEVICE"
) -> subprocess.Popen[bytes]:
    """The same, without waiting for its end."""
    command = ["storescu", "-v", "-R", "-aec", "OCTCLUSTER", "-aet", "DEVICE", "127.0.0.1", str(port)]
    with log.open("ab") as output:
        return subprocess.Popen([*command, *map(str, files)], stdout=output, stderr=output)


def read_acknowledged(log: str) -> set[str]:
    """The files that the log of storescu says were taken."""
    found = set()
    for part in log.split("I: Sending file: ")[1:]:
        if "Received Store Response (Success)" in part:
            found.add(part.partition("\n")[0].strip())
    return found
