"""760 damaged files of devices: an answer or a refusal each, and nothing of theirs in it.

They go the way of a run: through processes of their own, which may have 500 MB and 10 s for a file.
"""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import scan_uses
import vendor_files
from bioptigen_files import bioptigen_bytes, random_frames
from e2e_files import Volume, e2e_bytes
from mutations import mutate
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.processes import look_into, read_scans
from octcluster.images.readers.reader import SourceFile
from reader_limits import bounded_workers
from topcon_files import compressed_chunk, facts, random_scans, raw_chunk, topcon_bytes

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    with bounded_workers():
        yield


def small_vol() -> bytes:
    data = bytearray(vendor_files.vol_bytes(vendor_files.random_volume((3, 20, 24))))
    for place, text in ((104, b"PLANTED"), (120, b"PLANTED"), (176, b"PLANTED"), (224, b"PLANTED")):
        data[place : place + len(text)] = text
    return bytes(data)


def small_xml() -> bytes:
    return vendor_files.DUMMY_XML.read_bytes().replace(b"Doe", b"PLANTED").replace(b"John", b"PLANTED")


def small_e2e() -> bytes:
    stored = np.random.default_rng(0).integers(50 << 10, 63 << 10, (3, 20, 24), dtype=np.uint16)
    return e2e_bytes([Volume(stored), Volume(stored, "L")])


def small_topcon() -> bytes:
    shape = (3, 20, 24)
    chunks = {
        "IMG_JPEG": compressed_chunk(random_scans(np.uint8, shape)),
        "IMG_SCAN_03": raw_chunk(random_scans(np.uint16, shape)),
    }
    return topcon_bytes(facts() | chunks)


def small_fds() -> bytes:
    return topcon_bytes(facts() | {"IMG_SCAN_03": raw_chunk(random_scans(np.uint16, (3, 20, 24)))}, "FDS")


def small_bioptigen() -> bytes:
    return bioptigen_bytes(random_frames((3, 20, 24)))


@pytest.mark.parametrize(
    ("ending", "build", "header_bytes", "number"),
    [
        (".vol", small_vol, 2048, 400),
        (".xml", small_xml, 9000, 60),
        (".e2e", small_e2e, 1800, 120),
        (".fda", small_topcon, 1100, 60),
        (".fds", small_fds, 1100, 60),
        (".OCT", small_bioptigen, 800, 60),
    ],
)
def test_damaged_files_are_answered_or_refused(
    tmp_path: Path, ending: str, build: Callable[[], bytes], header_bytes: int, number: int
) -> None:
    intact, source = build(), random.Random(0)
    if ending == ".xml":
        for image in vendor_files.HEYEX.glob("*.tif"):
            shutil.copy(image, tmp_path)
    paths = [tmp_path / f"{index}{ending}" for index in range(number)]
    for path in paths:
        path.write_bytes(mutate(intact, source, header_bytes))
    found = dict(look_into(paths))
    assert len(found) == number
    answers = {paths[at]: each for at, each in found.items() if isinstance(each, SourceFile)}
    # Both happens, or the damage would be too much or too little.
    assert number * 0.1 < len(answers) < number
    wanted = [(path, range(1, len(answer.scans) + 1)) for path, answer in answers.items() if answer.scans]
    scans = list(read_scans(wanted, scan_uses.measure))
    assert len(scans) == sum(len(numbers) for _, numbers in wanted)
    refusals = [
        value
        for value in (*found.values(), *(scan[2] for scan in scans))
        if isinstance(value, UnreadableImage)
    ]
    # The readers refuse themselves: no process had to be ended, and no library raised what nobody expected.
    unexpected = ("crashed", "more than", "that its reader does not know", "no process")
    assert [str(refusal) for refusal in refusals if any(word in str(refusal) for word in unexpected)] == []
    assert not any("PLANTED" in repr(each) for each in (*answers.values(), *refusals))
