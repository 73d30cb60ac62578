"""A level retina lies in one row, whatever its place in the scan, and windows show its whole width."""

import numpy as np
import pytest
from octcluster_embedder.images.levelling import SHARE_ABOVE, level, view_retina
from octcluster_embedder.images.retina import Retina, find_retina
from PIL import Image
from retina_scans import HEIGHT, WIDTH, draw_scan, layer_rows

PIXELS = 5
"""How far the layer may be from where it should be; it is 12 pixels thick."""


@pytest.mark.parametrize("size", [(16, 16), (17, 300), (3000, 16), (40, 30)])
def test_images_of_any_size_are_looked_at(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    view_retina(Image.fromarray(random.integers(0, 256, size[::-1], np.uint8)), 224, 224)


def test_a_level_retina_lies_in_one_row() -> None:
    image = Image.fromarray(draw_scan(layer_rows(tilt=70, bend=-60)))
    retina = find_retina(image)
    assert retina is not None
    levelled = level(image, retina)
    brightest = levelled.astype(np.int64)[:, : WIDTH // 8 * 8].reshape(len(levelled), -1, 8).mean(axis=2)
    assert np.abs(brightest.argmax(axis=0) - SHARE_ABOVE * HEIGHT).max() <= 6 + PIXELS
    assert levelled.shape == (380, WIDTH)


@pytest.mark.parametrize("row", [-300.4, 20, 20.3, 200.6, 250, 480.5, 900])
def test_what_lies_outside_of_the_image_is_background_and_the_rest_keeps_its_grey(row: float) -> None:
    image = Image.fromarray(np.full((HEIGHT, WIDTH), 200, np.uint8))
    parabola = np.array([(row + 0.5) / HEIGHT, 0, 0], np.float32)
    levelled = level(image, Retina(parabola, 17.0, np.zeros((HEIGHT, WIDTH), np.bool_)))
    rows = np.arange(380) + row - SHARE_ABOVE * HEIGHT
    outside = (rows <= -1) | (rows >= HEIGHT)
    assert (levelled[outside] == 17).all()
    assert (levelled[(rows >= 0) & (rows <= HEIGHT - 1)] == 200).all()


def test_the_same_eye_looks_alike_wherever_it_lies_in_the_scan() -> None:
    views = [
        view_retina(Image.fromarray(draw_scan(layer_rows(row=row, tilt=tilt, bend=bend))), 224, 224)
        for row, tilt, bend in [(300, 0, 0), (330, 60, -50), (280, -40, 20)]
    ]
    first, *others = (view.astype(np.float64) for view in views if view is not None)
    for other in others:
        assert np.corrcoef(first.ravel(), other.ravel())[0, 1] > 0.9


def test_white_margins_are_as_dark_as_the_background_in_the_view() -> None:
    scan = draw_scan(layer_rows())
    scan[:120] = 255
    scan[:, :40] = 255
    view = view_retina(Image.fromarray(scan), 224, 224)
    assert view is not None
    assert np.mean(view > 250) < 0.01


def test_a_mirrored_image_has_mirrored_windows() -> None:
    image = Image.fromarray(draw_scan(layer_rows(768, tilt=50, bend=-40)))
    windows = view_retina(image, 224, 224)
    mirrored = view_retina(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 224, 224)
    assert windows is not None
    assert mirrored is not None
    difference = np.abs(windows.astype(np.float64) - mirrored[::-1, :, ::-1])
    assert difference.mean() < 8
