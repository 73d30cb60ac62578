"""Vectors that a caller brings: the space that they lie in."""

import json
from collections.abc import Sequence
from hashlib import sha256

from octcluster.model.recipes import CONSENSUS_2, DEFAULT_RECIPE, Recipe, default_recipe
from octcluster.model.runs import EmbeddingSpace

OWN_VECTORS = "own-vectors"
"""What stands for the model, and for the features, of vectors whose embedder is not known."""


_SEVERAL = 2


def own_space(
    dimension: int, data_type: str = "float32", part_dimensions: Sequence[int] = ()
) -> EmbeddingSpace:
    """The space of vectors that no embedder of ours has made.

    Its digest differs from that of every model, so that such vectors never count as those of images.

    Args:
        dimension: Number of values in a vector.
        data_type: Type of one value, ``float32`` or ``float16``.
        part_dimensions: Number of values in each part of a vector; empty: it is one part.
    """
    parts = tuple(part_dimensions) or (dimension,)
    told = json.dumps([OWN_VECTORS, 1, data_type, parts])
    return EmbeddingSpace(
        model=OWN_VECTORS,
        weights_digest="",
        preprocessing_version="",
        features=OWN_VECTORS,
        data_type=data_type,
        dimension=dimension,
        digest=sha256(told.encode()).digest(),
        part_dimensions=parts,
    )


def recipe_for(space: EmbeddingSpace) -> Recipe:
    """The recipe of vectors that are given, if no other is named: that of their model, if this is known.

    The default recipe learns from each part what to look away from in the others: it needs several of them.
    """
    recipe = DEFAULT_RECIPE if space.model == OWN_VECTORS else default_recipe(space.model)
    return CONSENSUS_2 if recipe is DEFAULT_RECIPE and len(space.part_dimensions) < _SEVERAL else recipe
