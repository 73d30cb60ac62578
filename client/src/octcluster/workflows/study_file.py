"""The TOML file that declares the matrix of a study; default_study.toml shows all there is."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

from octcluster.model.cluster_range import read_cluster_range
from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import RECIPES
from octcluster.model.runs import ALGORITHMS, FEATURES, Preparation
from octcluster.workflows.study_matrix import FeatureSet, Part, Published, StudyMatrix

_PREPARATION_KEYS = tuple(f.name for f in fields(Preparation) if f.name != "part_dimensions")


def read_matrix(file: Path | None) -> StudyMatrix:
    """Reads a matrix.

    Args:
        file: A TOML file; None: the built-in one.

    Raises:
        InvalidArguments: The file cannot be read, is no TOML, or breaks a rule; the message says which.
    """
    try:
        if file is None:
            text = (
                resources.files("octcluster.workflows")
                .joinpath("default_study.toml")
                .read_text(encoding="utf-8")
            )
        else:
            text = file.read_text(encoding="utf-8")
        return _build_matrix(tomllib.loads(text), text)
    except OSError as error:
        raise InvalidArguments(f"--matrix {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArguments(f"--matrix {file} is no TOML file: {error}") from error
    except _Fault as error:
        raise InvalidArguments(f"--matrix {file}: {error}") from error


class _Fault(Exception):
    """A rule that the file breaks."""


def _build_matrix(document: dict[str, Any], text: str) -> StudyMatrix:
    _check_keys("the file", document, ("title", "features", "preparations", "experiments", "published"))
    feature_sets = {
        name: _read_feature_set(name, table) for name, table in _tables(document, "features").items()
    }
    preparations = {
        name: _read_preparation(name, table) for name, table in _tables(document, "preparations").items()
    }
    parts: list[Part] = []
    for number, table in enumerate(_list_of_tables(document, "experiments"), start=1):
        where = f"experiment {number}"
        for part in _read_experiment(where, table, feature_sets, preparations):
            _add_part(where, part, parts)
    if not parts:
        raise _Fault("it has no [[experiments]]")
    published = tuple(
        _read_published(f"published figures {number}", table)
        for number, table in enumerate(_list_of_tables(document, "published"), start=1)
    )
    return StudyMatrix(_text("the file", document, "title", "Study"), tuple(parts), published, text)


def _read_feature_set(name: str, table: dict[str, Any]) -> FeatureSet:
    where = f"features {name!r}"
    _check_keys(where, table, ("model", "features", "flip"))
    features = _text(where, table, "features", "pooled")
    if features not in FEATURES:
        raise _Fault(f"{where}: features = {features!r} is none of {', '.join(FEATURES)}")
    return FeatureSet(name, _text(where, table, "model"), features, _switch(where, table, "flip"))


def _read_preparation(name: str, table: dict[str, Any]) -> Preparation:
    where = f"preparation {name!r}"
    _check_keys(where, table, _PREPARATION_KEYS)
    pca = table.get("pca")
    is_count = isinstance(pca, int) and not isinstance(pca, bool) and pca >= 1
    if pca is not None and not is_count and not (isinstance(pca, float) and 0 < pca <= 1):
        raise _Fault(f"{where}: pca is a share of the variance (0.95) or a count of components (64)")
    switches = {key: _switch(where, table, key) for key in table if key != "pca"}
    preparation = replace(Preparation(pca=pca), **switches)  # type: ignore[arg-type]
    if preparation.whiten and pca is None:
        raise _Fault(f"{where}: whiten needs pca")
    if preparation.whiten_within_patients and not preparation.whiten:
        raise _Fault(f"{where}: whiten_within_patients needs whiten")
    return preparation


def _read_experiment(
    where: str,
    table: dict[str, Any],
    feature_sets: Mapping[str, FeatureSet],
    preparations: Mapping[str, Preparation],
) -> Iterator[Part]:
    min_clusters, max_clusters = _read_clusters(where, table)
    if "recipe" in table:
        _check_keys(where, table, ("model", "recipe", "k"))
        name = _text(where, table, "recipe")
        if name not in RECIPES:
            raise _Fault(f"{where}: recipe = {name!r} is none of {', '.join(RECIPES)}")
        recipe, model = RECIPES[name], _text(where, table, "model")
        features = FeatureSet(f"{model} {recipe.features}", model, recipe.features, recipe.flip)
        yield Part(
            features,
            name,
            recipe.preparation,
            recipe.algorithms,
            min_clusters,
            max_clusters,
            recipe.images_a_component,
        )
        return
    _check_keys(where, table, ("features", "preparations", "algorithms", "k"))
    algorithms = _names(where, table, "algorithms", ALGORITHMS)
    for features_name, preparation_name in product(
        _names(where, table, "features", feature_sets), _names(where, table, "preparations", preparations)
    ):
        yield Part(
            feature_sets[features_name],
            preparation_name,
            preparations[preparation_name],
            algorithms,
            min_clusters,
            max_clusters,
        )


def _add_part(where: str, part: Part, parts: list[Part]) -> None:
    """Adds a part, or its algorithms to the part that does the rest of the same run."""
    for index, other in enumerate(parts):
        if (other.feature_set, other.preparation_name) != (part.feature_set, part.preparation_name):
            continue
        if again := [cell for cell in part.cells() if cell in other.cells()]:
            algorithm, k = again[0]
            raise _Fault(f"{where} repeats {part.title}: {algorithm}" + (f" with k = {k}" if k else ""))
        if (other.min_clusters, other.max_clusters) == (part.min_clusters, part.max_clusters):
            parts[index] = replace(other, algorithms=(*other.algorithms, *part.algorithms))
            return
    parts.append(part)


def _read_published(where: str, table: dict[str, Any]) -> Published:
    _check_keys(where, table, tuple(f.name for f in fields(Published)))
    try:
        return Published(
            source=_text(where, table, "source"),
            features=_strings(where, table, "features"),
            preparations=_strings(where, table, "preparations"),
            algorithm=_text(where, table, "algorithm"),
            silhouettes={int(k): float(value) for k, value in table.get("silhouettes", {}).items()},
            k=table.get("k"),
            accuracy=table.get("accuracy"),
            adjusted_rand_index=table.get("adjusted_rand_index"),
            classes=tuple(map(str, table.get("classes", ()))),
            counts=tuple(tuple(int(count) for count in row) for row in table.get("counts", ())),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise _Fault(f"{where}: {error}") from error


def _read_clusters(where: str, table: dict[str, Any]) -> tuple[int, int]:
    try:
        return read_cluster_range(str(table["k"]))
    except KeyError:
        raise _Fault(f'{where} lacks k: write k = 4, or k = "2:6"') from None
    except Exception as error:
        raise _Fault(f"{where}: k: {error}") from error


def _check_keys(where: str, table: object, known: Sequence[str]) -> None:
    if not isinstance(table, dict):
        raise _Fault(f"{where} is no table")
    if unknown := [key for key in table if key not in known]:
        raise _Fault(f"{where} has {unknown[0]!r}; there are {', '.join(known)}")


def _tables(document: dict[str, Any], key: str) -> dict[str, Any]:
    tables = document.get(key, {})
    if not isinstance(tables, dict):
        raise _Fault(f"{key} is no table of tables")
    return tables


def _list_of_tables(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    tables = document.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _Fault(f"{key} is no list of tables: write [[{key}]]")
    return tables


def _text(where: str, table: dict[str, Any], key: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or not value:
        raise _Fault(f"{where} lacks {key}, a text")
    return value


def _switch(where: str, table: dict[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise _Fault(f"{where}: {key} is true or false")
    return value


def _strings(where: str, table: dict[str, Any], key: str) -> tuple[str, ...]:
    values = table.get(key)
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        raise _Fault(f"{where} lacks {key}, a list of names")
    return tuple(dict.fromkeys(values))


def _names(
    where: str, table: dict[str, Any], key: str, known: Sequence[str] | Mapping[str, object]
) -> tuple[str, ...]:
    names = _strings(where, table, key)
    if unknown := [name for name in names if name not in known]:
        raise _Fault(f"{where}: {key} has {unknown[0]!r}; there are {', '.join(known)}")
    return names
