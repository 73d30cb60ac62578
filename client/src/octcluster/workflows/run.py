"""The main job: a set of images in, their clusters out.

    image files ─ keys ─▶ clusterer: which vectors are missing?
        └─ only those ─▶ embedder ─ vectors ─▶ clusterer ─ run ─▶ result, assignments

Nothing here holds all images or all vectors: images are read as they are embedded, and vectors are handed
on as they come. An image file may change while the job is at work: its bytes are then not those of its key,
and it fails.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from octcluster.clients.clusterer import ClustererClient
from octcluster.images.eyes import ScannedEye
from octcluster.images.image_set import ImageSet
from octcluster.images.keys import check_of_secret
from octcluster.images.leaks import add_copies
from octcluster.model.errors import RunCancelled, RunFailed, RunNotFound
from octcluster.model.progress import Progress
from octcluster.model.recipes import Recipe, default_recipe
from octcluster.model.results import Assignments, RunResult
from octcluster.model.runs import ALGORITHMS, COUNT_FINDERS, Member, RunSpec, Unit
from octcluster.workflows.embedding import read_keys
from octcluster.workflows.enough_images import FEWEST_IMAGES, check_enough, check_enough_for_clusters
from octcluster.workflows.eyes import check_enough_eyes, find_eyes, place_scans
from octcluster.workflows.keyed_images import KeyedImages
from octcluster.workflows.member_columns import MemberColumns
from octcluster.workflows.outcome import (
    EyeClusters,
    Failure,
    PixelReport,
    RunOutcome,
    describe_versions,
    fetch_second,
)
from octcluster.workflows.services import (
    ServiceOptions,
    cancel_run,
    check_addresses,
    connected_clients,
    find_not_kept,
    started_services,
)
from octcluster.workflows.stages import RunWatcher, Stages
from octcluster.workflows.vector_source import EmbeddedImages, VectorSource

_ATTEMPTS = 3
# Ends of a run after which another one may succeed: the cache lost vectors, or something was away.
_RECOVERABLE = ("vectors_missing", "store_unavailable", "interrupted")
_FEW_IMAGES = 5000


@dataclass(frozen=True)
class RunOptions(ServiceOptions):
    """How run_images does its work; see ServiceOptions for the services.

    Attributes:
        recipe: How images are clustered, from features to algorithm; None: see default_recipe.
        min_clusters: Smallest number of clusters to try, at least 2.
        max_clusters: Largest number of clusters to try.
        seed: Seed of every random choice, 0 to 2**32 - 1.
        stability_resamples: How many random parts of the images to cluster again for the stability of the
            result, 0 to 100; None: see default_stability_resamples.
        umap: Also find two coordinates of each image by UMAP, to look at.
        vectors: Also fetch the images' vectors, for the outcome.
        unit: What is clustered: ``image``, or ``eye``: all images of an eye at a visit as one.
    """

    recipe: Recipe | None = None
    min_clusters: int = 4
    max_clusters: int = 4
    seed: int = 0
    stability_resamples: int | None = None
    umap: bool = True
    vectors: bool = False
    unit: Unit = "image"

    @property
    def chosen_recipe(self) -> Recipe:
        """The recipe, also where none was named."""
        return self.recipe or default_recipe(self.model)

    @property
    def least_images(self) -> int:
        """How many images the clusters need, as far as that is known before the clusterer tells."""
        told_their_number = set(self.chosen_recipe.algorithms) & set(ALGORITHMS) - COUNT_FINDERS
        return self.max_clusters if told_their_number else 0


def run_images(image_set: ImageSet, options: RunOptions, progress: Progress) -> RunOutcome:
    """Embeds the images that the cache lacks, clusters all of them and returns what was found.

    The order of the images is the order of the members, so equal arguments give equal results.

    Args:
        image_set: The images.
        options: How to do it.
        progress: Told how far it is; messages may come from another thread, but never two calls at once.
            Stages are "Reading", "Starting" (if services are started), "Embedding", "Loading", "Preparing",
            "Clustering", "Scoring", "Checking reliability", "Mapping" and "Saving".

    Returns:
        What was found, with the images that have no vector as failures.

    Raises:
        OctclusterError: The run could not be done; the message says what to do.
    """
    check_enough_for_clusters(len(image_set.images), options.least_images)
    stages = Stages(progress)
    traceparent = check_addresses(options, stages)
    with started_services(options, progress) as stack:
        stages.begin("Reading", len(image_set.images), "images")
        with stages.timed("reading"):
            images = read_keys(image_set.images, options.key_secret, stages.update)
        # How many the algorithms need, only the clusterer can tell.
        check_enough(images, FEWEST_IMAGES)
        with connected_clients(options, stack, stages, traceparent) as clients:
            source = EmbeddedImages(clients, options.chosen_recipe, options, stages)
            outcome = Job(image_set, options, stages, images, (source, clients[1])).run()
    return replace(outcome, not_kept=find_not_kept(stack, outcome.not_kept))


def default_stability_resamples(images: int) -> int:
    """How many parts of the images are clustered again if nobody says: fewer of many, for they cost time."""
    return 10 if images <= _FEW_IMAGES else 4


class Job:
    """One call of run_images, once its services serve."""

    def __init__(
        self,
        image_set: ImageSet,
        options: RunOptions,
        stages: Stages,
        images: KeyedImages,
        services: tuple[VectorSource, ClustererClient],
    ) -> None:
        self._image_set = image_set
        self._options = options
        self._stages = stages
        self._images = images
        self._source, self._clusterer = services
        self._space = self._source.space

    def run(self) -> RunOutcome:
        """Does the work; what was lost on the clusterer's side on the way is done again, a few times."""
        self._check_enough()
        # Embedding may take hours: what the clusterer will refuse, it refuses before.
        eyes = self._gather_eyes()
        self._clusterer.check_run(
            self._spec(), self._images.count_good(), None if eyes is None else len(eyes)
        )
        for attempt in range(1, _ATTEMPTS + 1):
            with self._stages.timed("embedding"):
                self._source.fill(self._images)
            self._check_enough()
            try:
                return self._cluster()
            except (RunFailed, RunNotFound) as error:
                lost = isinstance(error, RunNotFound) or error.code in _RECOVERABLE
                if not lost or attempt == _ATTEMPTS:
                    raise
                self._stages.message(f"the clustering starts again: {error}")
        raise AssertionError("the last attempt returns or raises")

    def _check_enough(self) -> None:
        """Raises TooFewImages if there are fewer good images, or eyes, than needed."""
        needed = self._count_needed()
        check_enough(self._images, needed)
        eyes = self._gather_eyes()
        if eyes is not None:
            check_enough_eyes(eyes, needed)

    def _gather_eyes(self) -> list[ScannedEye] | None:
        """The eyes of the good images; None if images are what is clustered."""
        return find_eyes(self._options.unit, self._images.good_scans())

    def _count_needed(self) -> int:
        """The least number of images: one for each cluster, unless all algorithms find their number."""
        count_finders = self._clusterer.info().count_finders
        if count_finders.issuperset(self._options.chosen_recipe.algorithms):
            return FEWEST_IMAGES
        return max(FEWEST_IMAGES, self._options.max_clusters)

    def name_run(self, spec: RunSpec, members: Sequence[Member]) -> str:
        """Chooses the run's id: a new one each time."""
        return uuid.uuid4().hex

    def _cluster(self) -> RunOutcome:
        members = self._members()
        spec = self._spec()
        spec = replace(spec, run_id=self.name_run(spec, members))
        try:
            with self._stages.timed("clustering"):
                self._clusterer.start_run(spec, members)
                status = self._clusterer.wait(spec.run_id, RunWatcher(self._stages))
            with self._stages.timed("fetching"):
                result = self._clusterer.result(spec.run_id)
                assignments = self._clusterer.assignments(spec.run_id, result.chosen)
                eyes = self._place_scans(spec.run_id, result, assignments)
                fitted = self.fetch_fitted(spec, result)
                second = fetch_second(spec.run_id, result, self._clusterer)
        except (RunFailed, RunNotFound, RunCancelled):
            raise
        except BaseException:
            cancel_run(self._options, self._clusterer.address, spec.run_id)
            raise
        outcome = self._outcome(spec, result, assignments, eyes, fitted)
        return replace(outcome, second=second, not_kept=status.not_kept_reason)

    def _place_scans(self, run_id: str, result: RunResult, assignments: Assignments) -> EyeClusters | None:
        eyes = self._gather_eyes()
        if eyes is None:
            return None
        return place_scans(eyes, self._images.good_keys(), run_id, result, assignments, self._clusterer)

    def fetch_fitted(self, spec: RunSpec, result: RunResult) -> bytes | None:
        """What puts other images into the clusters, as a file; None if the clusterer kept none."""
        if result.fitted_missing_reason:
            return None
        return self._clusterer.fitted_run(spec.run_id, result.chosen)

    def _fetch_vectors(self) -> list[bytes | None] | None:
        if not self._options.vectors:
            return None
        keys = self._images.good_keys()
        found = self._clusterer.get_vectors(self._space, list(dict.fromkeys(keys)))
        return [found.get(key) for key in keys]

    def _spec(self) -> RunSpec:
        recipe = self._options.chosen_recipe
        part_dimensions = self._space.part_dimensions if len(self._space.part_dimensions) > 1 else ()
        n_images = self._images.count_good()
        resamples = self._options.stability_resamples
        if resamples is None:
            resamples = default_stability_resamples(n_images)
        return RunSpec(
            space=self._space,
            preparation=replace(recipe.preparation_for(n_images), part_dimensions=part_dimensions),
            algorithms=recipe.algorithms,
            min_clusters=self._options.min_clusters,
            max_clusters=self._options.max_clusters,
            seed=self._options.seed,
            stability_resamples=resamples,
            umap=self._options.umap,
        )

    def _members(self) -> Sequence[Member]:
        return MemberColumns(self._images, self._image_set.classes, self._gather_eyes())

    def _outcome(
        self,
        spec: RunSpec,
        result: RunResult,
        assignments: Assignments,
        eyes: EyeClusters | None,
        fitted: bytes | None,
    ) -> RunOutcome:
        scans, keys = self._images.good_scans(), self._images.good_keys()
        clusterer = self._clusterer.info()
        embedded = self._images.count_embedded()
        copies = add_copies(result.duplicates, keys)
        return RunOutcome(
            image_set=self._image_set,
            recipe=self._options.chosen_recipe,
            members=scans,
            failures=[Failure(image, reason) for image, reason in self._images.bad()],
            spec=spec,
            result=replace(result, duplicates=copies),
            assignments=assignments,
            embedded=embedded,
            cached=len(scans) - embedded,
            versions=describe_versions(self._source.version, clusterer.version),
            runtime=self._source.runtime,
            trace_id=self._clusterer.trace_id,
            blas_kernels=clusterer.blas_kernels,
            stage_seconds=dict(self._stages.seconds),
            pixels=PixelReport(self._images.faults(), self._images.framing()),
            vectors=self._fetch_vectors(),
            eyes=eyes,
            image_keys=keys,
            key_check=check_of_secret(self._options.key_secret),
            fitted=fitted,
        )
