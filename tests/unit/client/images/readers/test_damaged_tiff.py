"""700 damaged TIFF, WebP and PNG files of several pages: an answer or a refusal each, in time and memory.

They go the way of a run: through processes of their own, which may have 500 MB and 10 s for a file.
"""

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from mutations import mutate
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.processes import look_into, read_scans
from octcluster.images.readers.reader import SourceFile
from octcluster.images.readers.registry import find_reader
from PIL import Image
from reader_limits import bounded_workers
from scan_uses import measure
from tiff_files import TiffPage, write_tiff

pytestmark = pytest.mark.heavy

SIZE = (20, 24)


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    with bounded_workers():
        yield


def draw(count: int, kind: type[np.unsignedinteger] = np.uint8) -> list[np.ndarray]:
    source = np.random.default_rng(count)
    return [source.integers(0, np.iinfo(kind).max, SIZE, kind) for _ in range(count)]


def plain_tiff() -> bytes:
    return write_tiff([TiffPage(SIZE[1], SIZE[0], array.tobytes(), 16) for array in draw(3, np.uint16)])


def big_tiff() -> bytes:
    return write_tiff([TiffPage(SIZE[1], SIZE[0], array.tobytes()) for array in draw(3)], big=True)


def save(kind: str, **options: object) -> bytes:
    first, *others = map(Image.fromarray, draw(3))
    stream = io.BytesIO()
    first.save(stream, kind, save_all=True, append_images=others, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("build", "number"),
    [
        (plain_tiff, 200),
        (big_tiff, 100),
        (lambda: save("TIFF", compression="tiff_lzw"), 150),
        (lambda: save("TIFF", compression="tiff_deflate"), 100),
        (lambda: save("WEBP", lossless=True), 75),
        (lambda: save("PNG"), 75),
    ],
    ids=["plain", "big", "lzw", "deflate", "webp", "png"],
)
def test_damaged_files_are_answered_or_refused(
    tmp_path: Path, build: Callable[[], bytes], number: int
) -> None:
    intact, source = build(), random.Random(0)
    files = []
    for index in range(number):
        damaged = mutate(intact, source, len(intact))
        # What is not recognised any more gets to no reader.
        if find_reader(tmp_path, damaged) is not None:
            files.append(tmp_path / str(index))
            files[-1].write_bytes(damaged)
    assert len(files) > number // 2
    found = dict(look_into(files))
    assert len(found) == len(files)
    readable = []
    for position, answer in found.items():
        if isinstance(answer, SourceFile):
            readable.append((files[position], range(1, 1 + min(5, len(answer.scans)))))
        else:
            assert_clear(answer)
    assert readable
    for _, _, value in read_scans(readable, measure):
        if isinstance(value, UnreadableImage):
            assert_clear(value)


def assert_clear(reason: UnreadableImage) -> None:
    """It was no crash and no timeout, and says what to do."""
    text = str(reason)
    assert "crashed" not in text
    assert "took more than" not in text
    assert any(cure in text for cure in ("export", "copy", "run again", "scale")), text
