"""Putting new images into the clusters of a finished run.

    image files ─ keys ─▶ clusterer: which vectors are missing?
        └─ only those ─▶ embedder ─ vectors ─▶ clusterer ─ assign ─▶ cluster, distance, margin of each image

The run is known by its id; the clusterer holds what was fitted, so that nothing is fitted again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.embedder import EmbedderClient
from octcluster.images.image_set import ImageSet
from octcluster.model.errors import InvalidImageSet, RunNotFound, SpaceMismatch
from octcluster.model.progress import Progress
from octcluster.model.results import Placements, RunResult
from octcluster.model.runs import EmbeddingSpace
from octcluster.workflows.embedding import CacheFiller, KeyedImages, read_keys
from octcluster.workflows.outcome import AssignOutcome, Failure, PixelReport, describe_versions
from octcluster.workflows.services import ServiceOptions, connected_clients, started_services
from octcluster.workflows.stages import Stages

_ATTEMPTS = 3
_LOST = "its vector was lost from the cache: run again"


@dataclass(frozen=True)
class AssignOptions(ServiceOptions):
    """How assign_images does its work; see ServiceOptions for the services.

    The embedder must serve the model of the run, and the clusterer must be the one that did the run, or one
    with the same cache.

    Attributes:
        classes: Names of the run's classes, in the order of their numbers; empty if they are not known.
    """

    classes: Sequence[str] = ()


def assign_images(
    run_id: str, image_set: ImageSet, options: AssignOptions, progress: Progress
) -> AssignOutcome:
    """Embeds the images that the cache lacks and puts each into the cluster that suits it best.

    Args:
        run_id: Id of a run that has succeeded; its chosen result is used.
        image_set: The images, of the run or others.
        options: How to do it.
        progress: Told how far it is; see run_images. Stages are "Reading", "Starting" (if services are
            started), "Embedding" and "Assigning".

    Returns:
        The clusters, with the images that have no vector as failures.

    Raises:
        RunNotFound: The clusterer does not hold the run (any more).
        SpaceMismatch: The embedder has no model whose vectors can be compared with those of the run.
        OctclusterError: It could not be done; the message says what to do.
    """
    stages = Stages(progress)
    with started_services(options, progress) as stack:
        stages.begin("Reading", len(image_set.images), "images")
        with stages.timed("reading"):
            images = read_keys(image_set.images, options.key_secret, stages.update)
        with connected_clients(options, stack, stages) as clients:
            return _Assigning(run_id, image_set, options, stages, images, clients).run()


class _Assigning:
    """One call of assign_images, once its services serve."""

    def __init__(
        self,
        run_id: str,
        image_set: ImageSet,
        options: AssignOptions,
        stages: Stages,
        images: KeyedImages,
        clients: tuple[EmbedderClient, ClustererClient],
    ) -> None:
        self._run_id = run_id
        self._image_set = image_set
        self._options = options
        self._stages = stages
        self._images = images
        self._embedder, self._clusterer = clients

    def run(self) -> AssignOutcome:
        result = self._find_run()
        space = self._find_space(result)
        filler = CacheFiller(self._embedder, self._clusterer, space, self._options.key_secret, self._stages)
        for _ in range(_ATTEMPTS):
            with self._stages.timed("embedding"):
                filler.fill(self._images)
            keys = list(dict.fromkeys(key for _, key in self._images.good()))
            self._stages.begin("Assigning", len(keys), "images")
            with self._stages.timed("assigning"):
                assigned = self._clusterer.assign(self._run_id, result.chosen, keys)
            self._stages.update(len(keys), len(keys))
            lost = set(keys) - set(assigned.image_keys)
            if not lost:
                break
        self._images.failed.update(dict.fromkeys(lost, _LOST))
        if not self._images.good():
            raise InvalidImageSet(_no_image(self._images))
        return self._outcome(result, space, assigned)

    def _find_run(self) -> RunResult:
        try:
            return self._clusterer.result(self._run_id)
        except RunNotFound as error:
            raise RunNotFound(
                f"the clusterer does not have the run {self._run_id} (any more): it keeps runs for a limited "
                "time. Repeat it with 'octcluster run', which embeds nothing while its vectors are cached, "
                "or name the clusterer, or the cache folder, that has it"
            ) from error

    def _find_space(self, result: RunResult) -> EmbeddingSpace:
        models = self._embedder.info().models
        for model in models:
            for space in model.spaces.values():
                if space.digest == result.space_digest:
                    return space
        raise SpaceMismatch(
            "the embedder serves another model, other weights or another release than that of the run "
            f"({', '.join(model.name for model in models)}): use the embedder of the run, or repeat the run"
        )

    def _outcome(self, result: RunResult, space: EmbeddingSpace, assigned: Placements) -> AssignOutcome:
        good = self._images.good()
        row_of = {key: row for row, key in enumerate(assigned.image_keys)}
        rows = [row_of[key] for _, key in good]
        embedded = len(self._images.embedded & {key for _, key in good})
        return AssignOutcome(
            run_id=self._run_id,
            run=result,
            run_classes=list(self._options.classes),
            space=space,
            image_set=self._image_set,
            members=[image for image, _ in good],
            failures=[Failure(image, reason) for image, reason in self._images.bad()],
            placements=Placements(
                image_keys=[key for _, key in good],
                clusters=[assigned.clusters[row] for row in rows],
                distances=[assigned.distances[row] for row in rows],
                margins=[assigned.margins[row] for row in rows],
                outliers=[assigned.outliers[row] for row in rows],
                percentiles=[assigned.percentiles[row] for row in rows],
                fitted_agreement=assigned.fitted_agreement,
            ),
            embedded=embedded,
            cached=len(good) - embedded,
            versions=describe_versions(self._embedder.info().version, self._clusterer.info().version),
            stage_seconds=dict(self._stages.seconds),
            pixels=PixelReport(self._images.faults(), self._images.framing()),
        )


def _no_image(images: KeyedImages) -> str:
    reasons = "".join(f"\n  {image.name}: {reason}" for image, reason in images.bad()[:3])
    return f"none of the {len(images.images)} images can be used: give others{reasons}"
