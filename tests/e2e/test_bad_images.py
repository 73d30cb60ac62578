"""Bad images are reported one by one; the good ones are clustered all the same."""

import csv
import json
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
    "black.png": "nothing can be seen in it: it is all black",
    "reach-100.png": "nothing can be seen in it: its 16-bit values",
}
WARNED = {("half.jpeg", "grey_band"), ("half.jpeg", "no_retina"), ("reach-4095.png", "dark")}


def png_bomb(side: int) -> bytes:
    """A PNG of side x side pixels that is a few kilobytes long."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(side + 1) * 8, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def cut_in_half(path: Path) -> bytes:
    """A JPEG whose second half is lost, with an end marker."""
    data = path.read_bytes()
    return data[: len(data) // 2].rstrip(b"\xff") + b"\xff\xd9"


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
    Image.new("L", (300, 200)).save(folder / "black.png")
    Image.fromarray(grey // 656).save(folder / "reach-100.png")
    Image.fromarray(grey // 16).save(folder / "reach-4095.png")
    (folder / "half.jpeg").write_bytes(cut_in_half(good[2]))
    part = np.asarray(Image.open(good[3]).convert("L").resize((496, 496)))
    wide = np.hstack([part[:, ::-1], part, part[:, ::-1]])  # one retina, without an edge between scans
    Image.fromarray(wide).save(folder / "wide.jpeg")
    return folder


@pytest.fixture(scope="module")
def run(
    mixed_folder: Path, octcluster: Octcluster, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Folder and printed summary of a run."""
    out = tmp_path_factory.mktemp("out")
    done = octcluster("run", mixed_folder, "--out", out, "--no-umap", "--stability", "0", "-k", "2")
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def warnings_of(folder: Path) -> set[tuple[str, str]]:
    return {(row["image"], row["kind"]) for row in rows(folder / "warnings.csv")}


def test_good_images_are_clustered_and_bad_ones_reported(run: tuple[Path, str]) -> None:
    out, _ = run
    assigned = {row["image"] for row in rows(out / "assignments.csv")}
    assert assigned == {f"good-{index}.jpeg" for index in range(10)} | {
        "good-16-bit.tiff",
        "wide.jpeg",
        *(image for image, _ in WARNED),
    }
    reasons = {row["image"]: row["reason"] for row in rows(out / "failures.csv")}
    assert set(reasons) == set(BAD)
    for image, words in BAD.items():
        assert words in reasons[image].lower(), reasons[image]


def test_faults_of_pixels_are_warned_of_and_counted(run: tuple[Path, str]) -> None:
    out, printed = run
    assert warnings_of(out) == WARNED
    record = json.loads((out / "run.json").read_text())
    assert record["faults"] == {"blank": 2, "dark": 1, "grey_band": 1, "no_retina": 1}
    assert record["framing"]["mostly_unseen"] == 0, "the wide one is read along its retina"
    report = (out / "report.html").read_text()
    for sentence in (
        "1 image: a band of one grey",
        "2 images: nothing can be seen",
        "1 image: no retina found",
    ):
        assert sentence in printed
        assert sentence in report


def test_describe_finds_the_same_without_embedding(
    run: tuple[Path, str], mixed_folder: Path, octcluster: Octcluster, tmp_path: Path
) -> None:
    done = octcluster("describe", mixed_folder, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    no_retina = {(image, kind) for image, kind in WARNED if kind == "no_retina"}  # embedding alone tells
    assert warnings_of(tmp_path) == warnings_of(run[0]) - no_retina
    found = json.loads((tmp_path / "describe.json").read_text())
    faults = json.loads((run[0] / "run.json").read_text())["faults"]
    assert found["faults"] == {kind: number for kind, number in faults.items() if kind != "no_retina"}
    assert "1 image: a band of one grey" in done.stdout


def test_strict_fails_when_an_image_does(mixed_folder: Path, octcluster: Octcluster, tmp_path: Path) -> None:
    options = ("--recipe", "plain-1", "--no-umap", "--stability", "0", "-k", "2")
    done = octcluster("run", mixed_folder, "--out", tmp_path, *options, "--strict")
    assert done.returncode == 1
    assert (tmp_path / "assignments.csv").exists()
    assert (tmp_path / "failures.csv").exists()
