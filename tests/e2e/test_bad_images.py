"""Bad images are reported one by one; the good ones are clustered all the same."""

import csv
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import Octcluster

BAD = {
    "empty.jpg": "empty",
    "text.jpg": "no jpeg, png, tiff",
    "truncated.jpg": "cut short",
    "tiny.png": "1x1",
    "bomb.png": "900,000,000",
}


def png_bomb(side: int) -> bytes:
    """A PNG of side x side pixels that is a few kilobytes long."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(side + 1) * 8, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def mixed_folder(oct_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    files = sorted(oct_images.rglob("*.jpeg"))
    good = files[:: len(files) // 10][:10]
    for index, file in enumerate(good):
        (folder / f"good-{index}.jpeg").write_bytes(file.read_bytes())
    grey = np.asarray(Image.open(good[0]).convert("L"), dtype=np.uint16) * 257
    Image.fromarray(grey).save(folder / "good-16-bit.tiff")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("this is a letter, not an image\n" * 20)
    (folder / "truncated.jpg").write_bytes(good[1].read_bytes()[:9000])
    Image.new("L", (1, 1)).save(folder / "tiny.png")
    (folder / "bomb.png").write_bytes(png_bomb(30_000))
    return folder


def test_good_images_are_clustered_and_bad_ones_reported(
    mixed_folder: Path, octcluster: Octcluster, tmp_path: Path
) -> None:
    done = octcluster("run", mixed_folder, "--out", tmp_path, "--no-umap", "--stability", "0", "-k", "2")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "assignments.csv").open(newline="") as file:
        assigned = {row["image"] for row in csv.DictReader(file)}
    assert assigned == {f"good-{index}.jpeg" for index in range(10)} | {"good-16-bit.tiff"}
    with (tmp_path / "failures.csv").open(newline="") as file:
        reasons = {row["image"]: row["reason"] for row in csv.DictReader(file)}
    assert set(reasons) == set(BAD)
    for image, words in BAD.items():
        assert words in reasons[image].lower(), reasons[image]


def test_strict_fails_when_an_image_does(mixed_folder: Path, octcluster: Octcluster, tmp_path: Path) -> None:
    done = octcluster(
        "run", mixed_folder, "--out", tmp_path, "--no-umap", "--stability", "0", "-k", "2", "--strict"
    )
    assert done.returncode == 1
    assert (tmp_path / "assignments.csv").exists()
    assert (tmp_path / "failures.csv").exists()
