"""Embedding spaces: what makes two vectors comparable."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property


class Features(StrEnum):
    """What is read from a network whose classification head is removed, or from the image without one."""

    POOLED = "pooled"
    FLATTEN = "flatten"
    BLOCKS = "blocks"
    PIXELS = "pixels"


class DataType(StrEnum):
    """Type of one value of a vector, by NumPy's name; little-endian on the wire."""

    FLOAT32 = "float32"
    UINT8 = "uint8"


class Precision(StrEnum):
    """What a network computes in; vectors are float32 all the same, and rounded to what it computes in."""

    FLOAT32 = "float32"
    MIXED_BFLOAT16 = "mixed-bfloat16"
    MIXED_FLOAT16 = "mixed-float16"


_BYTES_A_VALUE = {DataType.FLOAT32: 4, DataType.UINT8: 1}


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
            without weights.
        preprocessing_version: Version of decoding, resizing and scaling.
        features: What is read from the network.
        parts: The parts of a vector, in order.
        flip: Whether a vector is the mean of the image's and of its mirror image's.
        data_type: Type of one value.
        precision: What the network computes in.
    """

    model: str
    weights_digest: str
    preprocessing_version: str
    features: Features
    parts: tuple[VectorPart, ...]
    flip: bool = False
    data_type: DataType = DataType.FLOAT32
    precision: Precision = Precision.FLOAT32

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
        """SHA-256 over all fields, 32 bytes."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).digest()

    def with_flip(self, flip: bool) -> "EmbeddingSpace":
        """The space of the same features with or without the mirror image."""
        return self if flip == self.flip else self._other_flip

    @cached_property
    def _other_flip(self) -> "EmbeddingSpace":
        """Kept, for its digest takes longer than the rest of an answer."""
        return replace(self, flip=not self.flip)
