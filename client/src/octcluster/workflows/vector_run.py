"""A run of vectors that somebody brings: no image is read, and no embedder is needed.

vectors ─ keys by their content ─▶ clusterer: which are missing? ─ those ─▶ clusterer ─ run ─▶ result
"""

from array import array
from collections.abc import Iterator
from dataclasses import replace

from octcluster.clients.clusterer import ClustererClient
from octcluster.images.key_column import KeyColumn, find_first_equal
from octcluster.images.keys import image_key
from octcluster.model.errors import InvalidArguments
from octcluster.model.own_vectors import recipe_for
from octcluster.model.progress import Progress
from octcluster.workflows.enough_images import FEWEST_IMAGES, check_enough, check_enough_for_clusters
from octcluster.workflows.keyed_images import KeyedImages
from octcluster.workflows.outcome import RunOutcome
from octcluster.workflows.own_vectors import OwnVectors
from octcluster.workflows.run import Job, RunOptions
from octcluster.workflows.services import connected_clusterer, find_not_kept, started_services
from octcluster.workflows.stages import Stages


def run_vectors(own: OwnVectors, options: RunOptions, progress: Progress) -> RunOutcome:
    """Clusters vectors and returns what was found.

    Args:
        own: The vectors.
        options: How to do it; see ``options_for``.
        progress: Told how far it is; see run_images. There is no stage "Embedding".

    Raises:
        OctclusterError: The run could not be done; the message says what to do.
    """
    check_enough_for_clusters(len(own.image_set.images), options.least_images)
    stages = Stages(progress)
    with started_services(options, progress, embedder=False) as stack:
        images = key_vectors(own, options.key_secret)
        check_enough(images, FEWEST_IMAGES)
        with connected_clusterer(options, stack, stages) as clusterer:
            source = GivenVectors(own, clusterer)
            outcome = Job(own.image_set, options, stages, images, (source, clusterer)).run()
    return replace(outcome, not_kept=find_not_kept(stack, outcome.not_kept))


def options_for(own: OwnVectors, options: RunOptions) -> RunOptions:
    """The options with the model of the vectors, and its recipe, or the default one, if none was named.

    Raises:
        InvalidArguments: An option is for images, or for an embedder.
    """
    if options.embedder is not None or options.weights is not None:
        raise InvalidArguments("vectors are given: no embedder is needed; leave embedder and weights out")
    return replace(options, model=own.space.model, recipe=options.recipe or recipe_for(own.space))


def key_vectors(own: OwnVectors, secret: bytes) -> KeyedImages:
    """The images of vectors, with keys that tell the vectors apart.

    No key is that of an image: who may write a file of vectors cannot change what the cache has of images.
    """
    images = own.image_set.images
    keys = KeyColumn.of(image_key(own.space.digest + own.vector(image), secret) for image in images)
    return KeyedImages(images, keys, find_first_equal(keys), {}, bytearray(len(images)))


class GivenVectors:
    """Vectors that are there already. See VectorSource."""

    version = ""
    runtime = ""

    def __init__(self, own: OwnVectors, clusterer: ClustererClient) -> None:
        """Puts them into the cache of this clusterer."""
        self.space = own.space
        self._own = own
        self._clusterer = clusterer

    def fill(self, images: KeyedImages) -> None:
        """See VectorSource."""
        position_of = {images.keys[position]: position for position in images.distinct_positions()}
        missing = self._clusterer.find_missing(self.space, list(position_of))
        positions = array("i", (position_of[key] for key in missing))
        report = self._clusterer.put_vectors(self.space, self._read(images, positions))
        for key, reason in report.rejected.items():
            images.failed[key] = f"the clusterer refused its vector: {reason}"

    def _read(self, images: KeyedImages, positions: "array[int]") -> Iterator[tuple[bytes, bytes]]:
        for position in positions:
            yield images.keys[position], self._own.vector(images.images[position])
