"""The retina is found where it was drawn, and nowhere else."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster_embedder.images.retina import find_retina
from PIL import Image, ImageDraw
from retina_scans import HEIGHT, WIDTH, draw_scan, layer_rows

PIXELS = 5
"""How far the layer may be from where it was drawn; the pigment epithelium is 12 pixels thick."""


def assert_found(scan: NDArray[np.uint8], layer: NDArray[np.float64]) -> None:
    retina = find_retina(Image.fromarray(scan).convert("L"))
    assert retina is not None
    height, width = scan.shape[:2]
    assert np.abs(retina.rows(width, height) - layer).max() < PIXELS


@pytest.mark.parametrize("row", [150, 250, 350])
@pytest.mark.parametrize("tilt", [-90, 0, 60])
@pytest.mark.parametrize("bend", [-110, -40, 0, 30])
def test_a_retina_is_found_wherever_it_lies_and_however_it_is_bent(row: int, tilt: int, bend: int) -> None:
    layer = layer_rows(row=row, tilt=tilt, bend=bend)
    assert_found(draw_scan(layer), layer)


@pytest.mark.parametrize("width", [400, 768, 1536])
@pytest.mark.parametrize("height", [248, 496, 900])
def test_a_retina_is_found_at_any_size(width: int, height: int) -> None:
    layer = layer_rows(width, row=0.6 * height, tilt=0.1 * height, bend=-0.1 * height)
    scan = draw_scan(layer, height)
    retina = find_retina(Image.fromarray(scan))
    assert retina is not None
    assert np.abs(retina.rows(width, height) - layer).max() < 0.015 * height


def test_swellings_drusen_and_shadows_do_not_move_the_layer() -> None:
    layer = layer_rows(tilt=-40, bend=-30)
    columns = np.arange(WIDTH)
    scan = draw_scan(layer, lift=90 * np.exp(-(((columns - 256) / 60) ** 2)))
    drusen = layer - 30 * np.exp(-(((columns - 120) / 12) ** 2)) - 45 * np.exp(-(((columns - 380) / 30) ** 2))
    assert_found(scan, layer)
    assert_found(draw_scan(drusen), layer)
    scan[:, 200:225] //= 6
    scan[:, 300:312] //= 6
    assert_found(scan, layer)


def test_a_layer_that_leaves_the_image_is_followed() -> None:
    layer = layer_rows(row=380, tilt=160)
    assert layer.max() > HEIGHT
    assert_found(draw_scan(layer), layer)


def test_white_margins_are_no_layer() -> None:
    layer = layer_rows(tilt=30)
    scan = draw_scan(layer)
    for column in range(WIDTH):
        scan[: 20 + column // 5, column] = 255
    scan[-30:] = 255
    scan[:, -1] = 255
    assert_found(scan, layer)


def test_a_scan_in_colour_and_a_scan_on_a_dark_border() -> None:
    layer = layer_rows(bend=-50)
    scan = draw_scan(layer)
    assert_found(np.stack([scan, scan, scan], axis=2), layer)
    scan[:, :100] = 0
    assert_found(scan, layer)


def noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH), np.uint8))


def speckle(seed: int) -> Image.Image:
    values = np.random.default_rng(seed).gamma(1, 25, (HEIGHT, WIDTH))
    return Image.fromarray(np.minimum(values, 255).astype(np.uint8))


def fundus(seed: int) -> Image.Image:
    """A reddish disc on black with vessels and an optic disc."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 12, 492, 484), fill=(150, 70, 30))
    x, y = int(random.integers(120, 390)), int(random.integers(200, 300))
    for angle in random.uniform(0, 6.3, 12):
        points = [
            (x + r * np.cos(angle + r / 400), y + r * np.sin(angle + r / 400)) for r in range(0, 200, 20)
        ]
        draw.line(points, fill=(90, 30, 20), width=int(random.integers(2, 6)))
    draw.ellipse((x - 28, y - 32, x + 28, y + 32), fill=(240, 200, 120))
    return image


def one_brightness(value: int) -> Image.Image:
    return Image.new("L", (WIDTH, HEIGHT), value)


def gradient(direction: int) -> Image.Image:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return Image.fromarray(((x * (direction != 1) + y * (direction != 0)) // 4).astype(np.uint8))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("draw", [noise, speckle, fundus])
def test_what_is_no_scan_has_no_retina(draw: Callable[[int], Image.Image], seed: int) -> None:
    assert find_retina(draw(seed).convert("L")) is None


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_image_of_one_brightness_has_no_retina(value: int) -> None:
    assert find_retina(one_brightness(value)) is None


@pytest.mark.parametrize("direction", range(3))
def test_a_gradient_has_no_retina(direction: int) -> None:
    assert find_retina(gradient(direction)) is None


FINDING = """
from octcluster_embedder.images.retina import find_retina
from PIL import Image
from retina_scans import draw_scan, layer_rows
for tilt, bend in ((0, 0), (-90, 30), (60, -110), (17, 5), (-33, -71)):
    retina = find_retina(Image.fromarray(draw_scan(layer_rows(tilt=tilt, bend=bend))).convert("L"))
    print(retina.parabola.tobytes().hex())
"""


def test_it_lies_at_the_same_bits_whatever_blas_kernels_there_are() -> None:
    found = set()
    for kernels in ("Haswell", "Sandybridge", "Prescott"):
        environment = os.environ | {
            "OPENBLAS_CORETYPE": kernels,
            "PYTHONPATH": str(Path(__file__).parents[3] / "support"),
        }
        done = subprocess.run(
            [sys.executable, "-c", FINDING], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert len(found.pop().split()) == 5
