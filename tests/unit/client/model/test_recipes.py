"""Recipes: by their names, and what changes with the number of images."""

from dataclasses import replace

import pytest
from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import CONSENSUS_2, PLAIN_1, find_recipe


@pytest.mark.parametrize(
    ("images", "components"), [(5, 8), (44, 8), (100, 20), (239, 47), (240, 48), (84_495, 48)]
)
def test_few_images_have_fewer_components(images: int, components: int) -> None:
    assert CONSENSUS_2.preparation_for(images) == replace(CONSENSUS_2.preparation, pca=components)


def test_a_number_of_ones_own_is_kept() -> None:
    own = replace(PLAIN_1, preparation=replace(PLAIN_1.preparation, pca=64))
    assert own.preparation_for(20) is own.preparation
    assert PLAIN_1.preparation_for(20) is PLAIN_1.preparation


def test_a_recipe_is_found_by_its_name_and_a_mistyped_one_told() -> None:
    assert find_recipe("plain-1") is PLAIN_1
    with pytest.raises(
        InvalidArguments,
        match=r"no recipe 'plain': take consensus-3, consensus-2, plain-1, .*did you mean plain-1",
    ):
        find_recipe("plain")
