"""A sketch of an image, 48 x 48 cells of grey, and how much can be seen in it.

A cell is the mean of its part of the image, so a sketch is the same at whatever size a JPEG was decoded. The
client draws the same sketches (``octcluster.images.sketch``), to judge images without an embedder.

    =================  =======================================================================================
    darkest            3% of the cells are darker, 0 to 255; white cells (250 and more) and their neighbours
                       count only where there is nothing else, since registered scans have white margins
    brightest          3% of the cells are brighter
    grey_band_share    share of the image in its largest band of one grey (6 to 249): neighbouring rows, or
                       columns, of cells of one value. A scan has noise and so no such band; decoders put one
                       where a file lacks its data
    empty_band_share   share of the image in its largest black or white band
    =================  =======================================================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops

_SIDE = 48
_WHITE = 250
_BLACK = 5
_IS_WHITE = bytes(_WHITE) + b"\xff" * (256 - _WHITE)
_OUTLYING_SHARE = 0.03


@dataclass(frozen=True)
class Sketch:
    """What a sketch shows; see the module.

    Attributes:
        darkest: 0 to 255.
        brightest: 0 to 255.
        grey_band_share: 0 to 1.
        empty_band_share: 0 to 1.
    """

    darkest: int
    brightest: int
    grey_band_share: float
    empty_band_share: float


def draw_sketch(image: Image.Image) -> Sketch:
    """Sketches an image of mode L or RGB, at its full size or a reduced one."""
    # By the blocks of 8 x 8 pixels first in which the client decodes a JPEG, so that both sketch alike.
    factor = max(1, min(8, *(1 << (side // _SIDE).bit_length() >> 1 for side in image.size)))
    cells = image.reduce(factor).resize((_SIDE, _SIDE), Image.Resampling.BOX).convert("L")
    darkest, brightest = _find_limits(_count_levels(cells))
    bands = _find_bands(cells)
    return Sketch(
        darkest,
        brightest,
        grey_band_share=max((share for value, share in bands if _BLACK < value < _WHITE), default=0.0),
        empty_band_share=max((share for value, share in bands if not _BLACK < value < _WHITE), default=0.0),
    )


def _count_levels(cells: Image.Image) -> Sequence[int]:
    """Number of cells of each grey level, without white ones and their neighbours if there are others."""
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


def _find_bands(cells: Image.Image) -> list[tuple[int, float]]:
    """Value and share of each band of rows or columns of one value."""
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
