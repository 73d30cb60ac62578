"""From the values of a frame to grey: rescale, window, and which end is white.

Without a window the range of the bits stored is what is shown: a frame is never stretched to its own darkest
and brightest pixel, since two B-scans of one eye would then differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom.file import DicomFile
from octcluster.images.readers.dicom.frames import Layout
from octcluster.images.readers.dicom.reasons import EXPORT_AGAIN
from octcluster.images.readers.reader import Pixels

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True, slots=True)
class GreyRule:
    """How the values of a frame become grey.

    Attributes:
        slope: A value times this ...
        intercept: ... plus this is what the window speaks of.
        window: Centre and width; None: the range of the bits stored.
        function: One of _FUNCTIONS.
        is_inverted: Whether the lowest value is white.
    """

    slope: float = 1.0
    intercept: float = 0.0
    window: tuple[float, float] | None = None
    function: str = "LINEAR"
    is_inverted: bool = False


def read_rules(file: DicomFile, layout: Layout) -> list[GreyRule]:
    """The rule of each frame.

    Raises:
        UnreadableImage: A rule cannot be followed.
    """
    header = file.header
    shared = _first(header.get("SharedFunctionalGroupsSequence"))
    groups: Sequence[Any] = header.get("PerFrameFunctionalGroupsSequence") or ()
    if len(groups) != layout.n_frames:
        return [_read_rule([shared, header], layout)] * layout.n_frames
    return [_read_rule([group, shared, header], layout) for group in groups]


def to_grey(values: NDArray[Any], layout: Layout, rule: GreyRule) -> Pixels:
    """Turns the values of a frame into grey.

    Args:
        values: Integers, shape (height, width), or uint8 (height, width, 3) as RGB.
        layout: How they are stored.
        rule: The frame's rule.

    Returns:
        8 bits where no step of grey is lost that way, otherwise 16.
    """
    height, width = values.shape[:2]
    if values.ndim == 3:
        # Pillow's formula (ITU-R 601), as everywhere in the product
        grey = Image.fromarray(np.ascontiguousarray(values.astype(np.uint8))).convert("L")
        return Pixels(grey.tobytes(), height, width, 8)
    table = make_table(layout, rule)
    places = values
    if layout.is_signed or layout.bits_stored < 8 * values.dtype.itemsize:
        places = values.astype(np.int32) - _lowest(layout)
        if places.min() < 0 or places.max() >= len(table):
            raise UnreadableImage(
                f"a frame has values that do not fit into the {layout.bits_stored} bits that the DICOM "
                f"header tells of: {EXPORT_AGAIN}"
            )
    bits: Literal[8, 16] = 8 if table.dtype == np.uint8 else 16
    return Pixels(table[places].astype(f"<u{bits // 8}", copy=False).tobytes(), height, width, bits)


@lru_cache(maxsize=16)
def make_table(layout: Layout, rule: GreyRule) -> NDArray[Any]:
    """The grey of each value that can be stored, from the lowest on.

    Returns:
        uint8 or uint16, shape (2**bits_stored,).
    """
    lowest = _lowest(layout)
    values = np.arange(lowest, lowest + 2**layout.bits_stored, dtype=np.float64)
    shown = _apply_window(values * rule.slope + rule.intercept, rule)
    if rule.is_inverted:
        shown = 1.0 - shown
    eight = shown * 255
    if layout.bits_stored <= 8 and np.abs(eight - np.rint(eight)).max() < 1e-6:
        return np.rint(eight).astype(np.uint8)
    return np.rint(shown * 65535).astype(np.uint16)


def _lowest(layout: Layout) -> int:
    return -(2 ** (layout.bits_stored - 1)) if layout.is_signed else 0


def _apply_window(values: NDArray[np.float64], rule: GreyRule) -> NDArray[np.float64]:
    """From rescaled values to 0 (black) to 1, by PS3.3 C.11.2.1.2."""
    if rule.window is None:
        low, high = sorted((values[0], values[-1]))
        scaled: NDArray[np.float64] = (values - low) / (high - low)
        return scaled
    centre, width = rule.window
    if rule.function == "SIGMOID":
        curve: NDArray[np.float64] = 1.0 / (
            1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700, 700))
        )
        return curve
    if rule.function == "LINEAR":
        if width == 1:
            return (values > centre - 0.5).astype(np.float64)
        centre, width = centre - 0.5, width - 1.0
    return np.clip((values - centre) / width + 0.5, 0.0, 1.0)


def _read_rule(sources: Sequence[Any], layout: Layout) -> GreyRule:
    """Reads a frame's rule out of the first source with one: its own group, the shared one, the header."""
    if layout.samples == 3:
        return GreyRule()
    rescale = _find(sources, "PixelValueTransformationSequence", "RescaleSlope")
    slope = _number(rescale, "RescaleSlope", 1.0)
    intercept = _number(rescale, "RescaleIntercept", 0.0)
    if slope == 0:
        raise UnreadableImage(f"the rescale slope in the DICOM header is 0: {EXPORT_AGAIN}")
    voi = _find(sources, "FrameVOILUTSequence", "WindowCenter")
    for source in sources:
        if source is not None and (source.get("ModalityLUTSequence") or source.get("VOILUTSequence")):
            raise UnreadableImage(
                "the DICOM file maps its values by a table (modality or VOI LUT), which is not read: export "
                "it with a window instead, or as 8-bit images"
            )
    window, function = None, "LINEAR"
    if voi is not None:
        window = (_number(voi, "WindowCenter", 0.0), _number(voi, "WindowWidth", 0.0))
        function = str(voi.get("VOILUTFunction") or "LINEAR").strip().upper()
        if function not in _FUNCTIONS or window[1] <= 0 or (function == "LINEAR" and window[1] < 1):
            raise UnreadableImage(
                f"the window in the DICOM header is none that the standard knows (width {window[1]:g}): "
                f"{EXPORT_AGAIN}"
            )
    return GreyRule(slope, intercept, window, function, layout.photometric == "MONOCHROME1")


def _find(sources: Sequence[Any], group: str, keyword: str) -> Any:
    """The first item with this element, in a functional group or the header itself; None: there is none."""
    for source in sources:
        if source is None:
            continue
        item = _first(source.get(group)) or source
        if item.get(keyword) not in (None, ""):
            return item
    return None


def _first(sequence: Any) -> Any:
    return sequence[0] if sequence else None


def _number(source: Any, keyword: str, default: float) -> float:
    """A number of the header; the first of several, which is what viewers show first."""
    value = source.get(keyword) if source is not None else None
    if value is None or value == "":
        return default
    try:
        number = float(value[0] if not isinstance(value, str) and hasattr(value, "__iter__") else value)
    except (TypeError, ValueError, IndexError):
        number = float("nan")
    if not isfinite(number):
        raise UnreadableImage(f"{keyword} in the DICOM header is no number: {EXPORT_AGAIN}")
    return number
