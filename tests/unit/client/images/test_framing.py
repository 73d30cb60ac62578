"""How much of images lies outside the square in their centre."""

import pytest
from octcluster.images.framing import measure_framing, unseen_share


@pytest.mark.parametrize(
    ("width", "height", "share"),
    [(496, 496, 0), (512, 496, 1 / 32), (1536, 496, 1 - 496 / 1536), (100, 400, 0.75)],
)
def test_the_share_outside_the_square(width: int, height: int, share: float) -> None:
    assert unseen_share(width, height) == pytest.approx(share)


def test_framing_counts_images_that_are_cut_and_those_mostly_unseen() -> None:
    framing = measure_framing([(400, 400), (800, 400), (1600, 400)])
    assert framing is not None
    assert framing.mean_unseen_share == pytest.approx((0 + 0.5 + 0.75) / 3)
    assert framing.worst_unseen_share == 0.75
    assert (framing.images_cut, framing.mostly_unseen) == (2, 1)


def test_no_images_have_no_framing() -> None:
    assert measure_framing([]) is None
