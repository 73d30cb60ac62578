"""Putting new images into the clusters of a finished run.

    image files ─ keys ─▶ clusterer: which vectors are missing?
        └─ only those ─▶ embedder ─ vectors ─▶ clusterer ─ assign ─▶ cluster, distance, margin of each image
                                                   ▲
    model.npz ─ what was fitted ───────────────────┘

Nothing is fitted again. What was fitted comes from the run's file, or from the clusterer that did the run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.clusterer_calls import NO_UNIT
from octcluster.clients.embedder import EmbedderClient
from octcluster.images.eyes import ScannedEye, gather_eyes
from octcluster.images.image_set import ImageSet, Scan
from octcluster.model.errors import InvalidImageSet
from octcluster.model.placements import Placements
from octcluster.model.progress import Progress
from octcluster.workflows.assign_targets import (
    AssignTarget,
    ModelTarget,
    RunTarget,
    check_embeddable,
    find_members,
    find_space,
)
from octcluster.workflows.embedding import CacheFiller, read_keys
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.keyed_images import KeyedImages
from octcluster.workflows.outcome import (
    AssignOutcome,
    EyePlacement,
    Failure,
    PixelReport,
    describe_versions,
)
from octcluster.workflows.services import ServiceOptions, connected_clients, find_not_kept, started_services
from octcluster.workflows.stages import Stages

_ATTEMPTS = 3
VECTOR_LOST = (
    "the clusterer's cache did not keep its vector: run again, and if that repeats, give it more memory"
)
_Order = tuple[str, int]
"""A scan by Scan.order."""


@dataclass(frozen=True)
class AssignOptions(ServiceOptions):
    """How assign_images does its work; see ServiceOptions for the services.

    The embedder must serve the model of the run. The clusterer may be any, if the run has its model file;
    else it must be the one that did the run, or one with the same cache.

    Attributes:
        on_keys: Told the images that can be read, each with its image key, before any of them is sent; None:
            nobody is.
    """

    on_keys: Callable[[Sequence[tuple[Scan, bytes]]], None] | None = None


def assign_images(
    run: FinishedRun, image_set: ImageSet, options: AssignOptions, progress: Progress
) -> AssignOutcome:
    """Embeds the images that the cache lacks and puts each into the cluster that suits it best.

    Args:
        run: A run that has succeeded, see find_run; its chosen result is used.
        image_set: The images, of the run or others.
        options: How to do it.
        progress: Told how far it is; see run_images. Stages are "Reading", "Starting" (if services are
            started), "Embedding" and "Assigning".

    Returns:
        The clusters of the images and of the eyes that they show, with the images that have no vector as
        failures.

    Raises:
        RunNotFound: The run has no model file, and the clusterer does not hold it (any more).
        RequestRefused: The clusterer cannot use the model file.
        SpaceMismatch: The embedder has no model whose vectors can be compared with those of the run.
        OctclusterError: It could not be done; the message says what to do.
    """
    check_embeddable(run)
    stages = Stages(progress)
    with started_services(options, progress) as stack:
        stages.begin("Reading", len(image_set.images), "images")
        with stages.timed("reading"):
            images = read_keys(image_set.images, options.key_secret, stages.update)
        if options.on_keys is not None:
            options.on_keys(images.good())
        with connected_clients(options, stack, stages) as clients:
            source = _ImageFiles(run, clients, options, stages)
            outcome = Assigning(run, image_set, options, stages, images, source).run()
    if not_kept := find_not_kept(stack):
        progress.message(not_kept)
    return outcome


class AssignSource(Protocol):
    """Where the vectors of the images come from, and the run that takes them.

    Attributes:
        clusterer: The clusterer.
        version: Version of the embedder; empty if there is none.
    """

    clusterer: ClustererClient
    version: str

    def find_target(self) -> AssignTarget:
        """The run; raises OctclusterError if it cannot take the vectors."""

    def fill(self, images: KeyedImages) -> None:
        """See VectorSource."""


class _ImageFiles:
    """Vectors that an embedder makes of image files. See AssignSource."""

    def __init__(
        self,
        run: FinishedRun,
        clients: tuple[EmbedderClient, ClustererClient],
        options: AssignOptions,
        stages: Stages,
    ) -> None:
        self._run = run
        self._embedder, self.clusterer = clients
        self._options = options
        self._stages = stages
        self.version = self._embedder.info().version

    def find_target(self) -> AssignTarget:
        """See AssignSource."""
        target = self._find_target()
        space, secret = target.model.space, self._options.key_secret
        self._filler = CacheFiller(self._embedder, self.clusterer, space, secret, self._stages)
        return target

    def _find_target(self) -> AssignTarget:
        model = self._run.model
        if model is None:
            return RunTarget(self._run, self.clusterer, self._embedder)
        space = find_space(self._embedder, model.space.digest, model.space)
        return ModelTarget(replace(model, space=space), self.clusterer)

    def fill(self, images: KeyedImages) -> None:
        """See AssignSource."""
        self._filler.fill(images)


class Assigning:
    """One call of assign_images, once its services serve."""

    def __init__(
        self,
        run: FinishedRun,
        image_set: ImageSet,
        options: AssignOptions,
        stages: Stages,
        images: KeyedImages,
        source: AssignSource,
    ) -> None:
        self._run = run
        self._image_set = image_set
        self._options = options
        self._stages = stages
        self._images = images
        self._source = source

    def run(self) -> AssignOutcome:
        """Does the work."""
        target = self._source.find_target()
        for _ in range(_ATTEMPTS):
            with self._stages.timed("embedding"):
                self._source.fill(self._images)
            images = _Request.gather(self._images)
            self._stages.begin("Assigning", len(images.keys), "images")
            with self._stages.timed("assigning"):
                assigned = target.assign(images.keys, images.units)
            self._stages.update(len(images.keys), len(images.keys))
            lost = set(images.keys) - set(assigned.image_keys)
            if not lost:
                break
        self._images.failed.update(dict.fromkeys(lost, VECTOR_LOST))
        if not self._images.good():
            raise InvalidImageSet(_no_image(self._images))
        return self._outcome(target, assigned, images.unit_of_scan)

    def _outcome(
        self, target: AssignTarget, assigned: Placements, unit_of_scan: Mapping[_Order, int]
    ) -> AssignOutcome:
        good = self._images.good()
        keys = [key for _, key in good]
        members = [image for image, _ in good]
        placements = _order(assigned, keys)
        embedded = self._images.count_embedded()
        known = find_members(self._run, self._source.clusterer, self._options.key_secret)
        return AssignOutcome(
            model=target.model,
            image_set=self._image_set,
            members=members,
            failures=[Failure(image, reason) for image, reason in self._images.bad()],
            placements=placements,
            seen=known.recognize(members, keys),
            patients_known=known.patients is not None,
            eyes=[
                _place_eye(eye, placements, unit_of_scan.get(members[eye.rows[0]].order))
                for eye in _find_eyes(members)
            ],
            embedded=embedded,
            cached=len(good) - embedded,
            versions=describe_versions(self._source.version, self._source.clusterer.info().version),
            stage_seconds=dict(self._stages.seconds),
            pixels=PixelReport(self._images.faults(), self._images.framing()),
        )


def _find_eyes(scans: Sequence[Scan]) -> list[ScannedEye]:
    """The eyes; none if no eye has two scans, for then eyes tell no more than scans do."""
    eyes = [eye for eye in gather_eyes(scans) if eye.patient is not None or len(eye.rows) > 1]
    return eyes if any(len(eye.rows) > 1 for eye in eyes) else []


@dataclass(frozen=True)
class _Request:
    """What the clusterer is asked: distinct images, those of an eye side by side.

    Attributes:
        keys: Key of each image; an image of two eyes comes twice.
        units: Number of its eye, or NO_UNIT.
        unit_of_scan: Number of the eye of each scan, of eyes with several images.
    """

    keys: Sequence[bytes]
    units: Sequence[int]
    unit_of_scan: Mapping[_Order, int]

    @classmethod
    def gather(cls, images: KeyedImages) -> "_Request":
        """Gathers the good images, first those of eyes with several images, then those that are left."""
        good = images.good()
        pairs: dict[tuple[bytes, int], None] = {}
        unit_of_scan: dict[_Order, int] = {}
        for number, eye in enumerate(_find_eyes([image for image, _ in good])):
            keys = dict.fromkeys(good[row][1] for row in eye.rows)
            if len(keys) > 1:
                unit_of_scan |= {good[row][0].order: number for row in eye.rows}
                pairs |= dict.fromkeys((key, number) for key in keys)
        placed = {key for key, _ in pairs}
        pairs |= dict.fromkeys((key, NO_UNIT) for _, key in good if key not in placed)
        return cls([key for key, _ in pairs], [unit for _, unit in pairs], unit_of_scan)


def _order(assigned: Placements, keys: Sequence[bytes]) -> Placements:
    """The placements in the order of these keys, each of which has one."""
    row_of = {key: row for row, key in enumerate(assigned.image_keys)}
    rows = [row_of[key] for key in keys]
    return replace(
        assigned,
        image_keys=keys,
        clusters=[assigned.clusters[row] for row in rows],
        distances=[assigned.distances[row] for row in rows],
        margins=[assigned.margins[row] for row in rows],
        outliers=[assigned.outliers[row] for row in rows],
        percentiles=[assigned.percentiles[row] for row in rows],
    )


def _place_eye(eye: ScannedEye, placements: Placements, unit: int | None) -> EyePlacement:
    """An eye of one image, or of equal ones, lies where the image does."""
    first = eye.rows[0]
    if unit is None:
        return EyePlacement(eye, placements.clusters[first], placements.margins[first])
    if (placed := placements.units.get(unit)) is None:
        return EyePlacement(eye, None, None)
    return EyePlacement(eye, placed.cluster, placed.margin)


def _no_image(images: KeyedImages) -> str:
    reasons = "".join(f"\n  {image.name}: {reason}" for image, reason in images.bad()[:3])
    return f"none of the {len(images.images)} images can be used: give others{reasons}"
