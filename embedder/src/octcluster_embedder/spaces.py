"""Embedding spaces: what makes two vectors comparable."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Features(StrEnum):
    """What is read from a network whose classification head is removed."""

    POOLED = "pooled"
    FLATTEN = "flatten"


@dataclass(frozen=True)
class EmbeddingSpace:
    """Everything that a vector's values depend on, besides the image.

    Attributes:
        model: Model name, for example ``efficientnet-lite0``.
        weights_digest: SHA-256 of the weights, 64 lower-case hexadecimal digits.
        preprocessing_version: Version of decoding, resizing and scaling.
        features: What is read from the network.
        dimension: Number of values in a vector.
        data_type: Type of one value; little-endian on the wire.
    """

    model: str
    weights_digest: str
    preprocessing_version: str
    features: Features
    dimension: int
    data_type: str = "float32"

    @property
    def digest(self) -> bytes:
        """SHA-256 over all fields, 32 bytes."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).digest()
