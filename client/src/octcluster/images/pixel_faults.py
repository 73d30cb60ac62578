"""What can be wrong with the pixels of an image that can be read: one table of kinds, conditions and cures.

``octcluster run`` gets an image's measures from the embedder, ``octcluster describe`` from a sketch of its
own. Both ask this table, so that they say the same; a seam is sought by the latter alone. Of 516 images of
OCT2017 none has contrast below 64, a grey band, or an empty band above 0.30. None is brighter than 64 inside,
and none has a seam above 0.38.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from octcluster.images.framing import MOSTLY, unseen_share

Measures = Mapping[str, float]
"""Measures of an image by the embedder's names."""

_LEAST_CONTRAST = 3
_LOW_CONTRAST = 32
_DARK = 64
_GREY_BAND_SHARE = 0.03
_EMPTY_BAND_SHARE = 0.4
_BRIGHT = 140
_SEAM_SHARE = 0.55
RETINA_NOT_SOUGHT = -1.0
"""The measure ``retina_found`` of an image of which no view of the retina was asked for."""
# What is not known is not at fault.
_FAULTLESS = {
    "width": 1.0,
    "height": 1.0,
    "bits": 8.0,
    "darkest": 0.0,
    "brightest": 255.0,
    "grey_band_share": 0.0,
    "empty_band_share": 0.0,
    "brightness": 0.0,
    "white_border_share": 0.0,
    "inner_brightness": 0.0,
    "seam_share": 0.0,
    "retina_found": RETINA_NOT_SOUGHT,
}


@dataclass(frozen=True)
class PixelFault:
    """One kind of fault.

    Attributes:
        kind: Its name in files.
        refused: Whether such an image is a failure; else there is a warning.
        applies: Tells by the measures whether an image has it.
        explain: Says of an image, called "it", what is wrong.
        summary: What is wrong, of any number of images.
        cure: What to do.
    """

    kind: str
    refused: bool
    applies: Callable[[Measures], bool]
    explain: Callable[[Measures], str]
    summary: str
    cure: str


@dataclass(frozen=True)
class FoundFault:
    """A fault of one image: its kind, and what is wrong and what to do, in a sentence."""

    fault: PixelFault
    sentence: str


def _contrast(measures: Measures) -> float:
    return measures["brightest"] - measures["darkest"]


def _is_deep_and_dark(measures: Measures) -> bool:
    return measures["bits"] > 8 and measures["brightest"] < _DARK


def _explain_blank(measures: Measures) -> str:
    level = (measures["darkest"] + measures["brightest"]) / 2
    colour = "black" if level < 6 else "white" if level >= 250 else "one grey"
    if _is_deep_and_dark(measures):
        return (
            f"nothing can be seen in it: its {measures['bits']:.0f}-bit values are all the same, or fill too "
            f"little of their range and come out {colour}"
        )
    if colour == "black":
        colour = "black (as what is transparent is read), or black and white as a mask is"
    return f"nothing can be seen in it: it is all {colour}"


def _is_inverted(measures: Measures) -> bool:
    """Whether what lies within white margins is bright: scans have a dark background."""
    margin = min(measures["white_border_share"], 0.9)
    inside = (measures["brightness"] - 255 * margin) / (1 - margin)
    return max(inside, measures["inner_brightness"]) >= _BRIGHT and _contrast(measures) >= _LOW_CONTRAST


def _explain_dark(measures: Measures) -> str:
    return (
        f"it is dark: its {measures['bits']:.0f}-bit values fill only the lowest "
        f"{measures['brightest'] / 255:.0%} of their range"
    )


def _is_mostly_unseen(measures: Measures) -> bool:
    return measures["retina_found"] != 1 and unseen_share(measures["width"], measures["height"]) > MOSTLY


def _explain_framing(measures: Measures) -> str:
    return (
        f"{unseen_share(measures['width'], measures['height']):.0%} of it is not in the view plain, which "
        f"shows the square in the centre of its {measures['width']:.0f} x {measures['height']:.0f} pixels"
    )


FAULTS = (
    PixelFault(
        kind="blank",
        refused=True,
        applies=lambda measures: _contrast(measures) < _LEAST_CONTRAST,
        explain=_explain_blank,
        summary="nothing can be seen, all is black, white or one grey",
        cure="export the image again from its source, and scale values of 16 bits to 0 to 65,535",
    ),
    PixelFault(
        kind="dark",
        refused=False,
        applies=_is_deep_and_dark,
        explain=_explain_dark,
        summary="dark, since the values fill only a small part of the range of 16 bits",
        cure="scale the values to the whole range, 0 to 65,535 for 16 bits, or export 8 bits",
    ),
    PixelFault(
        kind="faint",
        refused=False,
        applies=lambda measures: _contrast(measures) < _LOW_CONTRAST and not _is_deep_and_dark(measures),
        explain=lambda measures: (
            f"it has hardly any contrast: 94% of it has {_contrast(measures) + 1:.0f} of 256 levels of grey"
        ),
        summary="hardly any contrast",
        cure="export the image again with the contrast that the device's own viewer shows",
    ),
    PixelFault(
        kind="inverted",
        refused=False,
        applies=_is_inverted,
        explain=lambda measures: "it is bright where scans are dark, as if black and white were exchanged",
        summary="bright where scans are dark, as if black and white were exchanged",
        cure="export B-scans white on black, all of them alike, and leave out what is none",
    ),
    PixelFault(
        kind="seam",
        refused=False,
        applies=lambda measures: measures["seam_share"] >= _SEAM_SHARE,
        explain=lambda measures: (
            f"an upright edge divides it over {measures['seam_share']:.0%} of its height, as where a fundus "
            "picture, or another scan, stands beside the B-scan"
        ),
        summary="divided by an upright edge, as where a fundus picture or another scan stands beside it",
        cure="export the B-scan alone, or crop off what stands beside it",
    ),
    PixelFault(
        kind="grey_band",
        refused=False,
        applies=lambda measures: measures["grey_band_share"] >= _GREY_BAND_SHARE,
        explain=lambda measures: (
            f"{measures['grey_band_share']:.0%} of it is a band of one grey, as in a file that was cut short"
        ),
        summary="a band of one grey, as in a file that was cut short",
        cure="copy or export the image again from its source",
    ),
    PixelFault(
        kind="empty_band",
        refused=False,
        applies=lambda measures: measures["empty_band_share"] >= _EMPTY_BAND_SHARE,
        explain=lambda measures: f"{measures['empty_band_share']:.0%} of it is one black or white band",
        summary="black or white for a large part",
        cure="copy or export the image again if the file is incomplete, else crop the band off",
    ),
    PixelFault(
        kind="framing",
        refused=False,
        applies=_is_mostly_unseen,
        explain=_explain_framing,
        summary="so high, or so very wide, that more than half is not in the view plain",
        cure=(
            "crop the image to the part that matters; turn it if the B-scan lies on its side; export the "
            "B-scan alone if another picture lies above or beside it"
        ),
    ),
    PixelFault(
        kind="no_retina",
        refused=False,
        applies=lambda measures: measures["retina_found"] == 0,
        explain=lambda measures: "no retina was found in it, and the view plain takes the place of retina",
        summary="no retina found, and the view plain takes its place",
        cure="see whether this is a B-scan, upright and with the vitreous above, and leave out what is none",
    ),
)
"""All kinds, in the order in which people are told of them."""


def find_faults(measures: Measures) -> list[FoundFault]:
    """Finds what is wrong with an image.

    Args:
        measures: Its measures by the embedder's names; those that are not known may be missing.

    Returns:
        Its faults in the order of the table; the one alone for which it is refused; none for a good image.
    """
    known = {**_FAULTLESS, **measures}
    faults = [fault for fault in FAULTS if fault.applies(known)]
    refused = [fault for fault in faults if fault.refused]
    return [FoundFault(fault, f"{fault.explain(known)}: {fault.cure}") for fault in refused[:1] or faults]
