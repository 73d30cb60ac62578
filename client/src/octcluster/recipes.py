"""Recipes: ways of grouping images, from features to algorithm, by name and version.

A recipe that has been released never changes; a better one gets a new name. ``docs/recipe.md`` says how the
default one was found, without labels.
"""

from dataclasses import dataclass, field

from octcluster.runs import Preparation


@dataclass(frozen=True)
class Recipe:
    """One way of grouping images.

    Attributes:
        name: Name with version; empty for a way of one's own.
        features: One of FEATURES.
        flip: Whether each vector is the mean of the image's and of its mirror image's.
        preparation: What happens to the vectors before clustering; the embedding space decides its parts.
        algorithms: Names out of ALGORITHMS, at least one.
    """

    name: str = ""
    features: str = "pooled"
    flip: bool = False
    preparation: Preparation = field(default_factory=Preparation)
    algorithms: tuple[str, ...] = ("kmeans",)


CONSENSUS_2 = Recipe(
    "consensus-2",
    "blocks",
    True,
    Preparation(pca=48, whiten=True, whiten_within_groups=True, normalize_prepared=True),
    ("consensus",),
)
PLAIN_1 = Recipe("plain-1")
PIXELS_1 = Recipe("pixels-1", "pixels", preparation=Preparation(l2_normalize=False))

RECIPES = {recipe.name: recipe for recipe in (CONSENSUS_2, PLAIN_1, PIXELS_1)}
"""All recipes by name."""

DEFAULT_RECIPE = CONSENSUS_2
"""What networks that offer the features ``blocks`` are used with."""


def default_recipe(model: str) -> Recipe:
    """The recipe that a model is used with if nothing else is asked for.

    Args:
        model: Name of the model.

    Returns:
        DEFAULT_RECIPE, or, for a model that is no EfficientNet and so offers no ``blocks``, the plain one.
    """
    return DEFAULT_RECIPE if model.startswith("efficientnet-") else plain_recipe(model)


def plain_recipe(model: str) -> Recipe:
    """K-means on what the model gives, where a way of one's own begins: PLAIN_1, or PIXELS_1 for pixels."""
    return PIXELS_1 if model == "pixels" else PLAIN_1
