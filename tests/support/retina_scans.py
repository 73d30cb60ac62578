"""Scans whose retina lies where a test wants it, drawn by NumPy alone."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 512, 496
THICKNESS = 75
CHOROID = 60


def layer_rows(width: int = WIDTH, row: float = 300, tilt: float = 0, bend: float = 0) -> NDArray[np.float64]:
    """The pigment epithelium's row in each column: a parabola, its tilt and bend in rows at the edge."""
    x = np.linspace(-1, 1, width)
    return row + tilt * x + bend * x * x


def draw_scan(
    layer: NDArray[np.float64], height: int = HEIGHT, seed: int = 0, lift: NDArray[np.float64] | float = 0
) -> NDArray[np.uint8]:
    """Draws a scan: dark vitreous, nerve fibre layer, retina, pigment epithelium, choroid that fades; noise.

    Args:
        layer: The rows of the pigment epithelium.
        height: Of the image, in pixels.
        seed: Of the noise.
        lift: How much higher the nerve fibre layer lies than it should, in rows: a swelling.

    Returns:
        uint8, shape (height, number of columns).
    """
    depth = np.arange(height)[:, np.newaxis] - layer
    inner = -(THICKNESS + np.asarray(lift))
    image = np.full(depth.shape, 12.0)
    image = np.where((depth >= inner) & (depth < 0), 70.0, image)
    image = np.where((depth >= inner) & (depth < inner + 12), 120.0, image)
    image = np.where(depth >= 0, 12 + 60 * np.exp(-np.maximum(depth, 0) / CHOROID), image)
    image = np.where(np.abs(depth) < 6, 190.0, image)
    speckle = np.random.default_rng(seed).gamma(8, 1 / 8, image.shape)
    return np.clip(np.rint(image * speckle), 0, 255).astype(np.uint8)


def draw_wide_scan(seed: int, lesion: int | None = None) -> NDArray[np.uint8]:
    """A scan of 1536 x 496 pixels, tilted and bent by its seed, with a detachment at this column, or none."""
    random = np.random.default_rng(seed)
    layer = layer_rows(1536, *random.uniform((270, -30, -50), (310, 30, -10)))
    swelling = 0.0 if lesion is None else 80 * np.exp(-(((np.arange(1536) - lesion) / 70) ** 2))
    return draw_scan(layer - swelling, seed=seed)


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of the pixels."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
