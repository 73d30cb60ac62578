"""Vectors that a caller brings: the space that they lie in."""

import json
from collections.abc import Sequence
from hashlib import sha256

from octcluster.model.runs import EmbeddingSpace

OWN_VECTORS = "own-vectors"
"""What stands for the model, and for the features, of vectors whose embedder is not known."""


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
