"""What a run found, as the library hands it to its caller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class Interval:
    """A 95% confidence interval, by bootstrap over patients of the members."""

    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """One figure, or the reason why there is none (exactly one of the two is set).

    Attributes:
        value: The figure.
        undefined_reason: Why there is none, for people.
        interval: How far the figure would move with other patients; None where that is unknown.
        sampled_units: Size of the random sample of units that the figure was estimated from; None: exact.
    """

    value: float | None = None
    undefined_reason: str | None = None
    interval: Interval | None = None
    sampled_units: int | None = None


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
class Stability:
    """How alike the clusterings of random parts of the members are, each part 80% of the patients.

    Attributes:
        overall: Mean adjusted Rand index over pairs of parts, -0.5 to 1.
        clusters: For each cluster, from cluster 0: mean largest Jaccard similarity to a cluster of a part,
            0 to 1.
        resamples: Number of parts.
    """

    overall: Score
    clusters: Sequence[Score]
    resamples: int


@dataclass(frozen=True)
class Association:
    """How much the clusters and another grouping of the members tell of each other.

    Attributes:
        name: ``class``, ``patient``, or a name out of Member.numbers.
        mutual_information: In nats, at least 0.
        adjusted_mutual_information: At most 1; 0 expected by chance.
        members: Number of members where both are known.
    """

    name: str
    mutual_information: float
    adjusted_mutual_information: Score
    members: int


@dataclass(frozen=True)
class NearDuplicate:
    """Two members, as indices, with nearly the same vector; similarity is the cosine of the vectors."""

    first_member: int
    second_member: int
    similarity: float


@dataclass(frozen=True)
class DuplicateSearch:
    """How a search for near-duplicates went that did not compare all pairs.

    Attributes:
        sampled_members: Size of the random sample of members that were compared with all.
        sampled_pairs: Near-duplicates of the sampled members.
        recall: Share of all near-duplicates that the search finds without the sample, 0 to 1: an estimate,
            undefined if the sample has none.
        exceeded: Whether more images were alike than are compared one by one.
    """

    sampled_members: int
    sampled_pairs: int
    recall: Score
    exceeded: bool = False


@dataclass(frozen=True)
class Duplicates:
    """Pairs of different images that are nearly the same.

    Attributes:
        pairs: The most similar pairs, at most 1000, most similar first.
        total_pairs: Number of pairs in all; with ``search`` of those that were found: there may be more.
        threshold: Least similarity of a pair.
        search: How the search went that did not compare all pairs; None: all were compared.
    """

    pairs: Sequence[NearDuplicate]
    total_pairs: int
    threshold: float
    search: DuplicateSearch | None = None


@dataclass(frozen=True)
class ClusteringResult:
    """One algorithm with one number of clusters.

    Attributes:
        algorithm: Name out of ALGORITHMS.
        requested_clusters: Number of clusters asked for; None: the algorithm finds it itself.
        clusters: Number of clusters found, noise not counted.
        noise: Number of members that are noise.
        scores: How good it is.
        contingency: Members by class and cluster; None if no class is known.
        seconds: Time of the clustering itself.
        cluster_sizes: Number of members in each cluster, from cluster 0.
        class_of_cluster: Index of the class that each cluster stands for: the one-to-one match whose members
            the accuracy counts. Clusters that stand for none are left out.
        stability: How alike clusterings of parts of the members are; None unless chosen and asked for.
        associations: What the clusters go with: the class, the patient, each of Member.numbers.
        rating: How well its number of clusters suits the members, 0 or more, the higher the better: what the
            run chose by; None if it chose by silhouettes, and for numbers with no neighbours to compare with.
        sampled_units: Size of the random sample of units that was clustered, where all others joined their
            nearest one in it; None: all were clustered.
    """

    algorithm: str
    requested_clusters: int | None
    clusters: int
    noise: int
    scores: Scores
    contingency: Contingency | None
    seconds: float
    cluster_sizes: Sequence[int]
    class_of_cluster: Mapping[int, int] = field(default_factory=dict)
    stability: Stability | None = None
    associations: Sequence[Association] = ()
    rating: float | None = None
    sampled_units: int | None = None


@dataclass(frozen=True)
class WhiteningDecision:
    """Whether vectors were whitened within patients, and what of the data speaks for it.

    Attributes:
        applied: Whether they were.
        like_volumes: Whether the members of a patient look like the slices of volumes: many, and each much
            like the one before it.
        members_a_patient: Number of members that a patient has, as the average member with another one of its
            patient sees it; 0 if there is none.
        share_within: Variance between members of one patient as a share of that between all; 0 if no two
            share a patient.
        order_share: Half the mean square of the difference of a member from the one before it of its patient,
            as a share of the variance within patients: about 1 where the order of the members means nothing.
    """

    applied: bool
    like_volumes: bool
    members_a_patient: float
    share_within: float
    order_share: float


@dataclass(frozen=True)
class RunResult:
    """What a run found.

    Attributes:
        results: One for each algorithm and number of clusters.
        chosen: Index of the result that the run chose.
        chosen_reason: Why, for people.
        input_dimension: Dimension of the vectors before preparation.
        prepared_dimension: Dimension after preparation.
        explained_variance_ratios: Share of the variance of each principal component, largest first.
        duplicates: Pairs of different images that are nearly the same.
        space_digest: EmbeddingSpace.digest of the vectors.
        stage_seconds: The clusterer's time by name of stage.
        stage_peak_bytes: The highest memory of its process by name of stage, as far as it is known.
        umap_missing_reason: Why there are no coordinates by UMAP, for people; empty if there are, or if none
            were asked for.
        umap_sampled_units: Size of the random sample of units that UMAP laid out; all others lie at the mean
            of their neighbours in it. None: all were laid out, or there are no coordinates.
        fitted_missing_reason: Why no other images can be put into the clusters, for people; empty if they
            can.
        patient_whitening: Whether the vectors were whitened within patients; None if not asked for.
    """

    results: Sequence[ClusteringResult]
    chosen: int
    chosen_reason: str
    input_dimension: int
    prepared_dimension: int
    explained_variance_ratios: Sequence[float]
    stage_seconds: Mapping[str, float]
    duplicates: Duplicates
    space_digest: bytes = b""
    stage_peak_bytes: Mapping[str, int] = field(default_factory=dict)
    umap_missing_reason: str = ""
    umap_sampled_units: int | None = None
    fitted_missing_reason: str = ""
    patient_whitening: WhiteningDecision | None = None

    @property
    def runner_up(self) -> int | None:
        """Index of the result with the second-highest rating; None if there is none."""
        rated = [index for index, each in enumerate(self.results) if each.rating is not None]
        others = [index for index in rated if index != self.chosen]
        if self.chosen not in rated or not others:
            return None
        return max(others, key=lambda index: self.results[index].rating or 0.0)


@dataclass(frozen=True)
class Assignments:
    """The units of a run in one result, as columns of equal length in the order of the units.

    Units are the members, if the run was told of no others.

    Attributes:
        image_keys: Image key of each unit's first member.
        clusters: Cluster of each unit; -1 is noise.
        silhouettes: Silhouette coefficient of each unit; None where undefined, and for units that were not
            sampled, if there are many.
        x: First principal coordinate of each unit's prepared vector.
        y: Second principal coordinate.
        distances: Distance of each unit's prepared vector to the mean of its cluster; None for noise.
        umap_x: First coordinate of each unit by UMAP; empty if there are none.
        umap_y: Second coordinate by UMAP.
    """

    image_keys: Sequence[bytes]
    clusters: Sequence[int]
    silhouettes: Sequence[float | None]
    x: Sequence[float]
    y: Sequence[float]
    distances: Sequence[float | None]
    umap_x: Sequence[float] = ()
    umap_y: Sequence[float] = ()
