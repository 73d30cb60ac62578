"""The main job: a set of images in, their clusters out.

    image files ─ keys ─▶ clusterer: which vectors are missing?
        └─ only those ─▶ embedder ─ vectors ─▶ clusterer ─ run ─▶ result, assignments

Nothing here holds all images or all vectors: images are read as they are embedded, and vectors are handed
on as they come. An image file may change while the job is at work: its bytes are then not those of its key,
and it fails.
"""

import contextlib
import platform
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from octcluster.clusterer_client import ClustererClient
from octcluster.embedder_client import EmbedderClient
from octcluster.errors import OctclusterError, RunCancelled, RunFailed, RunNotFound, TooFewImages
from octcluster.image_keys import key_secret_from_environment
from octcluster.image_set import ImageSet
from octcluster.local_stack import START_SECONDS, LocalStack, LocalStackOptions
from octcluster.progress import Progress
from octcluster.results import Assignments, RunResult
from octcluster.runs import Member, Preparation, RunSpec
from octcluster.workflows.embedding import CacheFiller, KeyedImages, read_keys
from octcluster.workflows.outcome import Failure, RunOutcome
from octcluster.workflows.stages import RunWatcher, Stages

_ATTEMPTS = 3
_CONNECT_SECONDS = 20.0
_OUTAGE_SECONDS = 120.0
_CANCEL_SECONDS = 3.0
# Ends of a run after which another one may succeed: the clusterer's cache lost vectors, or was away.
_RECOVERABLE = ("vectors_missing", "store_unavailable")
_REASONS_SHOWN = 3


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
        cache_dir: Where services that this run starts keep vectors and models; None: the user's cache folder.
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
        progress: Told how far it is; messages may come from another thread, but never two calls at once.
            Stages are "Reading", "Starting" (if services are started), "Embedding", "Loading", "Preparing",
            "Clustering", "Scoring" and "Saving".

    Returns:
        What was found, with the images that have no vector as failures.

    Raises:
        OctclusterError: The run could not be done; the message says what to do.
    """
    stages = Stages(progress)
    with _services(options, progress) as stack:
        stages.begin("Reading", len(image_set.images), "images")
        with stages.timed("reading"):
            images = read_keys(image_set.images, options.key_secret, stages.update)
        _check_enough(images, options)
        with _connected(options, stack, stages) as clients:
            return _Job(image_set, options, stages, images, clients).run()


@contextlib.contextmanager
def _services(options: RunOptions, progress: Progress) -> Iterator[LocalStack | None]:
    """Starts the services that have no address, if there are any, while the block runs."""
    if options.embedder is not None and options.clusterer is not None:
        yield None
        return
    stack_options = LocalStackOptions(
        cache_dir=options.cache_dir,
        embedder=options.embedder is None,
        clusterer=options.clusterer is None,
        model=options.model,
        weights=options.weights,
        weights_sha256=options.weights_sha256,
    )
    with LocalStack(stack_options, progress) as stack:
        yield stack


@contextlib.contextmanager
def _connected(
    options: RunOptions, stack: LocalStack | None, stages: Stages
) -> Iterator[tuple[EmbedderClient, ClustererClient]]:
    """Connects to both services, once they serve, while the block runs."""

    def check() -> None:
        if stack is not None:
            stack.check()

    def on_wait(text: str) -> None:
        check()
        stages.message(text)

    with contextlib.ExitStack() as clients, stages.timed("starting"):
        if stack is not None:
            stages.begin("Starting", 0, "services")
            stack.wait_until_started()
        embedder = clients.enter_context(
            EmbedderClient(
                options.embedder or (stack.embedder_address if stack else ""),
                patience_seconds=_OUTAGE_SECONDS,
                on_wait=on_wait,
            )
        )
        clusterer = clients.enter_context(
            ClustererClient(
                options.clusterer or (stack.clusterer_address if stack else ""),
                patience_seconds=_OUTAGE_SECONDS,
                on_wait=on_wait,
            )
        )
        for client, given in ((embedder, options.embedder), (clusterer, options.clusterer)):
            if given is None:
                client.wait_until_serving(START_SECONDS, lambda _: check())
            else:
                client.wait_until_serving(_CONNECT_SECONDS, on_wait)
        connected = clients.pop_all()
    with connected:
        yield embedder, clusterer


def _check_enough(images: KeyedImages, options: RunOptions) -> None:
    """Raises TooFewImages if there are fewer good images than clusters."""
    good, bad = images.good(), images.bad()
    finds_clusters_itself = set(options.algorithms) == {"hdbscan"}
    needed = 2 if finds_clusters_itself else max(2, options.max_clusters)
    if len(good) >= needed:
        return
    reasons = "".join(f"\n  {image.name}: {reason}" for image, reason in bad[:_REASONS_SHOWN])
    more = f"\n  and {len(bad) - _REASONS_SHOWN} more" if len(bad) > _REASONS_SHOWN else ""
    raise TooFewImages(
        f"{len(good)} of {len(good) + len(bad)} images can be used, but at least {needed} are needed: give"
        f" more images or ask for fewer clusters{reasons}{more}"
    )


class _Job:
    """One call of run_images, once its services serve."""

    def __init__(
        self,
        image_set: ImageSet,
        options: RunOptions,
        stages: Stages,
        images: KeyedImages,
        clients: tuple[EmbedderClient, ClustererClient],
    ) -> None:
        self._image_set = image_set
        self._options = options
        self._stages = stages
        self._images = images
        self._embedder, self._clusterer = clients
        self._space = self._embedder.space(options.features, options.model)

    def run(self) -> RunOutcome:
        """Does the work; what was lost on the clusterer's side on the way is done again, a few times."""
        filler = CacheFiller(
            self._embedder, self._clusterer, self._space, self._options.key_secret, self._stages
        )
        for attempt in range(1, _ATTEMPTS + 1):
            with self._stages.timed("embedding"):
                filler.fill(self._images)
            _check_enough(self._images, self._options)
            try:
                return self._cluster()
            except (RunFailed, RunNotFound) as error:
                lost = isinstance(error, RunNotFound) or error.code in _RECOVERABLE
                if not lost or attempt == _ATTEMPTS:
                    raise
                self._stages.message(f"starting the clustering again, since vectors were lost: {error}")
        raise AssertionError("the last attempt returns or raises")

    def _cluster(self) -> RunOutcome:
        spec = self._spec()
        members = self._members()
        try:
            with self._stages.timed("clustering"):
                self._clusterer.start_run(spec, members)
                self._clusterer.wait(spec.run_id, RunWatcher(self._stages))
            with self._stages.timed("fetching"):
                result = self._clusterer.result(spec.run_id)
                assignments = self._clusterer.assignments(spec.run_id, result.chosen)
        except (RunFailed, RunNotFound, RunCancelled):
            raise
        except BaseException:
            self._cancel(spec.run_id)
            raise
        if self._options.clusterer is None:
            # Nobody can ask for it later, and the cache folder shall not grow by it; but the result is here
            # already, and no error may lose it or cluster again.
            with contextlib.suppress(OctclusterError):
                self._clusterer.delete(spec.run_id)
        return self._outcome(spec, result, assignments)

    def _cancel(self, run_id: str) -> None:
        """Tells the clusterer, in short, not to work for nobody."""
        with (
            contextlib.suppress(OctclusterError),
            ClustererClient(
                self._clusterer.address, timeout_seconds=_CANCEL_SECONDS, patience_seconds=0
            ) as clusterer,
        ):
            clusterer.cancel(run_id)

    def _spec(self) -> RunSpec:
        return RunSpec(
            space=self._space,
            preparation=self._options.preparation,
            algorithms=self._options.algorithms,
            min_clusters=self._options.min_clusters,
            max_clusters=self._options.max_clusters,
            seed=self._options.seed,
            run_id=uuid.uuid4().hex,
        )

    def _members(self) -> list[Member]:
        good = self._images.good()
        classes = {label: index for index, label in enumerate(self._image_set.classes)}
        patients = sorted({image.patient for image, _ in good if image.patient is not None})
        groups = {patient: index for index, patient in enumerate(patients)}
        return [
            Member(
                image_key=key,
                class_index=None if image.label is None else classes[image.label],
                group_index=None if image.patient is None else groups[image.patient],
            )
            for image, key in good
        ]

    def _outcome(self, spec: RunSpec, result: RunResult, assignments: Assignments) -> RunOutcome:
        good = self._images.good()
        embedder, clusterer = self._embedder.info(), self._clusterer.info()
        embedded = len(self._images.embedded & {key for _, key in good})
        return RunOutcome(
            image_set=self._image_set,
            members=[image for image, _ in good],
            failures=[Failure(image, reason) for image, reason in self._images.bad()],
            spec=spec,
            result=result,
            assignments=assignments,
            embedded=embedded,
            cached=len(good) - embedded,
            versions={
                "octcluster": version("octcluster"),
                "embedder": embedder.version,
                "clusterer": clusterer.version,
                "python": platform.python_version(),
            },
            runtime=f"{embedder.runtime} {embedder.device}",
            stage_seconds=dict(self._stages.seconds),
        )
