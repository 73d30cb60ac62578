"""Small pictures of images for pages that may show them."""

import base64
import io
from pathlib import Path

_SIDE_PIXELS = 288
"""Longer side: twice what the page shows, for screens with fine pixels."""
_QUALITY = 60


def make_thumbnail(path: Path) -> str:
    """Makes a small grey picture of an image file, without anything that the file says beside its pixels.

    Args:
        path: The image.

    Returns:
        A ``data:`` address of a WebP picture; empty if the file cannot be read any more.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        with Image.open(path) as image:
            image.draft("L", (_SIDE_PIXELS, _SIDE_PIXELS))
            grey = ImageOps.exif_transpose(image).convert("L")
    except Exception:  # Pillow raises a dozen kinds for broken files, and a missing picture spoils no report
        return ""
    grey.thumbnail((_SIDE_PIXELS, _SIDE_PIXELS))
    stream = io.BytesIO()
    grey.save(stream, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
