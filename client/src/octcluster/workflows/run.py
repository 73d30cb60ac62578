"""The main job: a set of images in, their clusters out."""

from dataclasses import dataclass, field
from pathlib import Path

from octcluster.image_keys import key_secret_from_environment
from octcluster.image_set import ImageSet
from octcluster.progress import Progress
from octcluster.runs import Preparation
from octcluster.workflows.outcome import RunOutcome


@dataclass(frozen=True)
class RunOptions:
    """How run_images does its work.

    Attributes:
        model: Name of the embedder's model.
        features: One of FEATURES.
        algorithms: Names out of ALGORITHMS, at least one.
        min_clusters: Smallest number of clusters to try, at least 2.
        max_clusters: Largest number of clusters to try.
        seed: Seed of every random choice, 0 to 2**32 - 1.
        preparation: What happens to the vectors before clustering.
        embedder: Address of an embedder, or several with commas between; None: start one for this run.
        clusterer: Address of a clusterer; None: start one for this run, with its own vector cache.
        cache_dir: Where vectors and models are kept for services that this run starts; None: the user's
            cache folder.
        weights: Weights file for an embedder that this run starts; None: the model's own source.
        weights_sha256: SHA-256 that the weights must have, as hexadecimal digits; None: the pinned one.
        key_secret: The site's secret for image keys.
    """

    model: str = "efficientnet-lite0"
    features: str = "pooled"
    algorithms: tuple[str, ...] = ("kmeans",)
    min_clusters: int = 4
    max_clusters: int = 4
    seed: int = 0
    preparation: Preparation = field(default_factory=Preparation)
    embedder: str | None = None
    clusterer: str | None = None
    cache_dir: Path | None = None
    weights: Path | None = None
    weights_sha256: str | None = None
    key_secret: bytes = field(default_factory=key_secret_from_environment, repr=False)


def run_images(image_set: ImageSet, options: RunOptions, progress: Progress) -> RunOutcome:
    """Embeds the images that the cache lacks, clusters all of them and returns what was found.

    The order of the images is the order of the members, so equal arguments give equal results.

    Args:
        image_set: The images.
        options: How to do it.
        progress: Told how far it is; stages are "Starting", "Reading", "Embedding", "Loading", "Preparing",
            "Clustering", "Scoring" and "Saving".

    Returns:
        What was found, with the images that have no vector as failures.

    Raises:
        OctclusterError: The run could not be done; the message says what to do.
    """
    raise NotImplementedError
