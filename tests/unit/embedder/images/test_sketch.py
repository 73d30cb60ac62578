"""Sketches: limits of brightness and bands of one value, by hand and in what decoders make of cut files."""

import io
from pathlib import Path

import numpy as np
import pytest
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.images.measures import MEASURES
from octcluster_embedder.images.sketch import Sketch, draw_sketch
from PIL import Image

NOISE = np.random.default_rng(0).integers(20, 200, (96, 96), np.uint8)


def sketch(pixels: np.ndarray) -> Sketch:
    return draw_sketch(Image.fromarray(pixels))


def measures(data: bytes) -> dict[str, float]:
    found = decode_image(data, 224, 224, ImageLimits()).measures
    return dict(zip(MEASURES, found.tolist(), strict=True))


def test_limits_leave_out_three_hundredths_on_both_sides() -> None:
    cells = np.full((48, 48), 50, np.uint8)
    few = int(0.03 * 48 * 48)
    cells.flat[:few] = 3
    cells.flat[few : 2 * few] = 220
    assert (sketch(cells).darkest, sketch(cells).brightest) == (50, 50)
    cells.flat[2 * few] = 3
    cells.flat[2 * few + 1] = 220
    assert (sketch(cells).darkest, sketch(cells).brightest) == (3, 220)


def test_white_margins_are_not_what_is_seen() -> None:
    pixels = np.full((96, 96), 10, np.uint8)
    pixels[:30] = 255
    assert (sketch(pixels).darkest, sketch(pixels).brightest) == (10, 10)
    assert (sketch(pixels | 255).darkest, sketch(pixels | 255).brightest) == (255, 255)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("start", [0, 30, 48])
def test_a_band_lies_anywhere(start: int, turned: bool) -> None:
    pixels = NOISE.copy()
    pixels[start : start + 48] = 128
    found = sketch(pixels.T if turned else pixels)
    assert found.grey_band_share == pytest.approx(0.5)
    assert found.empty_band_share == 0


@pytest.mark.parametrize("value", [0, 5, 250, 255])
def test_a_black_or_white_band_is_no_grey_one(value: int) -> None:
    pixels = NOISE.copy()
    pixels[-48:] = value
    pixels[:12] = 77
    assert sketch(pixels).empty_band_share == pytest.approx(0.5)
    assert sketch(pixels).grey_band_share == pytest.approx(0.125)


def test_bands_of_two_greys_are_two() -> None:
    pixels = NOISE.copy()
    pixels[:24], pixels[24:60] = 90, 130
    assert sketch(pixels).grey_band_share == pytest.approx(36 / 96)


def test_colour_is_sketched_as_its_grey() -> None:
    pixels = np.stack([NOISE, NOISE[::-1], NOISE[:, ::-1]], axis=2)
    pixels[:48] = (200, 100, 50)
    assert sketch(pixels).grey_band_share == pytest.approx(0.5)


def test_a_scan_has_contrast_and_no_band(oct_images: Path) -> None:
    for path in sorted(oct_images.rglob("*.jp*g"))[::40]:
        found = measures(path.read_bytes())
        assert found["grey_band_share"] == 0
        assert found["brightest"] - found["darkest"] > 60


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_cut_jpeg_with_an_end_marker_has_a_band(oct_images: Path, kept: float) -> None:
    for path in sorted(oct_images.rglob("*.jp*g"))[::80]:
        data = path.read_bytes()
        start = data.index(b"\xff\xda")
        cut = data[: start + int(kept * (len(data) - start))]
        found = measures(cut.rstrip(b"\xff") + b"\xff\xd9")
        assert found["grey_band_share"] >= 0.03
        assert found["grey_band_share"] == pytest.approx(1 - kept, abs=0.25)


@pytest.mark.parametrize(
    ("mode", "file_format", "bits"),
    [("1", "PNG", 1), ("L", "PNG", 8), ("L", "JPEG", 8), ("RGB", "BMP", 8), ("I;16", "PNG", 16)],
)
def test_bits_are_those_of_the_file(mode: str, file_format: str, bits: int) -> None:
    stream = io.BytesIO()
    Image.new(mode, (32, 32), 1).save(stream, file_format)
    assert measures(stream.getvalue())["bits"] == bits
