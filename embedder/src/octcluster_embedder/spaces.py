"""Embedding spaces: what makes two vectors comparable."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cache, cached_property


class Features(StrEnum):
    """What is read from a network whose classification head is removed, or from the image without one."""

    POOLED = "pooled"
    FLATTEN = "flatten"
    BLOCKS = "blocks"
    PIXELS = "pixels"


class View(StrEnum):
    """What a network is shown of an image."""

    PLAIN = "plain"
    RETINA = "retina"


class DataType(StrEnum):
    """Type of one value of a vector, by NumPy's name; little-endian on the wire."""

    FLOAT32 = "float32"
    UINT8 = "uint8"
    FLOAT16 = "float16"


class Precision(StrEnum):
    """What a network computes in; vectors are float32 all the same, and rounded to what it computes in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"
    MIXED_BFLOAT16 = "mixed-bfloat16"
    MIXED_FLOAT16 = "mixed-float16"


_BYTES_A_VALUE = {DataType.FLOAT32: 4, DataType.UINT8: 1, DataType.FLOAT16: 2}
_PLAIN = (View.PLAIN,)

RETINA_VERSION = "retina-3"
"""Version of where a retina is found and how it is shown: of ``images.retina`` and ``images.levelling``."""

VIEWS_OFFERED = (_PLAIN, (View.RETINA,), (View.PLAIN, View.RETINA))
"""The views that vectors can be made of, each of one or of both, in this order."""


@dataclass(frozen=True)
class VectorPart:
    """One part of a vector: the layer or the features that it is read from, and its number of values."""

    source: str
    dimension: int


@dataclass(frozen=True)
class EmbeddingSpace:
    """Everything that a vector's values depend on, besides the image.

    Attributes:
        model: Model name, for example ``efficientnet-lite0``.
        weights_digest: SHA-256 of the weights, 64 lower-case hexadecimal digits; of no bytes for a model
            without weights, and of the whole network where it is quantized to int8.
        preprocessing_version: Version of decoding, resizing and scaling.
        features: What is read from the network.
        parts: The parts of a vector, in order: those of one view after those of another.
        flip: Whether a vector is the mean of the image's and of its mirror image's.
        data_type: Type of one value.
        precision: What the network computes in.
        views: What the network is shown of an image, in the order of the parts; see ``VIEWS_OFFERED``.
    """

    model: str
    weights_digest: str
    preprocessing_version: str
    features: Features
    parts: tuple[VectorPart, ...]
    flip: bool = False
    data_type: DataType = DataType.FLOAT32
    precision: Precision = Precision.FLOAT32
    views: tuple[View, ...] = _PLAIN

    @property
    def dimension(self) -> int:
        """Number of values in a vector."""
        return sum(part.dimension for part in self.parts)

    @property
    def vector_bytes(self) -> int:
        """Size of a vector on the wire, in bytes."""
        return self.dimension * _BYTES_A_VALUE[self.data_type]

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over all fields, 32 bytes; views only where they are others than ``plain`` alone."""
        fields = asdict(self)
        if self.views == _PLAIN:
            del fields["views"]
        canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).digest()

    def variant(self, flip: bool, views: tuple[View, ...] = _PLAIN) -> "EmbeddingSpace":
        """The space of the same features with or without the mirror image, and of these views.

        Args:
            flip: Whether a vector is the mean of the image's and of its mirror image's.
            views: One of ``VIEWS_OFFERED``.
        """
        return _make_variant(self, flip, views)


@cache  # a space keeps its digest, which takes longer than the rest of an answer
def _make_variant(plain: EmbeddingSpace, flip: bool, views: tuple[View, ...]) -> EmbeddingSpace:
    if views == _PLAIN:
        return replace(plain, flip=flip)
    return replace(
        plain,
        preprocessing_version=f"{plain.preprocessing_version}/{RETINA_VERSION}",
        parts=plain.parts * len(views),
        flip=flip,
        data_type=DataType.FLOAT16 if plain.data_type is DataType.FLOAT32 else plain.data_type,
        views=views,
    )
