"""The TOML file that declares the matrix of a study; default_study.toml shows all there is."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import RECIPES, Recipe
from octcluster.model.runs import PLAIN_VIEW, Preparation
from octcluster.workflows.study_matrix import FeatureSet, Part, Published, StudyMatrix
from octcluster.workflows.study_tables import Combinations, NamedRecipe, StudyTable, table_at

_PLACES = {"features": "features", "preparations": "preparation"}
_NUMBERED_PLACES = {"experiments": "experiment", "published": "published figures"}
_CURES = {
    "bool_type": "write true or false",
    "dict_type": "write a table",
    "model_type": "write a table",
    "string_type": "write a text in quotes",
    "tuple_type": 'write a list, such as ["a", "b"]',
}
"""What to do where a value is of the wrong type, by pydantic's name of the fault."""


def read_matrix(file: Path | None) -> StudyMatrix:
    """Reads a matrix.

    Args:
        file: A TOML file; None: the built-in one.

    Raises:
        InvalidArguments: The file cannot be read, is no TOML, or breaks a rule; the message says which.
    """
    source = resources.files("octcluster.workflows").joinpath("default_study.toml") if file is None else file
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidArguments(f"--matrix {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidArguments(f"--matrix {file} is no TOML file: {error}") from error
    return parse_matrix(text, f"--matrix {file}")


def parse_matrix(text: str, named: object) -> StudyMatrix:
    """Reads a matrix out of a text.

    Args:
        text: TOML.
        named: What it is called in errors.

    Raises:
        InvalidArguments: It is no TOML, or breaks a rule; the message says which.
    """
    try:
        return _build_matrix(StudyTable.model_validate(tomllib.loads(text)), text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidArguments(f"{named} is no TOML file: {error}") from error
    except ValidationError as error:
        # A mistyped key is also one that is missing: the first of the two says how it is written.
        faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        raise InvalidArguments(f"{named}: {_describe(faults[0])}") from error
    except _Fault as error:
        raise InvalidArguments(f"{named}: {error}") from error


class _Fault(Exception):
    """A rule between tables that the file breaks."""


def _describe(fault: Mapping[str, Any]) -> str:
    """A fault in one table: its place in the file, what is wrong and what is right."""
    place, path = _name_place(fault["loc"])
    if not path:
        return f"{place}: {_CURES.get(fault['type'], fault['msg'].removeprefix('Value error, '))}"
    key, table = str(path[0]), table_at(fault["loc"])
    match fault["type"]:
        case "missing":
            return f"{place} lacks {key}: write {table.model_fields[key].description}"
        case "extra_forbidden":
            return f"{place} has {key!r}; there are {', '.join(table.model_fields)}"
        case "tuple_type" if table is StudyTable:
            return f"{place}: write [[{key}]]"
    problem = _CURES.get(fault["type"], fault["msg"].removeprefix("Value error, ").removeprefix("Input "))
    return f"{place}: {key}: {problem}"


def _name_place(path: Sequence[int | str]) -> tuple[str, Sequence[int | str]]:
    """The table that a fault is in, for people, and the rest of its path."""
    match path:
        case (str(table), str(name), *rest) if table in _PLACES:
            return f"{_PLACES[table]} {name!r}", rest
        case (str(table), int(index), *rest) if table in _NUMBERED_PLACES:
            kinds = (NamedRecipe.__name__, Combinations.__name__)
            return f"{_NUMBERED_PLACES[table]} {index + 1}", [step for step in rest if step not in kinds]
    return "the file", path


def _build_matrix(document: StudyTable, text: str) -> StudyMatrix:
    feature_sets = {
        name: FeatureSet(name, table.model, table.features, table.flip, table.views)
        for name, table in document.features.items()
    }
    preparations = {name: Preparation(**table.model_dump()) for name, table in document.preparations.items()}
    parts: list[Part] = []
    for number, table in enumerate(document.experiments, start=1):
        found = (
            [_name_part(table)]
            if isinstance(table, NamedRecipe)
            else _combine(f"experiment {number}", table, feature_sets, preparations)
        )
        for part in found:
            _add_part(f"experiment {number}", part, parts)
    if not parts:
        raise _Fault("it has no [[experiments]]")
    published = tuple(Published(**table.model_dump()) for table in document.published)
    return StudyMatrix(document.title, tuple(parts), published, text)


def _name_part(table: NamedRecipe) -> Part:
    recipe = RECIPES[table.recipe]
    return Part(
        FeatureSet(
            _name_features(table.model, recipe), table.model, recipe.features, recipe.flip, recipe.views
        ),
        table.recipe,
        recipe.preparation,
        recipe.algorithms,
        *table.k,
        recipe.images_a_component,
    )


def _name_features(model: str, recipe: Recipe) -> str:
    views = "" if recipe.views == PLAIN_VIEW else f" of the views {' and '.join(recipe.views)}"
    return f"{model} {recipe.features}{views}"


def _combine(
    where: str,
    table: Combinations,
    feature_sets: Mapping[str, FeatureSet],
    preparations: Mapping[str, Preparation],
) -> Iterator[Part]:
    _check_known(where, "features", table.features, feature_sets)
    _check_known(where, "preparations", table.preparations, preparations)
    for features, preparation in product(table.features, table.preparations):
        yield Part(feature_sets[features], preparation, preparations[preparation], table.algorithms, *table.k)


def _check_known(where: str, key: str, names: Sequence[str], known: Mapping[str, object]) -> None:
    if unknown := [name for name in names if name not in known]:
        raise _Fault(f"{where}: {key} has {unknown[0]!r}; there are {', '.join(known)}")


def _add_part(where: str, part: Part, parts: list[Part]) -> None:
    """Adds a part, or its algorithms to the part that does the rest of the same run."""
    for index, other in enumerate(parts):
        if (other.feature_set, other.preparation_name) != (part.feature_set, part.preparation_name):
            continue
        # No clusterer is there to ask which algorithms find k themselves: cells repeat where k is equal.
        if again := [cell for cell in part.cells(()) if cell in other.cells(())]:
            algorithm, k = again[0]
            raise _Fault(f"{where} repeats {part.title}: {algorithm} with k = {k}")
        if (other.min_clusters, other.max_clusters) == (part.min_clusters, part.max_clusters):
            parts[index] = replace(other, algorithms=(*other.algorithms, *part.algorithms))
            return
    parts.append(part)
