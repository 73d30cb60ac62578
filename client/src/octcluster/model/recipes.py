"""Recipes: ways of clustering images, from features to algorithm, by name and version.

A recipe that has been released never changes; a better one gets a new name. ``docs/recipe.md`` says how the
default one was found, without labels.
"""

from dataclasses import dataclass, field, replace

from octcluster.model.errors import InvalidArguments
from octcluster.model.runs import PLAIN_VIEW, Preparation
from octcluster.model.suggest import suggest

_FEWEST_COMPONENTS = 8


@dataclass(frozen=True)
class Recipe:
    """One way of clustering images.

    Attributes:
        name: Name with version; empty for a way of one's own.
        features: One of FEATURES.
        flip: Whether each vector is the mean of the image's and of its mirror image's.
        preparation: What happens to the vectors before clustering; the embedding space decides its parts.
        algorithms: Names out of ALGORITHMS, at least one.
        images_a_component: How many images there must be for each principal component: with fewer images,
            fewer components are kept, though never fewer than 8 for that reason. 0: as many as the
            preparation says.
        views: How each image is seen, names out of VIEWS: a vector has the features of each view, one after
            another.
    """

    name: str = ""
    features: str = "pooled"
    flip: bool = False
    preparation: Preparation = field(default_factory=Preparation)
    algorithms: tuple[str, ...] = ("kmeans",)
    images_a_component: int = 0
    views: tuple[str, ...] = PLAIN_VIEW

    def preparation_for(self, n_images: int) -> Preparation:
        """The preparation of so many images."""
        if not self.images_a_component or not isinstance(self.preparation.pca, int):
            return self.preparation
        affordable = max(n_images // self.images_a_component, _FEWEST_COMPONENTS)
        return replace(self.preparation, pca=min(self.preparation.pca, affordable))


CONSENSUS_3 = Recipe(
    "consensus-3",
    "blocks",
    True,
    Preparation(pca=48, whiten=True, whiten_within_patients="auto", normalize_prepared=True),
    ("uneven-consensus",),
    images_a_component=5,
    views=("plain", "retina"),
)
CONSENSUS_2 = Recipe(
    "consensus-2",
    "blocks",
    True,
    Preparation(pca=48, whiten=True, whiten_within_patients=True, normalize_prepared=True),
    ("consensus",),
    images_a_component=5,
)
PLAIN_1 = Recipe("plain-1")
PIXELS_1 = Recipe("pixels-1", "pixels", preparation=Preparation(l2_normalize=False))

RECIPES = {recipe.name: recipe for recipe in (CONSENSUS_3, CONSENSUS_2, PLAIN_1, PIXELS_1)}
"""All recipes by name."""

DEFAULT_RECIPE = CONSENSUS_3
"""What networks that offer the features ``blocks`` are used with."""


def default_recipe(model: str) -> Recipe:
    """The recipe that a model is used with if no other is named.

    Args:
        model: Name of the model.

    Returns:
        DEFAULT_RECIPE for an EfficientNet, which offers ``blocks``; else K-means on what the model gives.
    """
    if model.startswith("efficientnet-"):
        return DEFAULT_RECIPE
    return PIXELS_1 if model == "pixels" else PLAIN_1


def find_recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        InvalidArguments: There is none; the message names those that there are.
    """
    if name not in RECIPES:
        raise InvalidArguments(
            f"there is no recipe {name!r}: take {', '.join(RECIPES)}{suggest(name, RECIPES)}"
        )
    return RECIPES[name]
