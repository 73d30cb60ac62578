"""What the client holds of each image: bounded, so that a million images fit beside all else on a laptop."""

import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

import pytest
from octcluster.clients.assignment_reader import AssignmentReader
from octcluster.clients.clusterer_conversions import start_run_messages
from octcluster.images.folder import find_images
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.embedding import read_keys
from octcluster.workflows.keyed_images import MeasureTable
from octcluster.workflows.member_columns import MemberColumns
from octcluster_protos.clusterer.v1 import clusterer_pb2 as messages
from outcomes import make_outcome

pytestmark = pytest.mark.heavy

SMALL, LARGE = 1000, 7000
# With the points of the report, some 200 bytes each, of which a page shows 200,000 at most.
MOST_BYTES = 700
NAMES = ("width", "height", "brightness", "white_border_share", *(f"measure_{n}" for n in range(8)))


def write_images(folder: Path, count: int) -> None:
    """Files that begin as BMP images do, four of a patient; nobody decodes them."""
    for number in range(count):
        label = ("CNV", "DME", "DRUSEN", "NORMAL")[number % 4]
        file = folder / label / f"{label}-{number // 16:07d}-{number // 4 % 4}.bmp"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"BM" + bytes(12) + (40).to_bytes(4, "little") + number.to_bytes(4, "little"))


def receive(count: int, keys: list[bytes]) -> AssignmentReader:
    """Assignments as a clusterer sends them, some thousands in a message."""
    reader, draw = AssignmentReader(), Random(0)
    for start in range(0, count, 4096):
        own = keys[start : start + 4096]
        floats = [draw.random() for _ in own]
        reader.add(
            messages.StreamAssignmentsResponse(
                image_keys=own,
                clusters=[draw.randrange(4) for _ in own],
                silhouettes=floats,
                distances=floats,
                x=floats,
                y=floats,
            )
        )
    return reader


def go_through(images: Path, out: Path) -> None:
    """All that a run does with images beside the calls themselves, the files among it."""
    image_set = find_images(images)
    keyed = read_keys(image_set.images, b"", lambda *_: None)
    keyed.measures = MeasureTable(len(image_set.images), NAMES)
    for position in keyed.distinct_positions():
        keyed.keep_measures(position, [512.0] * len(NAMES))
    pattern = make_outcome()
    members = MemberColumns(keyed, image_set.classes, None)
    for message in start_run_messages(pattern.spec, members, 4096):
        assert message.ByteSize()
    outcome = replace(
        pattern,
        image_set=image_set,
        members=keyed.good_scans(),
        image_keys=keyed.good_keys(),
        failures=[],
        assignments=receive(len(members), keyed.good_keys()[:]).assignments(),
    )
    write_run_files(outcome, out, {}, datetime.now(UTC))


def measure(work: Callable[[], None]) -> int:
    """The most memory of Python's own that work takes, in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_each_image_takes_a_few_hundred_bytes(tmp_path: Path) -> None:
    found = {}
    for count in (LARGE, SMALL):
        images, out = tmp_path / f"{count}", tmp_path / f"out-{count}"
        out.mkdir()
        write_images(images, count)
        go_through(images, out)  # what is imported, and what is kept for good, is so now
        found[count] = measure(partial(go_through, images, out))
        assert len((out / "assignments.csv").read_bytes().splitlines()) == count + 1
    assert (found[LARGE] - found[SMALL]) / (LARGE - SMALL) < MOST_BYTES
