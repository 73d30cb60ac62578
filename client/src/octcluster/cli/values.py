"""What the values of the command's arguments mean, and what is said of those that mean nothing."""

import re
from argparse import ArgumentTypeError, Namespace
from dataclasses import replace

from octcluster.model.cluster_range import read_cluster_range
from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import RECIPES, Recipe, default_recipe, plain_recipe
from octcluster.model.runs import ALGORITHMS
from octcluster.model.suggest import suggest

MAX_SEED = 2**32 - 1
MAX_RESAMPLES = 100
UNSET = object()
"""Stands for an option that was not given, where None is a value."""

_PREPARATION_PARTS = ("pca", "whiten", "whiten_within_patients")
_RECIPE_PARTS = ("features", "flip", "algorithm", *_PREPARATION_PARTS)


def parse_clusters(text: str) -> tuple[int, int]:
    """Reads ``4`` or ``2:10`` as smallest and largest number of clusters."""
    try:
        return read_cluster_range(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def parse_pca(text: str) -> float | int:
    """Reads a share of the variance, which has a dot, or a count of components."""
    cure = "write a share of the variance above 0 and at most 1 with a dot (0.95), or a count (64)"
    if re.fullmatch(r"\d+", text) and int(text) >= 1:
        return int(text)
    if re.fullmatch(r"\d*\.\d+|\d+\.", text) and 0 < float(text) <= 1:
        return float(text)
    raise ArgumentTypeError(f"'{text}' cannot be used: {cure}")


def parse_algorithms(text: str) -> tuple[str, ...]:
    """Reads names of algorithms with commas between; a name that comes twice counts once."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in ALGORITHMS:
            raise ArgumentTypeError(
                f"'{name}' is no algorithm: take {', '.join(ALGORITHMS)}, with commas between"
                f"{suggest(name, ALGORITHMS)}"
            )
    return names


def parse_seed(text: str) -> int:
    """Reads a seed."""
    if not text.isdecimal() or int(text) > MAX_SEED:
        raise ArgumentTypeError(f"'{text}' is no seed: write a whole number from 0 to {MAX_SEED}")
    return int(text)


def parse_positive(text: str) -> int:
    """Reads a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"'{text}' cannot be used: write a whole number from 1")
    return int(text)


def parse_resamples(text: str) -> int:
    """Reads a number of resamples."""
    if not text.isdecimal() or int(text) > MAX_RESAMPLES:
        raise ArgumentTypeError(f"'{text}' cannot be used: write a whole number from 0 to {MAX_RESAMPLES}")
    return int(text)


def parse_digest(text: str) -> str:
    """Reads a SHA-256 as 64 hexadecimal digits."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ArgumentTypeError(f"'{text}' is no SHA-256: write its 64 hexadecimal digits")
    return text.lower()


def read_recipe(options: Namespace) -> Recipe:
    """Finds the recipe that the options of ``octcluster run`` ask for.

    Args:
        options: The parsed options.

    Returns:
        The recipe that was named, or the plain one if only parts of a recipe were given, changed by those
        parts; or the model's default, with or without whitening within patients. A changed one has no name.

    Raises:
        InvalidArguments: Whitening without PCA.
    """
    given = {name: value for name in _RECIPE_PARTS if (value := getattr(options, name)) is not UNSET}
    if options.recipe is None:
        own_way = given.keys() - {"whiten_within_patients"}
        recipe = plain_recipe(options.model) if own_way else default_recipe(options.model)
    else:
        recipe = RECIPES[options.recipe]
    preparation = {name: given.pop(name) for name in _PREPARATION_PARTS if name in given}
    if "pca" in preparation:
        given["images_a_component"] = 0  # so many, and not fewer
    if preparation.get("whiten") is False:
        preparation.setdefault("whiten_within_patients", False)
    if "algorithm" in given:
        given["algorithms"] = given.pop("algorithm")
    changed = replace(recipe, preparation=replace(recipe.preparation, **preparation), **given)
    if changed.preparation.whiten and changed.preparation.pca is None:
        raise InvalidArguments("whitening needs PCA: add --pca 64, or give --no-whiten")
    if changed.preparation.whiten_within_patients and not changed.preparation.whiten:
        raise InvalidArguments("whitening within patients comes after whitening: add --whiten too")
    return changed if changed == recipe else replace(changed, name="")
