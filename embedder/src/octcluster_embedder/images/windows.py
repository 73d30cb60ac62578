"""Overlapping windows of a wide picture: together they show its whole width."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# In widths of a window: how far neighbours are apart at most.
_MAX_STEP = 0.75


def cut_windows(
    image: Image.Image, height: int, width: int, *, widest_in_one: float = 1
) -> NDArray[np.uint8]:
    """Cuts a picture into overlapping windows of its whole height, or a narrow one into one in its centre.

    Args:
        image: A picture of mode L or RGB.
        height: Height of the network's input, in pixels.
        width: Width of the network's input, in pixels.
        widest_in_one: Up to which width a picture has one window, in widths of a window.

    Returns:
        uint8, shape (n_windows, height, width, 3), from left to right; one window at least.
    """
    window = min(image.width, round(image.height * width / height))
    rest = image.width - window
    is_wide = image.width > widest_in_one * window
    n_windows = 1 + math.ceil(rest / (_MAX_STEP * window)) if is_wide else 1
    lefts = np.linspace(0, rest, n_windows) if is_wide else [rest / 2]
    windows = np.empty((n_windows, height, width, 3), np.uint8)
    for shown, left in zip(windows, lefts, strict=True):
        box = (round(left), 0, round(left) + window, image.height)
        shown[:] = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box).convert("RGB"))
    return windows
