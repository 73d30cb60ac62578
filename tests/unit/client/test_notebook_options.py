"""The options of octcluster.run: the command line's names, each checked before anything is done."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import PLAIN_1, RECIPES
from octcluster.notebook_options import check_option, read_run_options

K = (4, 4)


def test_the_names_of_the_command_line_hold() -> None:
    options = read_run_options((2, 5), None, {"stability": 3, "seed": 7, "cache_dir": "cache", "umap": False})
    assert (options.stability_resamples, options.seed, options.umap) == (3, 7, False)
    assert (options.min_clusters, options.max_clusters, options.recipe) == (2, 5, None)
    assert options.cache_dir == Path("cache")


@pytest.mark.parametrize(
    ("parts", "changes"),
    [
        ({"algorithm": "gmm"}, {"algorithms": ("gmm",)}),
        ({"algorithm": "kmeans,hdbscan"}, {"algorithms": ("kmeans", "hdbscan")}),
        ({"algorithm": ["kmeans", "hdbscan"]}, {"algorithms": ("kmeans", "hdbscan")}),
        ({"features": "flatten"}, {"features": "flatten"}),
        ({"views": ("plain", "retina")}, {"views": ("plain", "retina")}),
        ({"views": "plain,retina", "flip": True}, {"views": ("plain", "retina"), "flip": True}),
    ],
)
def test_a_recipe_is_changed_as_on_the_command_line(parts: dict[str, Any], changes: dict[str, Any]) -> None:
    found = read_run_options(K, "plain-1", parts).recipe
    assert found == replace(PLAIN_1, name="", **changes)


def test_the_features_may_be_reduced_or_not() -> None:
    reduced = read_run_options(K, "plain-1", {"pca": 0.95, "whiten": True}).recipe
    assert reduced is not None
    assert (reduced.preparation.pca, reduced.preparation.whiten) == (0.95, True)
    whole = read_run_options(K, "plain-1", {"pca": None}).recipe
    assert whole is not None
    assert whole.preparation.pca is None


@pytest.mark.parametrize(
    ("recipe", "options", "told"),
    [
        (None, {"sead": 1}, r"has no option 'sead'; did you mean seed\?; help\(octcluster.run\)"),
        (None, {"stabilty": 1}, r"did you mean stability\?"),
        (None, {"algorithm": "gmm"}, "--algorithm changes a recipe, and none is named"),
        ("plain-1", {"algorithm": "kmean"}, r"algorithm: 'kmean' is no algorithm: .*; did you mean kmeans\?"),
        ("plain-1", {"features": "pool"}, r"features: there is no 'pool', but pooled"),
        ("plain-1", {"views": "side"}, "views: 'side' cannot be used: write plain or"),
        ("plain-1", {"whiten": True}, "whitening needs PCA"),
        ("plain-9", {}, "plain-1"),
        (None, {"seed": "x"}, "seed: 'x' is no seed: write a whole number from 0"),
        (None, {"seed": -1}, "seed: '-1' is no seed"),
        (None, {"seed": True}, "seed: 'True' is no seed"),
        (None, {"stability": "a"}, "stability: 'a' cannot be used: write a whole number from 0 to 100"),
        (None, {"unit": "eyes"}, r"unit: there is no 'eyes', but image, eye; did you mean eye\?"),
        (None, {"unit": ["eye"]}, "unit: there is no"),
        (None, {"model": "vgg-16"}, r"model: there is no 'vgg-16', but .*; did you mean vgg16\?"),
        (None, {"umap": "no"}, "umap: 'no' is neither True nor False"),
        ("plain-1", {"pca": 2.5}, "pca: '2.5' cannot be used: write a share of the variance"),
        ("plain-9", {"pca": 3}, "plain-1"),
        (RECIPES["plain-1"], {"pca": 3}, "change a recipe of your own before"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_cure(recipe: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArguments, match=told):
        read_run_options(K, recipe, options)


@pytest.mark.parametrize(
    ("name", "value"),
    [("scans", "middel"), ("scans", 0), ("scans", -3), ("per_class", "a"), ("per_class", 0)],
)
def test_so_are_the_options_of_images(name: str, value: Any) -> None:
    with pytest.raises(InvalidArguments, match=f"{name}: '{value}' cannot be used: write"):
        check_option(name, value)


def test_a_model_of_another_embedder_is_its_own_matter() -> None:
    assert read_run_options(K, None, {"model": "mine", "embedder": "gpu-box:50051"}).model == "mine"
