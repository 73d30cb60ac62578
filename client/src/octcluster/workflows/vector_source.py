"""Where the vectors of a run come from: images are embedded, or somebody brings vectors."""

from typing import Protocol

from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.embedder import EmbedderClient
from octcluster.model.recipes import Recipe
from octcluster.model.runs import EmbeddingSpace
from octcluster.workflows.embedding import CacheFiller
from octcluster.workflows.keyed_images import KeyedImages
from octcluster.workflows.services import ServiceOptions
from octcluster.workflows.stages import Stages


class VectorSource(Protocol):
    """Brings the vectors of a run's images into the clusterer's cache.

    Attributes:
        space: The embedding space of the vectors.
        version: Version of the embedder; empty if there is none.
        runtime: Its runtime and device; empty if there is none.
    """

    space: EmbeddingSpace
    version: str
    runtime: str

    def fill(self, images: KeyedImages) -> None:
        """Puts the vectors that the cache lacks into it; notes in ``images`` what could not be had."""


class EmbeddedImages:
    """Vectors that an embedder makes of image files. See VectorSource."""

    def __init__(
        self,
        clients: tuple[EmbedderClient, ClustererClient],
        recipe: Recipe,
        options: ServiceOptions,
        stages: Stages,
    ) -> None:
        """Works with these services; the recipe says what is read of the images."""
        embedder, clusterer = clients
        self.space = embedder.space(recipe.features, options.model, flip=recipe.flip, views=recipe.views)
        info = embedder.info()
        self.version, self.runtime = info.version, f"{info.runtime} {info.device}"
        self._filler = CacheFiller(embedder, clusterer, self.space, options.key_secret, stages)

    def fill(self, images: KeyedImages) -> None:
        """See VectorSource."""
        self._filler.fill(images)
