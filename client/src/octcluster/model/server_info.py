"""What servers say about themselves and about single items, as the library hands it to its caller."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from octcluster.model.runs import EmbeddingSpace


@dataclass(frozen=True)
class EmbedFailure:
    """Why one image has no vector.

    Attributes:
        code: ``empty``, ``too_many_bytes``, ``too_many_pixels``, ``too_small``, ``unsupported_format``,
            ``corrupt`` or ``internal``.
        message: What was wrong and what to do, for people.
    """

    code: str
    message: str


@dataclass(frozen=True)
class Embedding:
    """What the embedder makes of one image.

    Attributes:
        vector: Little-endian values, of the space asked for.
        measures: What was measured of the image, in the order of EmbedderInfo.measures.names.
    """

    vector: bytes
    measures: tuple[float, ...]


def too_many_bytes(image_bytes: int, max_image_bytes: int) -> EmbedFailure:
    """The failure of an image that is too large to be sent."""
    return EmbedFailure(
        "too_many_bytes",
        f"the image has {image_bytes:,} bytes, more than the embedder's limit of {max_image_bytes:,}: "
        "compress it, or raise the embedder's --max-image-bytes",
    )


@dataclass(frozen=True)
class EmbedderLimits:
    """How much an embedder takes at once; see the Limits message of its proto."""

    max_message_bytes: int
    max_image_bytes: int
    max_image_pixels: int
    min_image_side: int
    max_images_per_request: int


@dataclass(frozen=True)
class ModelInfo:
    """One model of an embedder: its input size in pixels, and its spaces by features, flip and views."""

    name: str
    input_height: int
    input_width: int
    spaces: Mapping[tuple[str, bool, tuple[str, ...]], EmbeddingSpace]


@dataclass(frozen=True)
class MeasureSpace:
    """What an embedder measures of each image; measures are cached as vectors of this space.

    Attributes:
        names: Name of each measure; see the MeasureSpace message of its proto.
        digest: Tells ways of measuring apart, 32 bytes.
        data_type: Type of one value in the cache.
    """

    names: tuple[str, ...]
    digest: bytes
    data_type: str = "float32"

    @property
    def dimension(self) -> int:
        """Number of measures."""
        return len(self.names)

    def pack(self, measures: Sequence[float]) -> bytes:
        """The measures of one image as a vector: little-endian float32 values."""
        return struct.pack(f"<{self.dimension}f", *measures)

    def unpack(self, vector: bytes) -> tuple[float, ...]:
        """The measures in such a vector.

        Raises:
            ValueError: It has another length.
        """
        if len(vector) != 4 * self.dimension:
            raise ValueError(f"{len(vector)} bytes are not {self.dimension} measures")
        return struct.unpack(f"<{self.dimension}f", vector)


@dataclass(frozen=True)
class EmbedderInfo:
    """What an embedder serves; the first model is its default, and the reason says why this runtime."""

    version: str
    runtime: str
    device: str
    models: Sequence[ModelInfo]
    limits: EmbedderLimits
    measures: MeasureSpace
    runtime_reason: str = ""


@dataclass(frozen=True)
class ClustererLimits:
    """How much a clusterer takes at once; see the Limits message of its proto."""

    max_message_bytes: int
    max_keys_per_message: int
    max_members: int
    max_queued_runs: int


@dataclass(frozen=True)
class AlgorithmInfo:
    """One algorithm of a clusterer: its name, and whether it finds the number of clusters itself."""

    name: str
    finds_cluster_count: bool = False


@dataclass(frozen=True)
class ClustererInfo:
    """What a clusterer offers, and the BLAS kernels that the last bits of its results depend on."""

    version: str
    algorithms: Sequence[AlgorithmInfo]
    limits: ClustererLimits
    blas_kernels: str = ""

    @property
    def count_finders(self) -> frozenset[str]:
        """Names of the algorithms that find the number of clusters themselves."""
        return frozenset(one.name for one in self.algorithms if one.finds_cluster_count)


@dataclass
class PutReport:
    """What became of vectors: the number stored, and the reason by image key for those that were not."""

    stored: int = 0
    rejected: dict[bytes, str] = field(default_factory=dict)
