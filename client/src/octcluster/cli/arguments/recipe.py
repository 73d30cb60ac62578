"""The arguments that say which recipe clusters the images, and what is changed of it."""

from argparse import BooleanOptionalAction
from dataclasses import dataclass, replace
from typing import Any

from octcluster.cli.values import parse_algorithms, parse_pca, parse_views
from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import DEFAULT_RECIPE, PIXELS_1, PLAIN_1, RECIPES, Recipe, default_recipe
from octcluster.model.runs import ALGORITHMS, FEATURES

_SWITCHES = ("flip", "whiten", "whiten_within_patients")


@dataclass(frozen=True, kw_only=True)
class RecipeArguments:
    """A recipe by its name, and changes of its parts; None for each that was not given.

    Attributes:
        recipe: Name of the recipe.
        features: What is read from the network.
        flip: Whether mirror images are averaged in.
        views: What the network is shown of an image.
        algorithm: Names of algorithms.
        pca: Share of the variance, or count of components.
        no_pca: Whether the features are not reduced.
        whiten: Whether components are scaled to equal variance.
        whiten_within_patients: Whether what differs between images of one patient gets less weight.
    """

    recipe: str | None
    features: str | None
    flip: bool | None
    views: tuple[str, ...] | None
    algorithm: tuple[str, ...] | None = None
    pca: float | int | None = None
    no_pca: bool = False
    whiten: bool | None = None
    whiten_within_patients: bool | None = None

    def choose_recipe(self, model: str) -> Recipe:
        """Finds the recipe that was asked for.

        Args:
            model: Name of the model, whose default recipe is taken where none is named.

        Returns:
            The recipe, with its parts changed; a changed one has no name.

        Raises:
            InvalidArguments: A part is to be changed and no recipe is named, or the parts do not go together.
        """
        if self.recipe is None:
            if changes := self._list_changes():
                raise InvalidArguments(_ask_for_name(changes, model))
            return default_recipe(model)
        recipe = RECIPES[self.recipe]
        changed = self._change(recipe)
        if changed.preparation.whiten and changed.preparation.pca is None:
            raise InvalidArguments("whitening needs PCA: add --pca 64, or give --no-whiten")
        if changed.preparation.whiten_within_patients and not changed.preparation.whiten:
            raise InvalidArguments("whitening within patients comes after whitening: add --whiten too")
        return changed if changed == recipe else replace(changed, name="")

    def _change(self, recipe: Recipe) -> Recipe:
        parts: dict[str, Any] = {
            "features": self.features,
            "flip": self.flip,
            "views": self.views,
            "algorithms": self.algorithm,
        }
        steps: dict[str, Any] = {
            "pca": self.pca,
            "whiten": self.whiten,
            "whiten_within_patients": self.whiten_within_patients,
        }
        if self.whiten is False and self.whiten_within_patients is None:
            steps["whiten_within_patients"] = False
        if self.pca is not None or self.no_pca:
            parts["images_a_component"] = 0  # so many, and not fewer
        preparation = replace(recipe.preparation, **_given(steps))
        if self.no_pca:
            preparation = replace(preparation, pca=None)
        return replace(recipe, preparation=preparation, **_given(parts))

    def _list_changes(self) -> list[str]:
        """The options that were given to change a part."""
        changes = [
            f"--{name}"
            for name in ("features", "views", "algorithm", "pca")
            if getattr(self, name) is not None
        ]
        switched = [(name, value) for name in _SWITCHES if (value := getattr(self, name)) is not None]
        changes += [f"--{'' if value else 'no-'}{name.replace('_', '-')}" for name, value in switched]
        return [*changes, *(["--no-pca"] if self.no_pca else [])]


def _given(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None}


def _ask_for_name(changes: list[str], model: str) -> str:
    """Says that a recipe has to be named, and which there are for the model."""
    default = default_recipe(model)
    cure = f"--recipe {default.name}, the default of {model}"
    if default is DEFAULT_RECIPE:
        cure = f"--recipe {PLAIN_1.name} (pooled features, K-means), or {cure}"
    verb = "changes" if len(changes) == 1 else "change"
    return f"{', '.join(changes)} {verb} a recipe, and none is named: add {cure}"


def add_recipe(group: Any) -> None:
    """Adds the name of the recipe."""
    group.add_argument(
        "--recipe",
        choices=tuple(RECIPES),
        help=f"the whole recipe, by name and version (default: {DEFAULT_RECIPE.name} for an EfficientNet, "
        f"{PIXELS_1.name} for pixels, {PLAIN_1.name} for other models)",
    )


def add_recipe_parts(group: Any) -> None:
    """Adds the options that change one part of a recipe each."""
    add_feature_parts(group)
    _add_clustering_parts(group)


def add_feature_parts(group: Any) -> None:
    """Adds the options that change what the vectors are."""
    add = group.add_argument
    add(
        "--features",
        choices=FEATURES,
        help="what is read from the network: pooled, the mean of its last map; flatten, the whole map; or "
        "blocks, the means of late layers; pixels, for the model pixels (default: that of the recipe)",
    )
    add(
        "--flip",
        action=BooleanOptionalAction,
        help="average the features of each image and of its mirror image, since left and right eyes mirror "
        "each other (default: that of the recipe)",
    )
    add(
        "--views",
        metavar="VIEW[,VIEW]",
        type=parse_views,
        help="what the network is shown of an image: plain, the square in the centre, or "
        "overlapping windows of an image twice as wide as high; retina, the retina, "
        "found and level, in its whole width; or plain,retina, both (default: that of the recipe)",
    )


def _add_clustering_parts(group: Any) -> None:
    add = group.add_argument
    add(
        "--algorithm",
        metavar="NAME[,NAME...]",
        type=parse_algorithms,
        help=f"one or more of {', '.join(ALGORITHMS)} (default: that of the recipe)",
    )
    pca = group.add_mutually_exclusive_group()
    pca.add_argument(
        "--pca",
        metavar="SHARE|COUNT",
        type=parse_pca,
        help="reduce the features first, each part of blocks by itself: to a share of their variance with a "
        "dot (0.95), or to a count of components (64; of few images as many as there can be)",
    )
    pca.add_argument(
        "--no-pca",
        action="store_true",
        help="do not reduce the features (default: that of the recipe)",
    )
    add(
        "--whiten",
        action=BooleanOptionalAction,
        help="scale the components of the PCA to equal variance (default: that of the recipe)",
    )
    add(
        "--whiten-within-patients",
        action=BooleanOptionalAction,
        help="then give less weight to differences within a patient, which are rarely pathology among single "
        "scans; not for whole volumes, whose slices differ in pathology (default: that of the recipe: yes, "
        "no, or auto, which decides by the images and tells)",
    )
