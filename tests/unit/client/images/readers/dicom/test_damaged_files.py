"""Two thousand damaged DICOM files: an answer or a refusal each, and nothing of theirs in it.

They go the way of a run: through processes of their own, which may have 500 MB and 10 s for a file.
"""

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dicom_files
import jpeg_ls
import numpy as np
import pytest
import scan_uses
from dicom_files import Element, Stored, encode_jpeg, encode_jpeg_2000, make_frames, write_opt
from machine import need
from mutations import mutate
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.processes import look_into, read_scans
from octcluster.images.readers.reader import SourceFile
from reader_limits import bounded_workers

pytestmark = pytest.mark.heavy
N_FILES = 182
HEADER_BYTES = 3600
PLANTED: dict[int, Element | None] = {
    0x00080050: ("SH", "PLANTED"),
    0x00091001: ("LO", "PLANTED"),
    0x00100010: ("PN", "PLANTED"),
    0x00281050: ("DS", 100),
    0x00281051: ("DS", 200),
}


def write_plain(path: Path, syntax: str, bits: int = 8) -> Path:
    return write_opt(path, make_frames(3, 12, 16, bits), Stored(syntax, bits), PLANTED)


def write_compressed(path: Path, syntax: str, encode: Callable[[Any], bytes]) -> Path:
    frames = make_frames(3, 12, 16)
    stored = Stored(syntax, codestreams=[bytes(encode(frame.astype(np.uint8))) for frame in frames])
    return write_opt(path, frames, stored, PLANTED)


def convert(path: Path, *program: str) -> Path:
    need(shutil.which(program[0]), program[0], "apt-get install dcmtk")
    plain = write_plain(path.with_name("plain.dcm"), dicom_files.EXPLICIT, 12)
    subprocess.run([*program, str(plain), str(path)], check=True, capture_output=True)
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "implicit": lambda path: write_plain(path, dicom_files.IMPLICIT),
    "explicit": lambda path: write_plain(path, dicom_files.EXPLICIT, 16),
    "big endian": lambda path: write_plain(path, dicom_files.BIG_ENDIAN, 12),
    "deflated": lambda path: write_plain(path, dicom_files.DEFLATED),
    "JPEG": lambda path: write_compressed(path, "1.2.840.10008.1.2.4.50", encode_jpeg),
    "JPEG-LS": lambda path: write_compressed(path, "1.2.840.10008.1.2.4.80", jpeg_ls.encode_array),
    "JPEG 2000": lambda path: write_compressed(path, dicom_files.JPEG_2000_LOSSLESS, encode_jpeg_2000),
    "RLE": lambda path: convert(path, "dcmcrle"),
    "JPEG extended": lambda path: convert(path, "dcmcjpeg", "+ee"),
    "JPEG lossless": lambda path: convert(path, "dcmcjpeg", "+e1"),
    "JPEG-LS near-lossless": lambda path: convert(path, "dcmcjpls", "+en"),
}


def damage(intact: bytes, source: random.Random) -> bytes:
    """Damages a file; one in five has a piece of it twice, so that elements are doubled."""
    if source.random() < 0.2:
        start = source.randrange(132, HEADER_BYTES)
        piece = intact[start : start + source.choice((8, 12, 64, 512))]
        place = source.randrange(132, HEADER_BYTES)
        return intact[:place] + piece + intact[place:]
    return mutate(intact, source, HEADER_BYTES)


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    """The same processes read all files."""
    with bounded_workers():
        yield


@pytest.mark.parametrize("kind", WRITERS)
def test_damaged_files_are_answered_or_refused(tmp_path: Path, kind: str) -> None:
    intact, source = WRITERS[kind](tmp_path / "intact.dcm").read_bytes(), random.Random(kind)
    paths = [tmp_path / f"{index}" for index in range(N_FILES)]
    for path in paths:
        path.write_bytes(damage(intact, source))
    found = dict(look_into(paths))
    assert len(found) == N_FILES
    answers = {paths[at]: each for at, each in found.items() if isinstance(each, SourceFile)}
    # Both happens, or the damage would be too much or too little.
    assert N_FILES * 0.1 < len(answers) < N_FILES
    wanted = [(path, range(1, len(answer.scans) + 1)) for path, answer in answers.items() if answer.scans]
    scans = list(read_scans(wanted, scan_uses.measure))
    assert len(scans) == sum(len(numbers) for _, numbers in wanted)
    values = (*found.values(), *(scan[2] for scan in scans))
    refusals = [str(value) for value in values if isinstance(value, UnreadableImage)]
    # The reader refuses itself: no process had to be ended, and no library raised what nobody expected.
    unexpected = (
        "its reader crashed",
        "its reader took",
        "reading it needs",
        "does not know (",
        "no process",
    )
    assert [reason for reason in refusals if any(word in reason for word in unexpected)] == []
    told = [(answer.left_out, answer.warnings) for answer in answers.values()]
    assert not any("PLANTED" in text for text in (*refusals, repr(told)))
