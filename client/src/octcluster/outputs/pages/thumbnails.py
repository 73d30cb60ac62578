"""Small pictures of images for pages that may show them."""

import base64
import io
from typing import TYPE_CHECKING

from octcluster.images.decoding import open_scan
from octcluster.images.image_set import Scan

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE_PIXELS = 288
"""Longer side: twice what the page shows, for screens with fine pixels."""
_QUALITY = 60


def make_thumbnail(scan: Scan, side_pixels: int = _SIDE_PIXELS) -> str:
    """Makes a small grey picture of a scan, without anything that its file says beside its pixels.

    Args:
        scan: The scan.
        side_pixels: Its longer side.

    Returns:
        A ``data:`` address of a WebP picture; empty if the file cannot be read any more.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        with Image.open(open_scan(scan)) as image:
            image.draft("L", (side_pixels, side_pixels))
            grey = _to_grey(ImageOps.exif_transpose(image))
    except Exception:  # Pillow raises a dozen kinds for broken files, and a missing picture spoils no report
        return ""
    grey.thumbnail((side_pixels, side_pixels))
    stream = io.BytesIO()
    grey.save(stream, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _to_grey(image: "Image") -> "Image":
    """Converts to 8 bits; Pillow's own conversion would clip 16 bits at 255."""
    if image.mode[0] == "I":
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5)
    return image.convert("L")
