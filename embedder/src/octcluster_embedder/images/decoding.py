"""From one encoded image to pixels of the network's size and the image's measures, with Pillow.

An image is decoded, turned upright, converted to 8 bits, cropped to the largest centred part with the
network's aspect ratio, resized with the bicubic filter (antialiased when it shrinks), and greyscale is
repeated into three channels. Stretching the whole image instead, as the study did, makes clusters of image
widths: see docs/decisions/0006-centre-crop.md. A JPEG is decoded at a half, a quarter or an eighth of its
size where that is still as large as the network wants it: docs/decisions/0015-reduced-size-decoding.md.
An image that is twice as wide as high, or wider, is cut into overlapping windows that show its whole width.
The view ``retina`` is made of the same decoded image: see ``levelling``.

    ==============================  ==========================================================================
    what arrives                    what becomes of it
    ==============================  ==========================================================================
    greyscale, 8 bits               as it is
    greyscale, 1, 2 or 4 bits       spread over 0..255
    greyscale, 16 bits (PNG, TIFF)  round(value / 257): 0..65535 becomes 0..255, whatever range the image uses
    greyscale, 12 bits (TIFF)       round(value / 4095 * 255)
    TIFF in which white is 0        inverted, so that white is 255
    colour, 8 bits                  as it is; YCbCr and CMYK by Pillow's formulas, colour profiles are ignored
    colour, 16 bits (PNG, TIFF)     the upper 8 bits, as Pillow reads it: value // 256
    palette                         the palette's colours
    alpha, transparent colour       laid over black; a transparent value of 16-bit greyscale is ignored
    EXIF orientation                honoured; a broken EXIF block is ignored
    several frames or pages         the first
    float, 32-bit, signed or Lab    refused as UnsupportedFormat
    ==============================  ==========================================================================

JPEG, PNG, TIFF, BMP and WebP are taken, told by their bytes. Limits are checked on the header, before any
pixel is decoded. Whatever changes the pixels that come out of here changes DECODING_VERSION, which is part of
every embedding space.
"""

import contextlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    ExifTags,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from octcluster_embedder.errors import (
    CorruptImage,
    EmptyImage,
    ImageError,
    TooManyBytes,
    TooManyPixels,
    TooSmall,
    UnsupportedFormat,
)
from octcluster_embedder.images.levelling import view_retina
from octcluster_embedder.images.measures import RETINA_NOT_SOUGHT, measure_image
from octcluster_embedder.images.pixel_budget import PixelBudget
from octcluster_embedder.images.reasons import DAMAGED, drop_png_texts, explain, lacks_scans
from octcluster_embedder.images.sketch import draw_sketch
from octcluster_embedder.images.windows import cut_windows

DECODING_VERSION = "pillow-centre-bicubic-3"

# Pillow's own check has one limit for the whole process and warns first; _check_size has the caller's limit.
Image.MAX_IMAGE_PIXELS = None

_FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        TiffImagePlugin.TiffImageFile,
        BmpImagePlugin.BmpImageFile,
        WebPImagePlugin.WebPImageFile,
    )
)
_PIXELS_IN_A_BAND = 2**20
_WIDE, _TOO_WIDE = 2, 8  # in widths of the centre: seen in windows; wider ones are no scans
# What decodes never holds more pixels together than this many of the largest images allowed.
_LARGEST_IMAGES_AT_ONCE = 2
_LYING = (5, 6, 7, 8)
"""The EXIF orientations that turn an image by a quarter."""
_GREYSCALE_MODES = ("1", "L")
_COLOUR_MODES = ("RGB", "RGBX", "CMYK", "YCbCr", "P")
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")


@dataclass(frozen=True)
class ImageLimits:
    """What an image may be at most, and at least.

    Attributes:
        max_image_bytes: Largest encoded image, in bytes.
        max_image_pixels: Largest decoded image, width x height, in pixels.
        min_image_side: Shortest side, in pixels.
    """

    max_image_bytes: int = 32 * 2**20
    max_image_pixels: int = 64_000_000
    min_image_side: int = 16


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """What is made of one encoded image.

    Attributes:
        plain: uint8, shape (n_windows, height, width, 3), RGB: the centre, or windows of a wide image.
        measures: float32, shape (n_measures,), of the whole upright image; see ``measures``.
        retina: uint8, shape (n_windows, height, width, 3): the level retina, from left to right; None if it
            was not looked for, or if none was found.
    """

    plain: NDArray[np.uint8]
    measures: NDArray[np.float32]
    retina: NDArray[np.uint8] | None = None


_pixels_at_once = PixelBudget()


def share_pixel_budget(budget: PixelBudget) -> None:
    """Has this process decode within a budget that it shares with others."""
    global _pixels_at_once  # noqa: PLW0603
    _pixels_at_once = budget


def decode_image(
    data: bytes, height: int, width: int, limits: ImageLimits, *, find_retina: bool = False
) -> DecodedImage:
    """Decodes one image, measures it and resizes it; see the module for the conversions.

    Args:
        data: The encoded image.
        height: Height of the pixels wanted.
        width: Width of the pixels wanted.
        limits: What the image may be.
        find_retina: Whether the view ``retina`` is wanted too; see ``levelling``.

    Returns:
        What is shown of it, the measures and, if it was wanted and found, the retina.

    Raises:
        ImageError: One of its subclasses says what is wrong with the image. Nothing else is ever raised.
    """
    _check_bytes(data, limits)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_size(image, limits)
            if "progressive" in image.info and lacks_scans(data):
                raise CorruptImage(DAMAGED)
            with _pixels_at_once.hold(
                image.width * image.height, _LARGEST_IMAGES_AT_ONCE * limits.max_image_pixels
            ):
                full_size, bits = image.size, _count_bits(image)
                image.draft(None, (max(height, width),) * 2)  # reduces JPEGs only, and never below this
                image.load()
                if _turn_upright(image):
                    full_size = full_size[::-1]
                eight_bits = _to_eight_bits(image)
                retina = view_retina(eight_bits, height, width) if find_retina else None
                found = float(retina is not None) if find_retina else RETINA_NOT_SOUGHT
                measures = measure_image(eight_bits, full_size, bits, draw_sketch(eight_bits), found)
                is_wide = _WIDE <= full_size[0] * height / (full_size[1] * width) <= _TOO_WIDE
                plain = (cut_windows if is_wide else _show_centre)(eight_bits, height, width)
                return DecodedImage(plain, measures, retina)
    except ImageError:
        raise
    except Exception as error:  # Pillow raises a dozen kinds for broken files
        bare = drop_png_texts(data)
        if len(bare) < len(data):
            return decode_image(bare, height, width, limits, find_retina=find_retina)
        raise _explain(error, data) from error


def _check_bytes(data: bytes, limits: ImageLimits) -> None:
    if not data:
        raise EmptyImage(explain(io.BytesIO()).text)
    if len(data) > limits.max_image_bytes:
        raise TooManyBytes(
            f"the image has {len(data):,} bytes, more than the embedder's limit of "
            f"{limits.max_image_bytes:,}: compress it, or raise the embedder's --max-image-bytes"
        )


def _check_size(image: Image.Image, limits: ImageLimits) -> None:
    width, height = image.size
    if width * height > limits.max_image_pixels:
        raise TooManyPixels(
            f"the image has {width * height:,} pixels, more than the embedder's limit of "
            f"{limits.max_image_pixels:,}: scale it down, or raise the embedder's --max-image-pixels"
        )
    if min(width, height) < limits.min_image_side:
        raise TooSmall(
            f"the image has {width}x{height} pixels, and each side must have at least "
            f"{limits.min_image_side}: send the whole image, not a thumbnail"
        )


def _count_bits(image: ImageFile.ImageFile) -> int:
    """Bits of a channel: the file's own, which Pillow keeps as what it decodes from, not those in memory."""
    raw_mode = image.tile[0].args if image.tile else ""
    if not isinstance(raw_mode, str):
        raw_mode = raw_mode[0] if raw_mode else ""
    stored = re.search(r";(\d+)", str(raw_mode))
    if stored is not None and not str(raw_mode).startswith("BGR"):
        return int(stored[1])
    return 16 if image.mode.startswith("I;16") else 1 if image.mode == "1" else 8


def _explain(error: Exception, data: bytes) -> ImageError:
    """Why Pillow could not read an image."""
    reason = explain(io.BytesIO(data), identified=not isinstance(error, UnidentifiedImageError))
    return CorruptImage(reason.text) if reason.damaged else UnsupportedFormat(reason.text)


def _turn_upright(image: Image.Image) -> bool:
    """Tells whether width and height have changed places."""
    with contextlib.suppress(Exception):  # Pillow raises several kinds for a broken EXIF block
        lies = image.getexif().get(ExifTags.Base.Orientation) in _LYING
        ImageOps.exif_transpose(image, in_place=True)
        return lies
    return False


def _show_centre(image: Image.Image, height: int, width: int) -> NDArray[np.uint8]:
    """Crops and resizes an image of mode L or RGB; uint8, shape (1, height, width, 3)."""
    resized = np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC))
    if resized.ndim == 3:
        return resized[np.newaxis]
    pixels = np.empty((1, height, width, 3), np.uint8)
    for channel in range(3):  # four times as fast as np.repeat
        pixels[0, :, :, channel] = resized
    return pixels


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Converts to mode L or RGB in bands of rows: what the steps between need is never held for all of it."""
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image
    tags = getattr(image, "tag_v2", {})
    converted = Image.new(_convert_band(image.crop((0, 0, 1, 1)), tags).mode, image.size)
    n_rows = max(1, _PIXELS_IN_A_BAND // image.width)
    for start in range(0, image.height, n_rows):
        band = image.crop((0, start, image.width, min(start + n_rows, image.height)))
        converted.paste(_convert_band(band, tags), (0, start))
    return converted


def _convert_band(image: Image.Image, tags: Mapping[int, object]) -> Image.Image:
    """Converts to mode L or RGB; the tags are those of a TIFF file."""
    if image.mode.startswith("I;16"):
        return _scale_sixteen_bits(image, tags)
    if image.mode not in (*_GREYSCALE_MODES, *_COLOUR_MODES, *_ALPHA_MODES):
        raise UnsupportedFormat(
            f"the image has pixels of type {image.mode!r}, which has no agreed range of brightness: "
            "export it as 8- or 16-bit greyscale or colour"
        )
    if image.has_transparency_data:
        # The colours of modes La and RGBa are already multiplied by alpha: they are what shows over black.
        if image.mode in ("LA", "La"):
            return image.convert("LA").convert("La").getchannel(0)
        return Image.merge("RGB", image.convert("RGBA").convert("RGBa").split()[:3])
    return image.convert("L" if image.mode in _GREYSCALE_MODES else "RGB")


def _scale_sixteen_bits(image: Image.Image, tags: Mapping[int, object]) -> Image.Image:
    """Converts to mode L; Pillow's own conversion would clip at 255."""
    values = np.asarray(image).astype(np.uint16)
    if tags.get(TiffImagePlugin.BITSPERSAMPLE) == (12,):
        values = np.minimum(values, 4095) * 16 + np.minimum(values, 4095) // 256  # 4095 becomes 65535
    # round(value / 257), without leaving 16 bits and so without more memory
    grey = ((np.minimum(values, 65407) + 128) // 257).astype(np.uint8)
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        grey = 255 - grey
    return Image.fromarray(grey)
