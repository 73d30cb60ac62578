"""``--views``: what the network is shown of an image."""

from argparse import ArgumentTypeError

import pytest
from octcluster.cli.values import parse_views


@pytest.mark.parametrize(
    ("text", "views"),
    [
        ("plain", ("plain",)),
        ("retina", ("retina",)),
        ("plain,retina", ("plain", "retina")),
        ("retina, plain", ("plain", "retina")),
        ("retina,retina", ("retina",)),
    ],
)
def test_views_are_read_in_any_order(text: str, views: tuple[str, ...]) -> None:
    assert parse_views(text) == views


@pytest.mark.parametrize("text", ["", "both", "plain,fovea", "plain;retina", "Retina"])
def test_other_views_are_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="write plain or retina or plain,retina"):
        parse_views(text)
