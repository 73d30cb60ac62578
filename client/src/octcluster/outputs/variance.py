"""How many principal components hold how much of the variance, for tables and plots."""

from collections.abc import Sequence
from itertools import accumulate

VARIANCE_SHARES = (0.90, 0.95, 0.99)


def count_components(ratios: Sequence[float]) -> dict[float, int | None]:
    """How many components hold each of VARIANCE_SHARES; None where more are needed than are known.

    Args:
        ratios: Share of the variance of each component, largest first.
    """
    held = list(accumulate(ratios))
    return {
        share: next((count for count, value in enumerate(held, start=1) if value >= share - 1e-9), None)
        for share in VARIANCE_SHARES
    }
