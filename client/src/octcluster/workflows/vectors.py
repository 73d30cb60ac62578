"""Images in, their vectors out: embeds what the cache lacks, and fetches the vectors of all."""

from collections.abc import Sequence
from dataclasses import dataclass

from octcluster.images.image_set import ImageSet, Scan
from octcluster.model.progress import Progress
from octcluster.model.recipes import Recipe
from octcluster.model.runs import EmbeddingSpace
from octcluster.workflows.assign import VECTOR_LOST
from octcluster.workflows.embedding import read_keys
from octcluster.workflows.outcome import Failure
from octcluster.workflows.services import ServiceOptions, connected_clients, started_services
from octcluster.workflows.stages import Stages
from octcluster.workflows.vector_source import EmbeddedImages


@dataclass(frozen=True)
class ImageVectors:
    """The vectors of images.

    Attributes:
        space: Their embedding space.
        images: The images that have one.
        vectors: The vector of each, little-endian values.
        failures: The other images.
    """

    space: EmbeddingSpace
    images: Sequence[Scan]
    vectors: Sequence[bytes]
    failures: Sequence[Failure]


def fetch_vectors(
    image_set: ImageSet, recipe: Recipe, options: ServiceOptions, progress: Progress
) -> ImageVectors:
    """Embeds the images that the cache lacks and fetches the vectors of all.

    Args:
        image_set: The images.
        recipe: What is read of them: features, flip and views.
        options: Which services do it.
        progress: Told how far it is. Stages are "Reading", "Starting" and "Embedding".

    Raises:
        OctclusterError: It could not be done; the message says what to do.
    """
    stages = Stages(progress)
    with started_services(options, progress) as stack:
        stages.begin("Reading", len(image_set.images), "images")
        images = read_keys(image_set.images, options.key_secret, stages.update)
        with connected_clients(options, stack, stages) as clients:
            source = EmbeddedImages(clients, recipe, options, stages)
            source.fill(images)
            found = clients[1].get_vectors(source.space, list(dict.fromkeys(images.good_keys())))
    lost = set(images.good_keys()) - found.keys()
    images.failed.update(dict.fromkeys(lost, VECTOR_LOST))
    good = images.good()
    failures = [Failure(image, reason) for image, reason in images.bad()]
    return ImageVectors(source.space, [image for image, _ in good], [found[key] for _, key in good], failures)
