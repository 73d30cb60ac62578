"""The tables of a study's TOML file, with the rules that each keeps by itself."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    model_validator,
)

from octcluster.model.cluster_range import read_cluster_range
from octcluster.model.recipes import RECIPES
from octcluster.model.runs import ALGORITHMS, FEATURES, PLAIN_VIEW, VIEWS


def _one_of(*names: str) -> AfterValidator:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"{name!r} is none of {', '.join(names)}")
        return name

    return AfterValidator(check)


def _check_algorithms(names: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [name for name in names if name not in ALGORITHMS]:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(ALGORITHMS)}")
    return names


def _check_views(names: tuple[str, ...]) -> tuple[str, ...]:
    if names not in VIEWS:
        choices = " or ".join(str(list(views)).replace("'", '"') for views in VIEWS)
        raise ValueError(f"{names!r} cannot be used: write {choices}")
    return names


def _read_pca(value: object) -> object:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not is_count and not (isinstance(value, float) and 0 < value <= 1):
        raise ValueError(
            f"{value!r} is neither a share of the variance (0.95) nor a count of components (64)"
        )
    return value


def _drop_repeated(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


_Name = Annotated[str, Field(min_length=1, description="a text in quotes")]
_LIST_OF_NAMES = Field(min_length=1, description="a list of names in quotes")
_Names = Annotated[tuple[_Name, ...], AfterValidator(_drop_repeated), _LIST_OF_NAMES]
_Algorithms = Annotated[
    tuple[_Name, ...], AfterValidator(_drop_repeated), AfterValidator(_check_algorithms), _LIST_OF_NAMES
]
_ClusterRange = Annotated[
    tuple[int, int],
    BeforeValidator(lambda k: read_cluster_range(str(k))),
    Field(description='k = 4, or k = "2:6"'),
]


class _Table(BaseModel):
    """A table that has the keys named here and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FeatureTable(_Table):
    """One of ``[features]``; see FeatureSet."""

    model: _Name
    features: Annotated[str, _one_of(*FEATURES)] = "pooled"
    flip: StrictBool = False
    views: Annotated[tuple[_Name, ...], AfterValidator(_check_views), _LIST_OF_NAMES] = PLAIN_VIEW


class PreparationTable(_Table):
    """One of ``[preparations]``; see Preparation, whose part_dimensions the features decide."""

    l2_normalize: StrictBool = True
    standardize: StrictBool = False
    pca: Annotated[float | int | None, BeforeValidator(_read_pca)] = None
    whiten: StrictBool = False
    whiten_within_patients: StrictBool | Literal["auto"] = False
    normalize_prepared: StrictBool = False

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.whiten and self.pca is None:
            raise ValueError("whiten needs pca: add pca = 64, or leave whiten out")
        if self.whiten_within_patients and not self.whiten:
            raise ValueError("whiten_within_patients needs whiten: add whiten = true")
        return self


class NamedRecipe(_Table):
    """One of ``[[experiments]]``: a recipe with a model."""

    model: _Name
    recipe: Annotated[str, _one_of(*RECIPES), Field(description="the name of a recipe in quotes")]
    k: _ClusterRange


class Combinations(_Table):
    """One of ``[[experiments]]``: all combinations of features, preparations and algorithms."""

    features: _Names
    preparations: _Names
    algorithms: _Algorithms
    k: _ClusterRange


class PublishedTable(_Table):
    """One of ``[[published]]``; see Published."""

    source: _Name
    features: _Names
    preparations: _Names
    algorithm: _Name
    silhouettes: dict[int, float] = Field(default_factory=dict)
    k: int | None = None
    accuracy: float | None = None
    adjusted_rand_index: float | None = None
    classes: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()


def _kind_of(table: Any) -> str:
    return (NamedRecipe if isinstance(table, dict) and "recipe" in table else Combinations).__name__


class StudyTable(_Table):
    """The whole file."""

    title: _Name = "Study"
    features: dict[str, FeatureTable] = Field(default_factory=dict)
    preparations: dict[str, PreparationTable] = Field(default_factory=dict)
    experiments: tuple[
        Annotated[
            Annotated[NamedRecipe, Tag(NamedRecipe.__name__)]
            | Annotated[Combinations, Tag(Combinations.__name__)],
            Discriminator(_kind_of),
        ],
        ...,
    ] = ()
    published: tuple[PublishedTable, ...] = ()


def table_at(path: Sequence[int | str]) -> type[BaseModel]:
    """The table that has the key at a path.

    Args:
        path: Path of a key in the file, as pydantic tells it.
    """
    match path:
        case ("features", _, _, *_):
            return FeatureTable
        case ("preparations", _, _, *_):
            return PreparationTable
        case ("published", _, _, *_):
            return PublishedTable
        case ("experiments", _, kind, _, *_):
            return NamedRecipe if kind == NamedRecipe.__name__ else Combinations
    return StudyTable
