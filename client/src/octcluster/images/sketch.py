"""A sketch of an image, 48 x 48 cells of grey, and how much can be seen in it, without NumPy.

It is drawn and measured as the embedder does it, whose ``octcluster_embedder.images.sketch`` explains the
measures, so that ``octcluster describe`` says of an image what ``octcluster run`` will say.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from octcluster.images.headers import FORMATS, UnreadableImage
from octcluster.images.reasons import DAMAGED, drop_png_texts, explain, lacks_scans

_SIDE = 48
_WHITE = 250
_BLACK = 5
_IS_WHITE = bytes(_WHITE) + b"\xff" * (256 - _WHITE)
_OUTLYING_SHARE = 0.03
_STEP, _MARGIN, _HALF = 18, 4, 128
_IS_STEP = bytes(_STEP) + b"\xff" * (256 - _STEP)
_IS_EMPTY = b"\xff" * (_BLACK + 1) + bytes(_WHITE - _BLACK - 1) + b"\xff" * (256 - _WHITE)
_BITS_PER_SAMPLE, _PHOTOMETRIC_INTERPRETATION = 258, 262
_MODES = ("1", "L", "RGB", "RGBX", "CMYK", "YCbCr", "P", "LA", "La", "PA", "RGBA", "RGBa")


class Sketch(NamedTuple):
    """What a sketch shows, by the embedder's names of measures.

    Attributes:
        darkest: 3% of the cells are darker, 0 to 255; white ones count only where nearly all are white.
        brightest: 3% of the cells are brighter.
        grey_band_share: Share of the image in its largest band of one grey.
        empty_band_share: Share of the image in its largest black or white band.
        inner_brightness: Mean of the cells, 0 to 255, white ones counted as for ``darkest``. The embedder
            measures the brightness and the white margins instead.
        seam_share: Share of the height over which a straight upright edge divides the image; 0 unless it was
            looked for, which the embedder does not.
    """

    darkest: int
    brightest: int
    grey_band_share: float
    empty_band_share: float
    inner_brightness: float
    seam_share: float = 0.0


def draw_cells(source: Path | BinaryIO) -> Any:
    """Draws the sketch of an image file.

    Args:
        source: The file, or its content; ``headers.check_size`` bounds what is decoded here.

    Returns:
        A Pillow image of 48 x 48 pixels, mode L, not turned upright.

    Raises:
        UnreadableImage: The pixels cannot be decoded, or are of a type without a range.
    """
    data = source.read_bytes() if isinstance(source, Path) else source.read()
    return draw_image_cells(None, data)


def draw_image_cells(image: Any, data: bytes) -> Any:
    """Like draw_cells; a JPEG is decoded at a fraction of its size.

    Args:
        image: The image as Pillow has opened it, and closed here; None: it is not open yet.
        data: The content of its file.

    Raises:
        UnreadableImage: See draw_cells.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        with image or Image.open(BytesIO(data), formats=FORMATS) as opened:
            if "progressive" in opened.info and lacks_scans(data):
                raise UnreadableImage(DAMAGED)
            opened.draft("L", (_SIDE, _SIDE))
            grey = _to_grey(opened)
            # Other formats by the same blocks of 8 x 8 pixels: equal images have equal sketches.
            factor = max(1, min(8, *(1 << (side // _SIDE).bit_length() >> 1 for side in grey.size)))
            return grey.reduce(factor).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow raises a dozen kinds for broken files
        bare = drop_png_texts(data)
        if len(bare) < len(data):
            return draw_image_cells(None, bare)
        identified = not isinstance(error, UnidentifiedImageError)
        raise UnreadableImage(explain(BytesIO(data), identified=identified).text) from error


def measure_cells(cells: Any, *, is_wide: bool = False) -> Sketch:
    """Measures what ``draw_cells`` returned.

    Args:
        cells: The sketch.
        is_wide: Whether the image is so wide that two pictures may stand side by side in it.
    """
    levels = _count_levels(cells)
    darkest, brightest = _find_limits(levels)
    bands = _find_bands(cells)
    return Sketch(
        darkest,
        brightest,
        grey_band_share=max((share for value, share in bands if _BLACK < value < _WHITE), default=0.0),
        empty_band_share=max((share for value, share in bands if not _BLACK < value < _WHITE), default=0.0),
        inner_brightness=sum(value * number for value, number in enumerate(levels)) / sum(levels),
        seam_share=_find_seam(cells) if is_wide else 0.0,
    )


def _find_seam(cells: Any) -> float:
    """Share of the rows in which the same column is brighter, or darker, than the next but one.

    Columns that are black or white for the most part are margins, and make no seam.
    """
    from PIL import Image, ImageChops  # noqa: PLC0415

    def shares(of: Any) -> bytes:
        return bytes(of.resize((of.width, 1), Image.Resampling.BOX).tobytes())

    empty = shares(cells.point(_IS_EMPTY))
    left, right = cells.crop((0, 0, _SIDE - 2, _SIDE)), cells.crop((2, 0, _SIDE, _SIDE))
    falls, rises = (
        shares(ImageChops.subtract(*pair).point(_IS_STEP)) for pair in ((left, right), (right, left))
    )
    inner = range(_MARGIN, _SIDE - 2 - _MARGIN)
    steps = [max(falls[x], rises[x]) for x in inner if max(empty[x - 1 : x + 4]) < _HALF]
    return max(steps, default=0) / 255


def _to_grey(image: Any) -> Any:
    """Converts to mode L as the embedder does: 16 bits by their range, transparent pixels over black."""
    from PIL import Image, ImageChops  # noqa: PLC0415

    if image.mode.startswith("I;16"):
        tags = getattr(image, "tag_v2", {})
        scale = 255 / (4095 if tags.get(_BITS_PER_SAMPLE) == (12,) else 65535)
        # Pillow's own conversion would clip 16 bits at 255.
        grey = image.convert("I").point(lambda value: value * scale + 0.5).convert("L")
        return ImageChops.invert(grey) if tags.get(_PHOTOMETRIC_INTERPRETATION) == 0 else grey
    if image.mode not in _MODES:
        raise UnreadableImage(
            f"the image has pixels of type {image.mode!r}, which has no agreed range of brightness: "
            "export it as 8- or 16-bit greyscale or colour"
        )
    if image.has_transparency_data:
        image = Image.merge("RGB", image.convert("RGBA").convert("RGBa").split()[:3])
    return image.convert("L")


def _count_levels(cells: Any) -> Sequence[int]:
    """Number of cells of each grey level, without white ones and their neighbours if there are others."""
    from PIL import Image, ImageChops  # noqa: PLC0415

    levels: list[int] = cells.histogram()
    if not any(levels[_WHITE:]):
        return levels
    near_white = Image.frombytes("L", cells.size, cells.tobytes().translate(_IS_WHITE))
    for step in ((1, 0), (0, 1)):
        before, after = (ImageChops.offset(near_white, sign * step[0], sign * step[1]) for sign in (-1, 1))
        near_white = ImageChops.lighter(near_white, ImageChops.lighter(before, after))
    others: list[int] = cells.histogram(ImageChops.invert(near_white))
    return others if sum(others) > _OUTLYING_SHARE * sum(levels) else levels


def _find_limits(histogram: Sequence[int]) -> tuple[int, int]:
    """The values below and above which the outlying counts lie."""
    few = int(_OUTLYING_SHARE * sum(histogram))
    last = len(histogram) - 1
    return _walk(histogram, few), last - _walk(histogram[::-1], few)


def _walk(histogram: Sequence[int], few: int) -> int:
    """The first value with which more than a few counts have been passed."""
    passed = 0
    for value, number in enumerate(histogram):
        passed += number
        if passed > few:
            return value
    return 0


def _find_bands(cells: Any) -> list[tuple[int, float]]:
    """Value and share of each band of rows or columns of one value."""
    from PIL import ImageChops  # noqa: PLC0415

    uneven_rows = ImageChops.difference(cells, ImageChops.offset(cells, 1, 0)).getprojection()[1]
    uneven_columns = ImageChops.difference(cells, ImageChops.offset(cells, 0, 1)).getprojection()[0]
    if all(uneven_rows) and all(uneven_columns):
        return []
    values = cells.tobytes()
    return [*_join(uneven_rows, values[::_SIDE]), *_join(uneven_columns, values[:_SIDE])]


def _join(uneven: Sequence[int], values: bytes) -> list[tuple[int, float]]:
    """Joins neighbouring lines of one value; ``values`` has a value of each line."""
    bands: list[tuple[int, float]] = []
    before = None
    for line_is_uneven, value in zip(uneven, values, strict=True):
        if line_is_uneven:
            before = None
        elif value == before:
            bands[-1] = (value, bands[-1][1] + 1 / _SIDE)
        else:
            bands.append((value, 1 / _SIDE))
            before = value
    return bands
