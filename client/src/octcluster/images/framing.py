"""How much of each image a network does not see in the views that it is shown.

The view plain is the largest square in the centre. The view retina is a band along the retina, as wide as it
is high. Wide images are seen in their whole width, in several windows (``decoding`` and ``levelling`` of the
embedder).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from octcluster.model.runs import PLAIN_VIEW

MOSTLY = 0.5
# Of the embedder's views: the height of the band as a share of the image's, and in which widths, in heights
# of what is seen, an image has several windows.
_BAND = 380 / 496
_PLAIN_WINDOWS = (2.0, 8.0)
_ONE_WINDOW = 1.5


@dataclass(frozen=True)
class Framing:
    """How much of the images is not looked at.

    Attributes:
        mean_unseen_share: Mean share of an image that is cut off, 0 to 1.
        worst_unseen_share: The largest share.
        images_cut: Number of images of which anything is cut off.
        mostly_unseen: Number of images of which more than half is.
        images_levelled: Number of images that are seen along their retina, where one is found.
    """

    mean_unseen_share: float
    worst_unseen_share: float
    images_cut: int
    mostly_unseen: int
    images_levelled: int = 0


def unseen_share(width: float, height: float, views: Sequence[str] = PLAIN_VIEW) -> float:
    """Share of an image of this size that no view shows, of its width where it is seen along the retina."""
    is_wide = _PLAIN_WINDOWS[0] <= width / height <= _PLAIN_WINDOWS[1]
    shares = {"plain": 0.0 if is_wide else 1 - min(width, height) / max(width, height)}
    window = _BAND * height
    shares["retina"] = 0.0 if width > _ONE_WINDOW * window else max(0.0, 1 - window / width)
    return min(shares[view] for view in views)


def measure_framing(images: Iterable[tuple[float, float, Sequence[str]]]) -> Framing | None:
    """Measures how much of images is not looked at.

    Args:
        images: Width and height of each, and the views that it is seen in.

    Returns:
        How much; None if there are no images.
    """
    seen, total, worst, cut, mostly, levelled = 0, 0.0, 0.0, 0, 0, 0
    for width, height, views in images:
        share = unseen_share(width, height, views)
        seen += 1
        total += share
        worst = max(worst, share)
        cut += share > 0
        mostly += share > MOSTLY
        levelled += "retina" in views
    if not seen:
        return None
    return Framing(
        mean_unseen_share=total / seen,
        worst_unseen_share=worst,
        images_cut=cut,
        mostly_unseen=mostly,
        images_levelled=levelled,
    )
