"""Animated WebP and PNG: every frame is a scan."""

from pathlib import Path

import numpy as np
import pytest
from octcluster.images.headers import UnreadableImage, has_several_frames, is_plain_image
from octcluster.images.readers.frames import FramesReader
from octcluster.images.readers.reader import ScanFacts
from PIL import Image

READER = FramesReader()
KINDS = ("WEBP", "PNG")


def save(path: Path, kind: str, count: int) -> list[np.ndarray]:
    source = np.random.default_rng(count)
    arrays = [source.integers(0, 255, (24, 32), np.uint8) for _ in range(count)]
    first, *others = (Image.fromarray(array) for array in arrays)
    options = {"save_all": True, "append_images": others} if others else {}
    first.save(path, kind, lossless=True, duration=100, **options)
    return arrays


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_read_pixel_by_pixel(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    arrays = save(path, kind, 3)
    head = path.read_bytes()
    assert has_several_frames(head)
    assert not is_plain_image(head)
    assert READER.look(path).scans == [ScanFacts(height=24, width=32)] * 3
    for number, pixels in zip((3, 1), READER.read(path, (3, 1)), strict=True):
        found = np.frombuffer(pixels.data, np.uint8).reshape(24, 32)
        np.testing.assert_array_equal(found, arrays[number - 1])


@pytest.mark.parametrize("kind", KINDS)
def test_one_frame_is_a_plain_image(tmp_path: Path, kind: str) -> None:
    save(tmp_path / "a", kind, 1)
    head = (tmp_path / "a").read_bytes()
    assert is_plain_image(head)
    assert not has_several_frames(head)


@pytest.mark.parametrize("kind", KINDS)
def test_file_that_was_cut_short_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    save(path, kind, 3)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(UnreadableImage, match="damaged"):
        list(READER.read(path, (1, 2, 3)))
