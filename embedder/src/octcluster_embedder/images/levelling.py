"""What a network sees of a B-scan whose retina was found: the retina alone, level, in its whole width.

How high the retina lies in a scan, how it is tilted and what a registration has cut off are accidents of the
recording. So each column is moved until the retina's layer is a straight line, and a fixed share of the
height above and below it is kept. White margins, and what lies outside of the image, become as dark as its
background. What is left of a scan of 512 x 496 pixels is shown by one window in its centre, of wider ones by
overlapping windows that show their whole width: three for 768 x 496 pixels, five for 1536 x 496.

Whatever changes the pixels that come out of here changes RETINA_VERSION in ``spaces``, which is part of every
embedding space with the view ``retina``.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from octcluster_embedder.images.retina import Retina, find_retina
from octcluster_embedder.images.windows import cut_windows

SHARE_ABOVE = 250 / 496
"""Share of the image's height that is kept above the layer: retina, swelling, some of the vitreous."""
SHARE_BELOW = 130 / 496
"""Share of the image's height that is kept below the layer: the choroid."""

# Registered scans have lines of white, a pixel wide, at their edges.
_EDGE_SHARE = 0.01
# Wider and higher images are no scans, and each window of one costs a forward pass.
_MAX_ASPECT = 8.0
_MIN_ASPECT = 0.25
_ONE_WINDOW = 1.5
"""Up to which width a level retina is shown by one window, in widths of a window."""


def view_retina(image: Image.Image, height: int, width: int) -> NDArray[np.uint8] | None:
    """Shows the retina of an image, level, in overlapping windows.

    Args:
        image: An upright image of mode L or RGB, at its full size or a reduced one.
        height: Height of the network's input, in pixels.
        width: Width of the network's input, in pixels.

    Returns:
        uint8, shape (n_windows, height, width, 3), from left to right; None if no retina was found.
    """
    if not _MIN_ASPECT <= image.width / image.height <= _MAX_ASPECT:
        return None
    factor = int((SHARE_ABOVE + SHARE_BELOW) * image.height / height)
    if factor > 1:
        image = image.reduce(factor)
    edges = [math.ceil(_EDGE_SHARE * side) for side in image.size]
    trimmed = image.convert("L").crop((edges[0], edges[1], image.width - edges[0], image.height - edges[1]))
    retina = find_retina(trimmed)
    if retina is None:
        return None
    return cut_windows(Image.fromarray(level(trimmed, retina)), height, width, widest_in_one=_ONE_WINDOW)


def level(image: Image.Image, retina: Retina) -> NDArray[np.uint8]:
    """Moves each column until the retina lies in one row.

    Args:
        image: The grey image in which it was found, mode L.
        retina: Where it lies.

    Returns:
        uint8, shape (n_rows, width): grey. The layer lies ``SHARE_ABOVE`` of the image's height below
        the top.
    """
    grey = np.array(image)
    height, width = grey.shape
    grey[retina.margins] = np.uint8(retina.background)
    n_rows = round((SHARE_ABOVE + SHARE_BELOW) * height)
    top = retina.rows(width, height) - np.float32(SHARE_ABOVE * height)
    whole = np.floor(top)
    # Background stands for all that lies outside. Column by column, so that what is kept of one is one piece.
    framed = np.full((width, height + 2 * (n_rows + 1)), np.uint8(retina.background))
    framed[:, n_rows + 1 : -n_rows - 1] = grey.T
    first = np.clip(whole.astype(np.intp) + n_rows + 1, 0, framed.shape[1] - n_rows - 1)
    kept = sliding_window_view(framed, n_rows + 1, axis=1)[np.arange(width), first].astype(np.uint16)
    share = np.rint((top - whole) * 255).astype(np.uint16)[:, np.newaxis]
    levelled = (kept[:, :-1] * (255 - share) + kept[:, 1:] * share + 127) // 255
    return np.ascontiguousarray(levelled.astype(np.uint8).T)
