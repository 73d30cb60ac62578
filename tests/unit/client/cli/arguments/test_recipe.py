"""Which recipe the arguments ask for."""

from dataclasses import replace

import pytest
from octcluster.cli.arguments.run import RunCommand
from octcluster.cli.parser import parse_command
from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import CONSENSUS_2, DEFAULT_RECIPE, PIXELS_1, PLAIN_1, Recipe
from octcluster.model.runs import Preparation


def recipe(*arguments: str) -> Recipe:
    command = parse_command(["run", "images", "--out", "out", *arguments])
    assert isinstance(command, RunCommand)
    return command.choose_recipe(command.model)


def test_the_default_is_a_named_recipe() -> None:
    assert recipe() == DEFAULT_RECIPE
    assert recipe("-k", "2:10", "--seed", "3", "--model", "efficientnet-b3") == DEFAULT_RECIPE
    assert recipe("--model", "vgg16") == PLAIN_1
    assert recipe("--recipe", "consensus-2", "--model", "vgg16") == CONSENSUS_2
    assert recipe("--model", "pixels") == PIXELS_1


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        (["--features", "blocks"], "--features"),
        (["--flip"], "--flip"),
        (["--no-flip"], "--no-flip"),
        (["--algorithm", "kmeans"], "--algorithm"),
        (["--pca", "0.95"], "--pca"),
        (["--no-pca"], "--no-pca"),
        (["--whiten"], "--whiten"),
        (["--no-whiten"], "--no-whiten"),
        (["--whiten-within-patients"], "--whiten-within-patients"),
        (["--no-whiten-within-patients"], "--no-whiten-within-patients"),
    ],
)
def test_a_part_alone_asks_for_the_recipe_that_it_changes(option: list[str], shown: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        recipe(*option)
    assert str(refused.value) == (
        f"{shown} changes a recipe, and none is named: add --recipe plain-1 (pooled features, K-means), or "
        "--recipe consensus-3, the default of efficientnet-lite0"
    )


@pytest.mark.parametrize(("model", "name"), [("pixels", "pixels-1"), ("vgg16", "plain-1")])
def test_a_model_with_one_recipe_has_that_asked_for(model: str, name: str) -> None:
    with pytest.raises(InvalidArguments, match=f"add --recipe {name}, the default of {model}$"):
        recipe("--model", model, "--pca", "0.95", "--flip")


def test_a_part_beside_a_name_changes_that_recipe() -> None:
    plain = recipe("--recipe", "plain-1", "--pca", "0.95", "--algorithm", "kmeans,hdbscan")
    assert plain == Recipe("", "pooled", False, Preparation(pca=0.95), ("kmeans", "hdbscan"))
    assert recipe("--recipe", "plain-1", "--no-pca") == PLAIN_1
    changed = recipe("--recipe", "consensus-2", "--pca", "32", "--no-flip")
    preparation = replace(CONSENSUS_2.preparation, pca=32)
    assert changed == replace(CONSENSUS_2, name="", flip=False, preparation=preparation, images_a_component=0)
    unwhitened = recipe("--recipe", "consensus-2", "--no-whiten").preparation
    assert (unwhitened.whiten, unwhitened.whiten_within_patients) == (False, False)
    between = recipe("--recipe", "consensus-2", "--no-whiten-within-patients").preparation
    assert between == replace(CONSENSUS_2.preparation, whiten_within_patients=False)
    unreduced = recipe("--recipe", "consensus-2", "--no-pca", "--no-whiten").preparation
    assert (unreduced.pca, unreduced.whiten) == (None, False)
    assert recipe("--recipe", "consensus-2", "--features", "blocks").name == "consensus-2"
