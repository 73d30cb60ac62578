"""What is measured of an image while it is decoded: what a clustering should not follow, and what is wrong.

    ====================  ====================================================================================
    width, height         of the upright image, in pixels
    brightness            mean of the 8-bit greyscale, 0 to 255
    white_border_share    share of the pixels in white margins: those from which a straight line, up, down,
                          left or right, leads to an edge of the image over white pixels only
    bits                  of one channel of a pixel in the file
    darkest, brightest    see ``sketch``, as the two after them
    grey_band_share
    empty_band_share
    retina_found          1 if the image's retina was found, else 0; -1 if it was not looked for, as no view
                          of it was wanted
    ====================  ====================================================================================

OCT2017 pads its registered scans with white, in strips and in triangles: whole white rows and columns hold
half of it only, lines to the edges 98% (a flood fill from the edges is the reference).

Brightness and white border are measured on the image as it was decoded, which for a JPEG may be at a
reduced size. Of one with more than 192 x 192 pixels every n-th pixel of every n-th row is taken, so that
about 128 x 128 are left.
On OCT2017 that moves the brightness by 0.5 and the share by 0.002 on average (at full size by 0.4 and 0.001).
Whatever changes a measure changes MEASURES_VERSION.
"""

import hashlib
import json
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from octcluster_embedder.images.sketch import Sketch

MEASURES = (
    "width",
    "height",
    "brightness",
    "white_border_share",
    "bits",
    "darkest",
    "brightest",
    "grey_band_share",
    "empty_band_share",
    "retina_found",
)
MEASURES_VERSION = 4
RETINA_NOT_SOUGHT = -1.0
MEASURES_DIGEST = hashlib.sha256(
    json.dumps({"names": MEASURES, "version": MEASURES_VERSION}, separators=(",", ":")).encode()
).digest()
"""SHA-256 over the names and the version, 32 bytes."""

_SAMPLES_TO_A_SIDE = 128
WHITE = 250
"""From this brightness on, a pixel at the edge is a margin."""


def measure_image(
    image: Image.Image,
    full_size: tuple[int, int],
    bits: int,
    sketch: Sketch,
    retina_found: float = RETINA_NOT_SOUGHT,
) -> NDArray[np.float32]:
    """Measures an upright image of mode L or RGB.

    Args:
        image: The image, at its full size or a reduced one.
        full_size: Width and height of the whole image.
        bits: Bits of one channel of a pixel in the file.
        sketch: The sketch of the image.
        retina_found: 1, 0 or RETINA_NOT_SOUGHT; see the module.

    Returns:
        float32, shape (10,), in the order of ``MEASURES``.
    """
    width, height = image.size
    step = max(1, round(math.sqrt(width * height) / _SAMPLES_TO_A_SIDE))
    sampled_size = (-(-width // step), -(-height // step))
    sample = np.asarray(image.resize(sampled_size, Image.Resampling.NEAREST).convert("L"))
    white_border_share = np.count_nonzero(reaches_an_edge(sample >= WHITE)) / sample.size
    return np.array(
        [
            *full_size,
            sample.mean(),
            white_border_share,
            bits,
            sketch.darkest,
            sketch.brightest,
            sketch.grey_band_share,
            sketch.empty_band_share,
            retina_found,
        ],
        dtype=np.float32,
    )


def reaches_an_edge(white: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tells from which pixels a straight line of white ones leads to an edge.

    Args:
        white: bool, shape (height, width).

    Returns:
        bool, of the same shape.
    """
    return _margins(white) | _margins(np.ascontiguousarray(white.T)).T


def _margins(white: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tells which pixels lie before the first or after the last dark one of their row."""
    margins = np.zeros_like(white)
    rows = np.flatnonzero(white[:, 0] | white[:, -1])  # the others have none
    dark = ~white[rows]
    length = dark.shape[1]
    first = np.where(dark.any(axis=1), dark.argmax(axis=1), length).astype(np.int32)[:, np.newaxis]
    last = (length - 1 - dark[:, ::-1].argmax(axis=1)).astype(np.int32)[:, np.newaxis]
    positions = np.arange(length, dtype=np.int32)
    margins[rows] = (positions < first) | (positions > last)
    return margins
