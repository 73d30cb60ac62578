"""The study: every cell of a declared matrix, with all that can be shared done once.

    for each features:                embed once, what the cache lacks
        for each preparation of them: one run, which prepares once, and scores all its clusterings in one pass

A run's id is a digest of all that its result depends on. So a study that was interrupted, or is repeated,
finds the runs that it has done on the clusterer, which keeps them for a time, and does the others only.
"""

import json
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from hashlib import blake2b

from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.embedder import EmbedderClient
from octcluster.images.image_set import ImageSet
from octcluster.local.weights import find_faults_of_models
from octcluster.model.errors import (
    ModelNotServed,
    RequestRefused,
    RunCancelled,
    RunFailed,
    RunNotFound,
    TooFewImages,
)
from octcluster.model.progress import Progress
from octcluster.model.recipes import Recipe
from octcluster.model.results import RunResult
from octcluster.model.runs import Member, RunSpec, RunState
from octcluster.workflows.embedding import read_keys
from octcluster.workflows.keyed_images import KeyedImages
from octcluster.workflows.outcome import NO_PIXELS, Failure, PixelReport, RunOutcome
from octcluster.workflows.run import Job, RunOptions
from octcluster.workflows.services import ServiceOptions, connected_clients, find_not_kept, started_services
from octcluster.workflows.stages import Stages
from octcluster.workflows.study_matrix import Part, StudyMatrix
from octcluster.workflows.vector_source import EmbeddedImages

_STAGES_OF_A_PART = 6
_RUN_ID_BYTES = 16
_INVALID = "INVALID_ARGUMENT"


class PartState(StrEnum):
    """What became of a part of the matrix."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class PartOutcome:
    """What became of one part of the matrix.

    Attributes:
        part: The part.
        state: Whether it was done; it is skipped where its model is not at hand.
        outcome: What its run found; None unless done.
        reason: Why it was not done and what to do, else empty.
        kept: Whether the run was done earlier, and the clusterer had kept it.
    """

    part: Part
    state: PartState
    outcome: RunOutcome | None = None
    reason: str = ""
    kept: bool = False


@dataclass(frozen=True)
class StudyOutcome:
    """What a study found, as far as it is.

    Attributes:
        image_set: All images that were asked for.
        matrix: What was to be done.
        seed: Seed of every random choice.
        count_finders: Algorithms that find the number of clusters themselves: see ClustererInfo.
        parts: The parts that are settled, in the order of the matrix.
        stage_seconds: Wall-clock time of reading and starting.
    """

    image_set: ImageSet
    matrix: StudyMatrix
    seed: int
    count_finders: Collection[str]
    parts: Sequence[PartOutcome]
    stage_seconds: dict[str, float]

    @property
    def complete(self) -> bool:
        """Whether all parts are settled."""
        return len(self.parts) == len(self.matrix.parts)

    @property
    def failures(self) -> list[Failure]:
        """The images that have no vector in one of the parts, each once, sorted by name."""
        runs = [part.outcome for part in self.parts if part.outcome is not None]
        found = {failure.image.name: failure for run in runs for failure in run.failures}
        return [found[name] for name in sorted(found)]

    @property
    def pixels(self) -> PixelReport:
        """What was found in the pixels of the images, which is the same in all parts."""
        return next((part.outcome.pixels for part in self.parts if part.outcome is not None), NO_PIXELS)


@dataclass(frozen=True)
class StudyOptions(ServiceOptions):
    """How run_study does its work; see ServiceOptions for the services, whose model the matrix decides.

    Attributes:
        seed: Seed of every random choice, 0 to 2**32 - 1.
    """

    seed: int = 0


def run_study(
    image_set: ImageSet,
    matrix: StudyMatrix,
    options: StudyOptions,
    progress: Progress,
    keep: Callable[[StudyOutcome], None],
) -> StudyOutcome:
    """Fills the cells of a matrix, those first that come first.

    Args:
        image_set: The images.
        matrix: What to do with them.
        options: How to do it.
        progress: Told how far it is; see run_images.
        keep: Told what has been found after each part.

    Returns:
        What was found. A part whose model is not at hand, or that does not fit the images or the clusterer's
        memory, is left out with the reason.

    Raises:
        OctclusterError: The study could not be done; the message says what to do.
    """
    faults = {} if options.embedder is not None else find_faults_of_models(matrix.models)
    served = [model for model in matrix.models if model not in faults]
    if not served:
        raise ModelNotServed(
            "no model of the matrix has its weights on this machine:"
            + "".join(f"\n  {one.reason}" for one in faults.values())
        )
    stages = Stages(progress)
    with started_services(replace(options, model=",".join(served)), progress) as stack:
        stages.begin("Reading", len(image_set.images), "images")
        with stages.timed("reading"):
            images = read_keys(image_set.images, options.key_secret, stages.update)
        settled: list[PartOutcome] = []
        with connected_clients(options, stack, stages) as clients:
            count_finders = clients[1].info().count_finders
            outcome = StudyOutcome(image_set, matrix, options.seed, count_finders, settled, stages.seconds)
            for number, part in enumerate(matrix.parts, start=1):
                title = f"{number} of {len(matrix.parts)}: {part.title}"
                if fault := faults.get(part.feature_set.model):
                    progress.message(f"{title}: skipped, its weights are not on this machine")
                    settled.append(PartOutcome(part, PartState.SKIPPED, reason=fault.reason))
                else:
                    own_stages = Stages(_PartProgress(progress, title))
                    settled.append(_do_part(part, image_set, options, own_stages, images, clients))
                keep(outcome)
    if not_kept := find_not_kept(stack):
        progress.message(not_kept)
    return outcome


def _do_part(
    part: Part,
    image_set: ImageSet,
    options: StudyOptions,
    stages: Stages,
    images: KeyedImages,
    clients: tuple[EmbedderClient, ClustererClient],
) -> PartOutcome:
    # What fails or was embedded in one space says nothing of another; measures are the same in all.
    own_images = replace(images, failed={}, embedded=bytearray(len(images.images)))
    services = {name: getattr(options, name) for name in ServiceOptions.__dataclass_fields__}
    run_options = RunOptions(
        **{**services, "model": part.feature_set.model},
        recipe=_recipe_of(part),
        min_clusters=part.min_clusters,
        max_clusters=part.max_clusters,
        seed=options.seed,
        stability_resamples=0,
        umap=False,
    )
    try:
        source = EmbeddedImages(clients, run_options.chosen_recipe, run_options, stages)
        job = _PartJob(image_set, run_options, stages, own_images, (source, clients[1]))
        outcome = job.run()
    except ModelNotServed as error:
        return PartOutcome(part, PartState.SKIPPED, reason=str(error))
    except (RunFailed, TooFewImages, RequestRefused) as error:
        if isinstance(error, RequestRefused) and error.code != _INVALID:
            raise
        return PartOutcome(part, PartState.FAILED, reason=str(error))
    return PartOutcome(part, PartState.DONE, outcome, kept=job.kept)


def _recipe_of(part: Part) -> Recipe:
    features = part.feature_set
    return Recipe(
        "",
        features.features,
        features.flip,
        part.preparation,
        part.algorithms,
        part.images_a_component,
        features.views,
    )


class _PartJob(Job):
    """A run whose id is a digest of all that its result depends on.

    Attributes:
        kept: Whether the clusterer has the run already.
    """

    kept = False
    _joins = False

    def run(self) -> RunOutcome:
        """Does the work, again if it joined a run that an interrupted study was just having cancelled."""
        try:
            return super().run()
        except RunCancelled:
            if not self._joins:
                raise
            return super().run()

    def name_run(self, spec: RunSpec, members: Sequence[Member]) -> str:
        """Finds the run's id; a run of this id that did not succeed is forgotten, so that it starts anew."""
        run_id = _digest_run(spec, members, self._clusterer.info().version)
        with suppress(RunNotFound):
            state = self._clusterer.status(run_id).state
            self.kept = state is RunState.SUCCEEDED
            self._joins = not state.ended
            if state.ended and not self.kept:
                self._clusterer.delete(run_id)
        return run_id

    def fetch_fitted(self, spec: RunSpec, result: RunResult) -> bytes | None:
        """Nothing: a study compares clusterings and leaves no file for other images."""
        return None


def _digest_run(spec: RunSpec, members: Sequence[Member], version: str) -> str:
    """32 hexadecimal digits."""
    fields = json.dumps([version, asdict(spec)], default=bytes.hex, sort_keys=True)
    digest = blake2b(fields.encode(), digest_size=_RUN_ID_BYTES)
    for member in members:
        known = (
            member.class_index,
            member.patient_index,
            member.unit_index,
            sorted(member.numbers.items()),
        )
        digest.update(member.image_key + repr(known).encode())
    return digest.hexdigest()


class _PartProgress:
    """The progress of one part: embedding as a stage of its own, all that the clusterer does as another."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._title = title
        self._done = 0
        self._embeds = False

    def stage(self, name: str, total: int, unit: str) -> None:
        """Begins embedding, or moves on by one stage of the clusterer."""
        self._embeds = name == "Embedding"
        if self._embeds:
            if total:
                self._progress.stage(f"{self._title}: {name}", total, unit)
            return
        if self._done == 0:
            self._progress.stage(self._title, _STAGES_OF_A_PART, "stages")
        self._done += 1
        self._progress.update(min(self._done, _STAGES_OF_A_PART), _STAGES_OF_A_PART)

    def update(self, done: int, total: int) -> None:
        """Passes on what is embedded."""
        if self._embeds:
            self._progress.update(done, total)

    def message(self, text: str) -> None:
        """Passes it on."""
        self._progress.message(text)
