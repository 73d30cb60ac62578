"""The options of jobs in Python: the command line's names, each checked before anything is done."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from octcluster.cli.arguments.recipe import RecipeArguments
from octcluster.cli.values import (
    parse_algorithms,
    parse_pca,
    parse_positive,
    parse_resamples,
    parse_scans,
    parse_seed,
    parse_views,
)
from octcluster.local.own_model import is_own_model, model_fields
from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import RECIPES, Recipe, find_recipe
from octcluster.model.runs import FEATURES, MODELS, UNITS
from octcluster.model.suggest import suggest
from octcluster.workflows.assign import AssignOptions
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.run import RunOptions

_NAMES = {"stability": "stability_resamples"}
"""Options of the command that RunOptions calls otherwise."""
_PARTS = [field.name for field in fields(RecipeArguments) if field.name not in ("recipe", "no_pca")]
_OF_EMBEDDERS = ("embedder", "embedder_tls", "embedder_token", "weights", "weights_sha256")
_PATHS = ("cache_dir", "weights")
_CHOICES: Mapping[str, Sequence[str]] = {"features": FEATURES, "unit": UNITS}
_SWITCHES = ("flip", "whiten", "whiten_within_patients", "umap", "vectors")
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "algorithm": parse_algorithms,
    "pca": parse_pca,
    "per_class": parse_positive,
    "samples": parse_positive,
    "scans": parse_scans,
    "seed": parse_seed,
    "stability": parse_resamples,
    "stability_resamples": parse_resamples,
    "views": parse_views,
}


def read_run_options(
    k: tuple[int, int], recipe: str | Recipe | None, options: Mapping[str, Any]
) -> RunOptions:
    """Reads the options of ``octcluster.run``.

    Args:
        k: Smallest and largest number of clusters.
        recipe: As there.
        options: All others.

    Raises:
        InvalidArguments: There is no such option or value, or they do not go together.
    """
    check_names("run", [*(option.name for option in fields(RunOptions)), *_NAMES, *_PARTS], options)
    given = {_NAMES.get(name, name): check_option(name, value) for name, value in options.items()}
    parts = {name: given.pop(name) for name in _PARTS if name in given}
    model = _read_model(given)
    chosen = _change_recipe(recipe, parts, model) if parts else recipe
    if isinstance(chosen, str):
        chosen = find_recipe(chosen)
    return RunOptions(recipe=chosen, min_clusters=k[0], max_clusters=k[1], **as_paths(given))


def check_options_of_vectors(options: Mapping[str, Any]) -> None:
    """Raises InvalidArguments for an option that is about images, where vectors are given."""
    of_images = [name for name in ("features", "flip", "views", "model", *_OF_EMBEDDERS) if name in options]
    if of_images:
        raise InvalidArguments(
            f"vectors are given: {', '.join(of_images)} is about images and their embedder; leave it out"
        )


def check_assign_options(options: Mapping[str, Any]) -> None:
    """Raises InvalidArguments for an option that ``octcluster.assign`` does not have."""
    check_names("assign", [option.name for option in fields(AssignOptions)], options)


def check_option(name: str, value: Any) -> Any:
    """Reads an option as the command line does; None is what was not given.

    Raises:
        InvalidArguments: It cannot be used; the message says what to write.
    """
    if value is None:
        return None
    if name in _CHOICES:
        _check_choice(name, value, _CHOICES[name])
    if name in _SWITCHES and not isinstance(value, bool):
        raise InvalidArguments(f"{name}: {value!r} is neither True nor False")
    if name not in _PARSERS:
        return value
    several = not isinstance(value, str) and isinstance(value, Iterable)
    try:
        return _PARSERS[name](",".join(map(str, value)) if several else str(value))
    except ArgumentTypeError as error:
        raise InvalidArguments(f"{name}: {error}") from error


def _read_model(given: dict[str, Any]) -> str:
    """The name of the model; puts what else is known of it into the options."""
    model = given.get("model", MODELS[0])
    if isinstance(model, str | Path) and is_own_model(model):
        if given.get("embedder") is not None:
            raise InvalidArguments(
                f"model: {model} is for an embedder that is started here; give the name that it has on "
                "the other"
            )
        given |= model_fields(model)
    elif given.get("embedder") is None:
        _check_choice("model", model, MODELS)
    return str(given.get("model", model))


def _check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        hint = suggest(value, choices) if isinstance(value, str) else ""
        raise InvalidArguments(f"{name}: there is no {value!r}, but {', '.join(choices)}{hint}")


def read_assign_options(finished: FinishedRun, options: Mapping[str, Any]) -> AssignOptions:
    """Reads the options of ``octcluster.assign``; the model is that of the run unless they name another."""
    model = None if finished.model is None else finished.model.space.model
    told = finished.arguments.get("model")
    known = options.get("model") or (told if told and is_own_model(told) else model or told)
    return AssignOptions(**as_paths(options) | ({} if known is None else model_fields(known)))


def check_names(function: str, known: Sequence[str], given: Mapping[str, Any]) -> None:
    """Raises InvalidArguments for an option that a function does not know."""
    for name in given:
        if name not in known:
            raise InvalidArguments(
                f"octcluster.{function} has no option {name!r}{suggest(name, known)}; "
                f"help(octcluster.{function}) lists them"
            )


def _change_recipe(recipe: str | Recipe | None, parts: dict[str, Any], model: str) -> Recipe:
    if isinstance(recipe, Recipe):
        raise InvalidArguments(
            f"{', '.join(parts)}: change a recipe of your own before, with dataclasses.replace"
        )
    if recipe is not None and recipe not in RECIPES:
        find_recipe(recipe)  # says which there are
    no_pca = "pca" in parts and parts["pca"] is None
    nothing = dict.fromkeys(_PARTS)
    return RecipeArguments(recipe=recipe, no_pca=no_pca, **nothing | parts).choose_recipe(model)


def as_paths(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with paths that are texts as paths."""
    return {
        name: Path(value) if name in _PATHS and isinstance(value, str) else value
        for name, value in options.items()
    }
