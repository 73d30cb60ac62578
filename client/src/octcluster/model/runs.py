"""What a run is asked to do and where it stands, as the library's caller sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

# Arguments and study files are checked before there is a server to ask for its algorithms and models.
ALGORITHMS = (
    "kmeans",
    "minibatch-kmeans",
    "gmm",
    "spectral",
    "agglomerative",
    "hdbscan",
    "hg-means",
    "consensus",
    "uneven-consensus",
)
COUNT_FINDERS = frozenset(("hdbscan",))
"""Those that find the number of clusters themselves; a clusterer tells of further ones."""
MODELS = (
    "efficientnet-lite0",
    *(f"efficientnet-b{number}" for number in range(8)),
    "vgg16",
    "resnet50",
    "inception-v3",
    "pixels",
)
FEATURES = ("pooled", "flatten", "blocks", "pixels")
Unit = Literal["image", "eye"]
"""What is clustered: each image, or all images of an eye at a visit as one."""
UNITS: tuple[Unit, ...] = ("image", "eye")
PLAIN_VIEW: tuple[str, ...] = ("plain",)
VIEWS: tuple[tuple[str, ...], ...] = (PLAIN_VIEW, ("retina",), ("plain", "retina"))
"""The views that vectors can be made of."""
# Of 516 images of OCT2017 a tenth have more; measured with flip for blocks, without for pooled.
_USUAL_SPREADS = {("efficientnet-lite0", "blocks"): 0.25, ("efficientnet-lite0", "pooled"): 0.66}
_BYTES_A_VALUE = {"float32": 4, "uint8": 1, "float16": 2}


class VectorSpace(Protocol):
    """What the clusterer needs to know of vectors: where they belong and how long they are."""

    @property
    def digest(self) -> bytes:
        """What tells the space from others, 32 bytes."""

    @property
    def data_type(self) -> str:
        """Type of one value, ``float32``, ``float16`` or ``uint8``."""

    @property
    def dimension(self) -> int:
        """Number of values in a vector."""


def vector_bytes(space: VectorSpace) -> int:
    """Size of a vector of the space in the cache and on the wire, in bytes."""
    return space.dimension * _BYTES_A_VALUE[space.data_type]


@dataclass(frozen=True)
class EmbeddingSpace:
    """What makes two vectors comparable; see the embedder's EmbeddingSpace message."""

    model: str
    weights_digest: str
    preprocessing_version: str
    features: str
    data_type: str
    dimension: int
    digest: bytes
    flip: bool = False
    part_dimensions: Sequence[int] = ()
    precision: str = "float32"
    views: tuple[str, ...] = PLAIN_VIEW

    @property
    def usual_spread(self) -> float:
        """Length that unit vectors less their mean seldom exceed among different images; 0: not measured."""
        return _USUAL_SPREADS.get((self.model, self.features), 0.0)


@dataclass(frozen=True)
class Preparation:
    """What happens to vectors before clustering, in the order of the fields.

    Attributes:
        l2_normalize: Scale each vector to unit Euclidean length.
        standardize: Scale each dimension to mean 0 and variance 1.
        pca: None for no PCA; a float in (0, 1]: keep that share of the variance; an int: keep that many
            components.
        whiten: Scale the kept components to variance 1; needs PCA.
        part_dimensions: Number of values in each part of a vector, in order. Each part is prepared by itself,
            and the prepared parts stand side by side. Empty: a vector is one part.
        whiten_within_patients: Scale the whitened components of each part so that members of one patient
            differ alike in all directions, or nearly so; needs ``whiten``. Without two members of one patient
            it does nothing. ``auto``: unless they look like the slices of volumes, which differ in pathology;
            RunResult.patient_whitening tells what was decided.
        normalize_prepared: Scale each prepared part of each vector to the same length.
    """

    l2_normalize: bool = True
    standardize: bool = False
    pca: float | int | None = None
    whiten: bool = False
    part_dimensions: Sequence[int] = ()
    whiten_within_patients: bool | Literal["auto"] = False
    normalize_prepared: bool = False


@dataclass(frozen=True)
class RunSpec:
    """What a run shall do.

    Attributes:
        space: Space of the members' vectors.
        preparation: Preparation of the vectors.
        algorithms: Names out of ALGORITHMS, at least one.
        min_clusters: Smallest number of clusters to try, at least 2.
        max_clusters: Largest number of clusters to try.
        seed: Seed of every random choice, 0 to 2**32 - 1.
        run_id: 32 lower-case hexadecimal digits; empty: the client draws one.
        stability_resamples: How many random parts of the members to cluster again for the stability of the
            chosen result, 0 to 100.
        umap: Also find two coordinates of each member by UMAP, to look at.
    """

    space: EmbeddingSpace
    preparation: Preparation = field(default_factory=Preparation)
    algorithms: Sequence[str] = ("kmeans",)
    min_clusters: int = 4
    max_clusters: int = 4
    seed: int = 0
    run_id: str = ""
    stability_resamples: int = 0
    umap: bool = False


@dataclass(frozen=True)
class Member:
    """One image of a run.

    Attributes:
        image_key: Key of the image.
        class_index: Its class as a number from 0; None if unknown.
        patient_index: Its patient as a number from 0; None: a patient of its own.
        numbers: What else is known of it, by name, for the audit of the clusters; a name is at most 64
            lower-case letters, digits and underscores.
        unit_index: The unit that it belongs to, such as an eye, as a number from 0 without gaps: members of
            one unit are clustered as one. None in all members: each is a unit of its own.
    """

    image_key: bytes
    class_index: int | None = None
    patient_index: int | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    unit_index: int | None = None


class RunState(StrEnum):
    """Where a run stands as a whole."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the run will not change any more."""
        return self in (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands.

    Attributes:
        run_id: Id of the run.
        state: Where it stands as a whole.
        stage: ``loading``, ``preparing``, ``clustering``, ``scoring``, ``trusting``, ``mapping`` or
            ``saving`` while running, else empty.
        stage_done: Units of the stage that are done.
        stage_total: Units of the stage in all; 0 if unknown.
        queue_position: Number of runs before it, while queued.
        error_code: ``vectors_missing``, ``invalid``, ``store_unavailable``, ``engine_unavailable``,
            ``internal`` or ``interrupted`` if failed, else empty.
        error_message: What was wrong and what to do, if failed, else empty.
        members: Number of members.
        created: When it was queued, UTC.
        not_kept_reason: If it has succeeded, why the clusterer may lose it and its vectors; empty: it keeps
            them as long as it keeps runs.
    """

    run_id: str
    state: RunState
    stage: str = ""
    stage_done: int = 0
    stage_total: int = 0
    queue_position: int = 0
    error_code: str = ""
    error_message: str = ""
    members: int = 0
    created: datetime | None = None
    not_kept_reason: str = ""
