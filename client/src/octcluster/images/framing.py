"""How much of each image a network does not see: it is given the largest square in the centre."""

from collections.abc import Iterable
from dataclasses import dataclass

MOSTLY = 0.5


@dataclass(frozen=True)
class Framing:
    """How much of the images is not looked at.

    Attributes:
        mean_unseen_share: Mean share of an image that is cut off, 0 to 1.
        worst_unseen_share: The largest share.
        images_cut: Number of images of which anything is cut off.
        mostly_unseen: Number of images of which more than half is.
    """

    mean_unseen_share: float
    worst_unseen_share: float
    images_cut: int
    mostly_unseen: int


def unseen_share(width: float, height: float) -> float:
    """Share of an image of this size that lies outside the square in its centre."""
    return 1 - min(width, height) / max(width, height)


def measure_framing(sizes: Iterable[tuple[float, float]]) -> Framing | None:
    """Measures how much of images with these widths and heights is not looked at; None if there are none."""
    shares = [unseen_share(width, height) for width, height in sizes]
    if not shares:
        return None
    return Framing(
        mean_unseen_share=sum(shares) / len(shares),
        worst_unseen_share=max(shares),
        images_cut=sum(share > 0 for share in shares),
        mostly_unseen=sum(share > MOSTLY for share in shares),
    )
