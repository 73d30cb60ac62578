"""What a run is asked to do and what it finds, as plain data: no gRPC, no Redis."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


class Algorithm(StrEnum):
    """The clustering algorithms, by the names of the command line."""

    KMEANS = "kmeans"
    MINIBATCH_KMEANS = "minibatch-kmeans"
    GMM = "gmm"
    SPECTRAL = "spectral"
    AGGLOMERATIVE = "agglomerative"
    HDBSCAN = "hdbscan"
    HG_MEANS = "hg-means"
    CONSENSUS = "consensus"
    UNEVEN_CONSENSUS = "uneven-consensus"


class Stage(StrEnum):
    """What a running run does just now."""

    LOADING = "loading"
    PREPARING = "preparing"
    CLUSTERING = "clustering"
    SCORING = "scoring"
    TRUSTING = "trusting"
    MAPPING = "mapping"
    SAVING = "saving"


Report = Callable[[Stage, int, int], None]
"""Is told the stage, its units done and its units in all; raises RunCancelled to stop the run."""


class DataType(StrEnum):
    """Type of one value of a vector, by NumPy's name; little-endian in the cache and on the wire."""

    FLOAT32 = "float32"
    UINT8 = "uint8"
    FLOAT16 = "float16"


@dataclass(frozen=True)
class VectorSpace:
    """Identifies the embedding space of vectors: digest of 32 bytes, number of values and their type."""

    digest: bytes
    dimension: int
    data_type: DataType = DataType.FLOAT32

    @property
    def value_type(self) -> np.dtype[Any]:
        """NumPy's type of one value."""
        return np.dtype(self.data_type.value).newbyteorder("<")

    @property
    def vector_bytes(self) -> int:
        """Size of a vector in the cache and on the wire, in bytes."""
        return self.dimension * self.value_type.itemsize


@dataclass(frozen=True)
class Preparation:
    """What happens to the vectors before clustering, in the order of the fields.

    Attributes:
        l2_normalize: Scale each vector to unit Euclidean length.
        standardize: Scale each dimension to mean 0 and variance 1.
        pca: None for no PCA; a float in (0, 1]: keep that share of the variance; an int: keep that many
            components, or as many as there can be.
        whiten: Scale the kept components to variance 1; needs PCA.
        part_dimensions: Number of values in each part of a vector, in order. Each part is prepared by itself,
            and the prepared parts stand side by side with the same mean squared length. Empty: one part.
        whiten_within_patients: Scale the whitened components of each part so that members of one patient
            differ alike in all directions, or nearly so; needs whitening. See ``within_patients``. ``auto``:
            unless they look like the slices of volumes, see ``whitening_decision``.
        normalize_prepared: Scale each prepared part of each vector to the same length.
    """

    l2_normalize: bool = True
    standardize: bool = False
    pca: float | int | None = None
    whiten: bool = False
    part_dimensions: tuple[int, ...] = ()
    whiten_within_patients: bool | Literal["auto"] = False
    normalize_prepared: bool = False


@dataclass(frozen=True)
class RunSpec:
    """What a run shall do.

    Attributes:
        run_id: Chosen by the client: 32 lower-case hexadecimal digits.
        space: Space of the members' vectors.
        preparation: Preparation of the vectors.
        algorithms: Algorithms to run on the prepared vectors, at least one.
        min_clusters: Smallest number of clusters to try, at least 2, unless an algorithm finds it itself.
        max_clusters: Largest number of clusters to try.
        seed: Seed of every random choice, 0 to 2**32 - 1.
        stability_resamples: Parts of the members to cluster again for the stability of the chosen result.
        umap: Also find two coordinates of each member by UMAP.
        usual_spread: Length that unit vectors less their mean seldom exceed among different images, or 0.
    """

    run_id: str
    space: VectorSpace
    preparation: Preparation
    algorithms: Sequence[Algorithm]
    min_clusters: int
    max_clusters: int
    seed: int
    stability_resamples: int = 0
    umap: bool = False
    usual_spread: float = 0.0


@dataclass(frozen=True)
class Interval:
    """A 95% confidence interval: by bootstrap over groups, see trust/intervals.py, or of a sample's mean."""

    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """One figure, or the reason why there is none (exactly one of the two is set).

    Attributes:
        value: The figure.
        undefined_reason: Why there is none.
        interval: How far the figure would move with other groups; None where that is unknown.
        sampled_members: Size of the random sample of members that the figure was estimated from; None: exact.
    """

    value: float | None = None
    undefined_reason: str | None = None
    interval: Interval | None = None
    sampled_members: int | None = None


@dataclass(frozen=True)
class Scores:
    """Judges one clustering; see scoring/ for each score's range, edge cases and reference."""

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


@dataclass(frozen=True)
class Contingency:
    """Members by known class and cluster.

    Attributes:
        class_indices: int32, shape (n_classes,).
        clusters: int32, shape (n_clusters,), -1 (noise) first if there is noise.
        counts: int64, shape (n_classes, n_clusters).
    """

    class_indices: NDArray[np.int32]
    clusters: NDArray[np.int32]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Stability:
    """How alike the clusterings of random parts of the members are; see trust/stability.py.

    Attributes:
        overall: Mean adjusted Rand index over pairs of parts, -0.5 to 1.
        clusters: For each cluster, from cluster 0, its mean Jaccard similarity, 0 to 1.
        resamples: Number of parts.
    """

    overall: Score
    clusters: Sequence[Score]
    resamples: int


@dataclass(frozen=True)
class Association:
    """How much the clusters and another grouping of the members tell of each other.

    Attributes:
        name: ``class``, ``patient`` or the name of a number column.
        mutual_information: In nats, at least 0, over the members where both are known.
        adjusted_mutual_information: The same corrected for chance, at most 1.
        members: Number of members where both are known.
    """

    name: str
    mutual_information: float
    adjusted_mutual_information: Score
    members: int


@dataclass(frozen=True)
class ClusteringResult:
    """One algorithm with one number of clusters.

    Attributes:
        algorithm: The algorithm.
        requested_clusters: Number of clusters asked for; None if the algorithm finds it itself.
        labels: int32, shape (n_members,): the cluster of each member, -1 for noise. Clusters are numbered
            from 0 by falling size (ties: by first member), so that equal groupings have equal numbers.
        silhouettes: float32, shape (n_members,), NaN where undefined and for members that were not sampled.
        scores: How good it is.
        contingency: None if no member's class is known.
        seconds: Time of the clustering itself.
        distances: float32, shape (n_members,): Euclidean distance of each prepared vector to the mean of its
            cluster, NaN for noise.
        class_of_cluster: int32, shape (n_clusters,): the class that each cluster stands for, -1 for none;
            empty if no class is known. See ``scoring/matching.py``.
        stability: Only of the chosen result, and only if asked for.
        associations: What the clusters go with.
        rating: How well its number of clusters suits the members, 0 or more, the higher the better; None if
            it was not rated.
    """

    algorithm: Algorithm
    requested_clusters: int | None
    labels: NDArray[np.int32]
    silhouettes: NDArray[np.float32]
    scores: Scores
    contingency: Contingency | None
    seconds: float
    distances: NDArray[np.float32]
    class_of_cluster: NDArray[np.int32]
    stability: Stability | None = None
    associations: Sequence[Association] = ()
    rating: float | None = None

    @property
    def cluster_sizes(self) -> NDArray[np.int64]:
        """int64, shape (n_clusters,): members of each cluster, noise not counted."""
        return np.bincount(self.labels[self.labels >= 0])


@dataclass(frozen=True)
class Members:
    """The members of a run, as columns.

    Attributes:
        image_keys: uint8, shape (n_members, 32). A key may occur more than once.
        class_indices: int32, shape (n_members,), -1 unknown; None if no class is known.
        patient_indices: int32, shape (n_members,), the patient of each member, -1 unknown: a patient of
            its own; None if no patient is known.
        number_columns: By name float32, shape (n_members,): what else is known of each member, NaN unknown.
        unit_indices: int32, shape (n_members,): the unit of each member, numbers from 0 without gaps; None:
            each member is a unit of its own. See ``preparation/units.py``.
    """

    image_keys: NDArray[np.uint8]
    class_indices: NDArray[np.int32] | None
    patient_indices: NDArray[np.int32] | None = None
    number_columns: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    unit_indices: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.image_keys)
