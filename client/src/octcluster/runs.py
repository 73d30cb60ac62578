"""What a run is asked to do and what it found, as the library hands it to its caller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum

ALGORITHMS = ("kmeans", "minibatch-kmeans", "gmm", "spectral", "agglomerative", "hdbscan")
FEATURES = ("pooled", "flatten")


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


@dataclass(frozen=True)
class Preparation:
    """What happens to vectors before clustering, in the order of the fields.

    Attributes:
        l2_normalize: Scale each vector to unit Euclidean length.
        standardize: Scale each dimension to mean 0 and variance 1.
        pca: None for no PCA; a float in (0, 1]: keep that share of the variance; an int: keep that many
            components.
        whiten: Scale the kept components to variance 1; needs PCA.
    """

    l2_normalize: bool = True
    standardize: bool = False
    pca: float | int | None = None
    whiten: bool = False


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
    """

    space: EmbeddingSpace
    preparation: Preparation = field(default_factory=Preparation)
    algorithms: Sequence[str] = ("kmeans",)
    min_clusters: int = 4
    max_clusters: int = 4
    seed: int = 0
    run_id: str = ""


@dataclass(frozen=True)
class Member:
    """One image of a run: its key, and class and group (patient) as numbers, None if unknown."""

    image_key: bytes
    class_index: int | None = None
    group_index: int | None = None


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
        stage: ``loading``, ``preparing``, ``clustering``, ``scoring`` or ``saving`` while running, else
            empty.
        stage_done: Units of the stage that are done.
        stage_total: Units of the stage in all; 0 if unknown.
        queue_position: Number of runs before it, while queued.
        error_code: ``vectors_missing``, ``invalid``, ``store_unavailable`` or ``internal`` if failed, else
            empty.
        error_message: What was wrong and what to do, if failed, else empty.
        members: Number of members.
        created: When it was queued, UTC.
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


@dataclass(frozen=True)
class Score:
    """One figure, or the reason why there is none (exactly one of the two is set)."""

    value: float | None = None
    undefined_reason: str | None = None


@dataclass(frozen=True)
class Scores:
    """Judges one clustering; ranges and meanings are in the clusterer's Scores message."""

    silhouette: Score
    accuracy: Score
    adjusted_rand_index: Score
    adjusted_mutual_information: Score
    normalized_mutual_information: Score
    homogeneity: Score
    completeness: Score
    v_measure: Score
    fowlkes_mallows: Score
    purity: Score

    def items(self) -> list[tuple[str, Score]]:
        """The scores with their names, in the order above."""
        return [(f.name, getattr(self, f.name)) for f in fields(self)]


@dataclass(frozen=True)
class Contingency:
    """Images by class index (rows) and cluster (columns; -1 is noise)."""

    class_indices: Sequence[int]
    clusters: Sequence[int]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True)
class ClusteringResult:
    """One algorithm with one number of clusters (None: the algorithm finds it itself)."""

    algorithm: str
    requested_clusters: int | None
    clusters: int
    noise: int
    scores: Scores
    contingency: Contingency | None
    seconds: float
    cluster_sizes: Sequence[int]


@dataclass(frozen=True)
class RunResult:
    """What a run found; stage_seconds has the clusterer's time by stage name."""

    results: Sequence[ClusteringResult]
    chosen: int
    chosen_reason: str
    input_dimension: int
    prepared_dimension: int
    explained_variance_ratios: Sequence[float]
    stage_seconds: Mapping[str, float]


@dataclass(frozen=True)
class Assignments:
    """The members of a run in one result, as columns of equal length in the order of the members.

    Attributes:
        image_keys: Image key of each member.
        clusters: Cluster of each member; -1 is noise.
        silhouettes: Silhouette coefficient of each member; None where undefined.
        x: First principal coordinate of each member's prepared vector.
        y: Second principal coordinate.
    """

    image_keys: Sequence[bytes]
    clusters: Sequence[int]
    silhouettes: Sequence[float | None]
    x: Sequence[float]
    y: Sequence[float]
