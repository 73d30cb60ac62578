"""How much of images is not seen in any view."""

import pytest
from octcluster.images.framing import measure_framing, unseen_share
from octcluster.model.runs import PLAIN_VIEW


@pytest.mark.parametrize(
    ("width", "height", "share"),
    [
        (496, 496, 0),
        (512, 496, 1 / 32),
        (768, 496, 1 - 496 / 768),
        (991, 496, 1 - 496 / 991),
        (992, 496, 0),
        (1536, 496, 0),
        (4000, 500, 0),
        (4001, 500, 1 - 500 / 4001),
        (100, 400, 0.75),
    ],
)
def test_what_is_not_very_wide_is_seen_in_the_square_in_its_centre(
    width: int, height: int, share: float
) -> None:
    assert unseen_share(width, height) == pytest.approx(share)


@pytest.mark.parametrize(
    ("width", "views", "share"),
    [
        (1536, ("retina",), 0),
        (768, ("plain", "retina"), 0),
        (512, ("plain", "retina"), 1 / 32),
        (512, ("retina",), 1 - 380 / 512),
        (300, ("retina",), 0),
    ],
)
def test_a_wide_image_is_seen_in_its_whole_width_along_the_retina(
    width: int, views: tuple[str, ...], share: float
) -> None:
    assert unseen_share(width, 496, views) == pytest.approx(share)


def test_framing_counts_images_that_are_cut_and_those_mostly_unseen() -> None:
    framing = measure_framing([(400, 400, PLAIN_VIEW), (400, 800, PLAIN_VIEW), (400, 1600, PLAIN_VIEW)])
    assert framing is not None
    assert framing.mean_unseen_share == pytest.approx((0 + 0.5 + 0.75) / 3)
    assert framing.worst_unseen_share == 0.75
    assert (framing.images_cut, framing.mostly_unseen) == (2, 1)


def test_of_an_image_that_is_seen_along_its_retina_nothing_is_unseen() -> None:
    framing = measure_framing([(1600, 400, ("plain", "retina")), (400, 800, PLAIN_VIEW)])
    assert framing is not None
    assert (framing.worst_unseen_share, framing.mean_unseen_share) == (0.5, 0.25)
    assert (framing.images_cut, framing.mostly_unseen, framing.images_levelled) == (1, 0, 1)


def test_no_images_have_no_framing() -> None:
    assert measure_framing([]) is None
