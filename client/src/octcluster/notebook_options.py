"""The options of jobs in Python: the command line's names, each checked before anything is done."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from octcluster.cli.arguments.recipe import RecipeArguments
from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import RECIPES, Recipe, find_recipe
from octcluster.model.runs import ALGORITHMS, FEATURES, MODELS, VIEWS
from octcluster.model.suggest import suggest
from octcluster.workflows.assign import AssignOptions
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.run import RunOptions

_NAMES = {"stability": "stability_resamples"}
"""Options of the command that RunOptions calls otherwise."""
_PARTS = [field.name for field in fields(RecipeArguments) if field.name not in ("recipe", "no_pca")]
_PATHS = ("cache_dir", "weights")


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
    given = {_NAMES.get(name, name): value for name, value in options.items()}
    parts = {name: given.pop(name) for name in _PARTS if name in given}
    _check_names("run", RunOptions, given, [*_NAMES, *_PARTS])
    model = given.get("model", MODELS[0])
    chosen = _change_recipe(recipe, parts, model) if parts else recipe
    if isinstance(chosen, str):
        chosen = find_recipe(chosen)
    return RunOptions(recipe=chosen, min_clusters=k[0], max_clusters=k[1], **_as_paths(given))


def check_assign_options(options: Mapping[str, Any]) -> None:
    """Raises InvalidArguments for an option that ``octcluster.assign`` does not have."""
    _check_names("assign", AssignOptions, options, [])


def read_assign_options(finished: FinishedRun, options: Mapping[str, Any]) -> AssignOptions:
    """Reads the options of ``octcluster.assign``; the model is that of the run unless they name another."""
    model = None if finished.model is None else finished.model.space.model
    known = model or finished.arguments.get("model")
    return AssignOptions(**({} if known is None else {"model": known}) | _as_paths(options))


def _check_names(function: str, kind: type, given: Mapping[str, Any], others: list[str]) -> None:
    known = [option.name for option in fields(kind)] + others
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
    if parts.get("algorithm") is not None:
        parts["algorithm"] = _list_known("algorithm", parts["algorithm"], ALGORITHMS)
    if parts.get("features") is not None:
        _list_known("features", [parts["features"]], FEATURES)
    if parts.get("views") is not None:
        parts["views"] = _find_views(parts["views"])
    no_pca = "pca" in parts and parts["pca"] is None
    nothing = dict.fromkeys(_PARTS)
    return RecipeArguments(recipe=recipe, no_pca=no_pca, **nothing | parts).choose_recipe(model)


def _list_known(name: str, value: str | Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """Names as the command line has them, by commas, or several."""
    names, choices = _join(value).split(","), list(known)
    for one in names:
        if one not in choices:
            listed = ", ".join(choices)
            raise InvalidArguments(f"{name}: there is no {one!r}, but {listed}{suggest(one, choices)}")
    return tuple(names)


def _find_views(views: str | Iterable[str]) -> tuple[str, ...]:
    known = {_join(each): each for each in VIEWS}
    if (found := known.get(_join(views))) is None:
        raise InvalidArguments(f"views: there are {'; '.join(known)}, and not {_join(views)!r}")
    return found


def _join(names: str | Iterable[str]) -> str:
    return names if isinstance(names, str) else ",".join(map(str, names))


def _as_paths(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: Path(value) if name in _PATHS and isinstance(value, str) else value
        for name, value in options.items()
    }
