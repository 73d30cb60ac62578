"""A finished run as other images need it: what ``model.npz`` holds, without any image or patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from octcluster.model.runs import EmbeddingSpace, Unit


@dataclass(frozen=True)
class RunModel:
    """What puts other images into the clusters of a finished run, and what these clusters are.

    Attributes:
        run_id: Id of the run.
        space: Embedding space that the other images' vectors must have.
        cluster_sizes: Number of the run's own images, or eyes, in each cluster, from cluster 0.
        class_sizes: Number of the run's own images, or eyes, of each known class, by its name; empty if none
            was known; None if the names are not known here.
        class_of_cluster: Name of the class that each cluster stands for, by the run's own images; clusters
            that stand for none are left out.
        algorithm: Name of the algorithm that found the clusters.
        recipe: Name of the recipe; empty if it was none of the named ones, or is not known.
        seed: Seed of the run; None if it is not known.
        started: When the run began, ISO 8601 with a zone; empty if it is not known.
        versions: Versions of all that took part in the run, by name.
        fitted: What the clusterer fitted, as the file that it made of it; None: the run is still on the
            clusterer.
        unit: What the run clustered.
        digest: SHA-256 of the whole file, as hexadecimal digits; empty if it is in none.
        result_id: What all files of the run's result have in common; empty if it is not known.
        cluster_names: What a person has called its clusters; this is in no file of the run.
    """

    run_id: str
    space: EmbeddingSpace
    cluster_sizes: Sequence[int]
    class_sizes: Mapping[str, int] | None
    class_of_cluster: Mapping[int, str]
    algorithm: str
    recipe: str = ""
    seed: int | None = None
    started: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    fitted: bytes | None = field(default=None, repr=False)
    unit: Unit = "image"
    digest: str = ""
    result_id: str = ""
    cluster_names: Mapping[int, str] = field(default_factory=dict)
