"""One page or frame of an image file: its pixels become grey by the rules of the embedder."""

from array import array
from sys import byteorder
from typing import TYPE_CHECKING, Literal

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.reader import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
_GREY_MODES = ("1", "L")
_COLOUR_MODES = ("RGB", "RGBX", "CMYK", "YCbCr", "P", "LA", "La", "PA", "RGBA", "RGBa")
_WHITEST_OF_TWELVE_BITS = 4095
_INVERTED = bytes(range(255, -1, -1))


def read_page(image: "ImageFile") -> Pixels:
    """Decodes the page or frame that an image file stands at, and turns it into grey.

    Args:
        image: The file, opened by Pillow.

    Returns:
        The pixels.

    Raises:
        UnreadableImage: Their type has no range of brightness.
    """
    from PIL import ImageOps  # noqa: PLC0415

    image.load()
    tags = getattr(image, "tag_v2", {})
    twelve_bits, white_is_zero = tags.get(_BITS_PER_SAMPLE) == (12,), tags.get(_PHOTOMETRIC) == 0
    upright = ImageOps.exif_transpose(image)
    bits: Literal[8, 16] = 8
    if upright.mode.startswith("I;16"):
        bits, data = 16, _read_sixteen_bits(upright, twelve_bits=twelve_bits)
        if white_is_zero:
            data = data.translate(_INVERTED)
    elif upright.mode in _GREY_MODES:
        data = upright.convert("L").tobytes()  # Pillow has inverted it, if need be
    elif upright.mode in _COLOUR_MODES:
        data = _lay_over_black(upright).convert("L").tobytes()
    else:
        raise UnreadableImage(
            f"the image has pixels of type {upright.mode!r}, which has no agreed range of brightness: "
            "export it as 8- or 16-bit greyscale or colour"
        )
    return Pixels(data, upright.height, upright.width, bits)


def _read_sixteen_bits(image: "Image", *, twelve_bits: bool) -> bytes:
    """Values in little endian, of 12 bits spread over 16."""
    values = array("H", image.tobytes())
    if (byteorder == "big") != image.mode.endswith("B"):
        values.byteswap()
    if twelve_bits:
        table = [value * 16 + value // 256 for value in range(_WHITEST_OF_TWELVE_BITS + 1)]
        values = array("H", [table[min(value, _WHITEST_OF_TWELVE_BITS)] for value in values])
    if byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _lay_over_black(image: "Image") -> "Image":
    from PIL import Image  # noqa: PLC0415

    if not image.has_transparency_data:
        return image.convert("RGB")
    return Image.merge("RGB", image.convert("RGBA").convert("RGBa").split()[:3])
