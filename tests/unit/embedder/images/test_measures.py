"""What is measured of an image: by hand on small ones, against a flood fill on real ones."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.images.measures import MEASURES, MEASURES_DIGEST, MEASURES_VERSION, measure_image
from octcluster_embedder.images.sketch import draw_sketch
from PIL import Image

WHITE, GREY = 255, 100
OF_THE_WHOLE = 4
"""The first so many measures are those of the whole image; test_sketch.py has those of its sketch."""


def measures(pixels: np.ndarray | Image.Image) -> dict[str, float]:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    found = measure_image(image, image.size, 8, draw_sketch(image))
    assert found.shape == (len(MEASURES),)
    assert found.dtype == np.float32
    return dict(zip(MEASURES, found.tolist(), strict=True))


def decoded_measures(image: Image.Image, file_format: str = "PNG", **options: Any) -> np.ndarray:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return decode_image(stream.getvalue(), 32, 32, ImageLimits()).measures[:OF_THE_WHOLE]


def scan() -> np.ndarray:
    return np.full((20, 40), GREY, np.uint8)


def test_a_scan_without_margins() -> None:
    assert list(measures(scan()).values())[:OF_THE_WHOLE] == [40, 20, 100, 0]


def test_strips_and_triangles_at_the_edges_are_margins() -> None:
    pixels = scan()
    pixels[:2] = WHITE  # 80 pixels
    pixels[-1, :10] = 250  # 10
    for row in range(10):
        pixels[5 + row, row - 10 :] = WHITE  # 10, 9, ... 1: a triangle of 55
    white = 80 + 55
    found = measures(pixels)
    assert found["white_border_share"] == pytest.approx((white + 10) / 800)
    assert found["brightness"] == pytest.approx((white * 255 + 10 * 250 + (800 - white - 10) * 100) / 800)


def test_white_within_the_scan_is_no_margin() -> None:
    pixels = scan()
    pixels[8:12, 10:30] = WHITE
    pixels[0, 5] = 249
    assert measures(pixels)["white_border_share"] == 0


@pytest.mark.parametrize(("value", "share"), [(0, 0), (249, 0), (250, 1), (255, 1)])
def test_an_image_of_one_value(value: int, share: float) -> None:
    found = measures(np.full((20, 40), value, np.uint8))
    assert (found["brightness"], found["white_border_share"]) == (value, share)


def test_colour_counts_as_its_grey() -> None:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:10] = (255, 0, 0)
    pixels[10:] = (255, 255, 255)
    found = measures(pixels)
    assert found["brightness"] == pytest.approx((round(0.299 * 255) + 255) / 2)
    assert found["white_border_share"] == 0.5


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.FLIP_LEFT_RIGHT])
def test_a_turned_image_has_the_same_margins(turn: Image.Transpose) -> None:
    pixels = scan()
    pixels[:, -3:] = WHITE
    pixels[-4:, :7] = WHITE
    straight, turned = measures(pixels), measures(Image.fromarray(pixels).transpose(turn))
    assert turned["white_border_share"] == straight["white_border_share"] > 0
    assert turned["width"] == (20 if turn is Image.Transpose.ROTATE_90 else 40)


def test_the_upright_image_is_measured_and_not_the_crop() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    pixels = scan()
    pixels[:, :8] = WHITE
    found = decoded_measures(Image.fromarray(pixels), exif=exif)
    assert found.tolist() == pytest.approx([20, 40, (32 * 100 + 8 * 255) / 40, 0.2])


@pytest.mark.parametrize(("orientation", "size"), [(1, [399, 301]), (6, [301, 399])])
def test_the_size_is_that_of_the_whole_image_and_not_that_at_which_it_is_decoded(
    orientation: int, size: list[int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decoded_measures(Image.new("L", (399, 301), GREY), "JPEG", exif=exif)
    assert found.tolist() == [*size, GREY, 0]


def test_sixteen_bits_are_measured_as_eight() -> None:
    eight = decoded_measures(Image.fromarray(scan()))
    assert (
        decoded_measures(Image.fromarray(scan().astype(np.uint16) * 257), "TIFF").tolist() == eight.tolist()
    )


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (16, 100_000), (3000, 2000)])
def test_any_shape_can_be_measured(size: tuple[int, int]) -> None:
    image = Image.new("L", size, WHITE)
    image.paste(0, (0, 0, max(1, size[0] // 2), max(1, size[1] // 2)))
    found = measures(image)
    assert (found["width"], found["height"]) == size
    assert 0 <= found["white_border_share"] <= 1


def test_real_scans_are_measured_almost_as_by_a_flood_fill_of_every_pixel(oct_images: Path) -> None:
    from scipy import ndimage

    for path in sorted(oct_images.rglob("*.jp*g"))[::24]:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"))
        white, _ = ndimage.label(pixels >= 250)
        edges = np.concatenate([white[0], white[-1], white[:, 0], white[:, -1]])
        share = np.isin(white, edges[edges > 0]).mean()
        found = decode_image(path.read_bytes(), 224, 224, ImageLimits()).measures
        assert found[:2].tolist() == list(pixels.shape[::-1])
        assert found[2] == pytest.approx(pixels.mean(), abs=2)
        assert found[3] == pytest.approx(share, abs=0.01)


def test_the_digest_tells_names_and_versions_apart() -> None:
    names = ",".join(f'"{name}"' for name in MEASURES)
    canonical = f'{{"names":[{names}],"version":{MEASURES_VERSION}}}'
    assert hashlib.sha256(canonical.encode()).digest() == MEASURES_DIGEST
