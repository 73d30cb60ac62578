"""``octcluster embed``: the vectors of many images into a store of Parquet files, without a run.

A clusterer with the same store (``--store parquet --store-url``) then embeds none of these images again.
Parts of the images are embedded one after the other here, or as tasks of a Dask cluster. Only names of files
are held, of a few parts at a time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from octcluster.clients.dask_tasks import DaskPlace, DaskTasks
from octcluster.images.folder import open_source
from octcluster.images.keys import check_of_secret
from octcluster.images.scan_choice import ALL
from octcluster.model.errors import InvalidImageSet, OctclusterError
from octcluster.model.progress import Progress
from octcluster.model.recipes import Recipe, default_recipe
from octcluster.workflows.embed_parts import EmbedJob, Part, PartEmbedder, PartReport, cut_parts, embed_part
from octcluster.workflows.services import ServiceOptions

_ATTEMPTS = 3
_MOST_FAULTS = 2


@dataclass(frozen=True)
class EmbedOptions(ServiceOptions):
    """How embed_images does its work; ``store_url`` of ServiceOptions is needed.

    Attributes:
        recipe: Whose features, flip and views say what the vectors are; None: see default_recipe.
        scans: Which B-scans of each volume are taken; see ``choose_scans``.
        dask: Scheduler of the Dask cluster whose workers embed; None: this machine does.
        embedder_token_file: File with the token that the embedder wants to see, the same on all machines.
    """

    recipe: Recipe | None = None
    scans: str | int = ALL
    dask: DaskPlace | None = None
    embedder_token_file: Path | None = None

    @property
    def job(self) -> EmbedJob:
        """What is the same for all parts."""
        services = ServiceOptions(
            model=self.model,
            model_file=self.model_file,
            embedder=self.embedder,
            embedder_tls=self.embedder_tls,
            cache_dir=self.cache_dir,
            weights=self.weights,
            weights_sha256=self.weights_sha256,
            store_url=self.store_url,
            key_secret=b"",  # each machine takes it from its own environment
        )
        key_check = check_of_secret(self.key_secret)
        recipe = self.recipe or default_recipe(self.model)
        return EmbedJob(services, recipe, self.scans, key_check, self.embedder_token_file)


@dataclass
class EmbedOutcome:
    """What became of the images.

    Attributes:
        images: Number of scans.
        embedded: Number of distinct images that were embedded now; the vectors of the others were there.
        failures: Name of each scan that has no vector, and the reason, sorted by name.
        ignored: Number of files that hold no scans, by their ending.
        space: Digest of the embedding space, as hexadecimal digits.
    """

    images: int = 0
    embedded: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    space: str = ""

    def add(self, report: PartReport) -> None:
        """Takes in a part."""
        self.images += report.images
        self.embedded += report.embedded
        self.failures += report.failures
        self.ignored.update(report.ignored)
        self.space = report.space


def embed_images(source: Path, options: EmbedOptions, progress: Progress) -> EmbedOutcome:
    """Embeds those images that the store lacks.

    Args:
        source: A folder, a text file with one path a line, or a volume.
        options: How, and into which store.
        progress: Told how far it is. Stages are "Counting", "Starting" and "Embedding".

    Returns:
        What became of the images.

    Raises:
        InvalidImageSet: There is no such folder or file, or it holds no scan.
        OctclusterError: The work could not be done. What was stored is kept; another call goes on from it.
    """
    files = open_source(source)
    progress.stage("Counting", 0, "files")
    total = sum(1 for _ in files.walk())
    outcome = EmbedOutcome()
    for report in _do_parts(options, cut_parts(files), _Embedding(progress, total)):
        outcome.add(report)
    if not outcome.images:
        raise InvalidImageSet(f"no image in {source}: give a folder of images, a volume or a list of paths")
    outcome.failures.sort()
    return outcome


class _Embedding:
    """The stage "Embedding", whose files are those of all parts; a part tells of its own images.

    Attributes:
        around: The progress of the whole job.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self.around, self._total, self._done, self._now = progress, total, 0, 0

    def begin(self) -> None:
        """Tells of the stage, after others that came between."""
        self.around.stage("Embedding", self._total, "files")

    def start_part(self, files: int) -> None:
        """A part with so many files begins, which ``update`` then is about."""
        self._now = files

    def finish_part(self, files: int) -> None:
        """So many files more are done."""
        self._done, self._now = self._done + files, 0
        self.around.update(self._done, self._total)

    def stage(self, name: str, total: int, unit: str) -> None:
        """See Progress: of the stages of a part nobody is told."""

    def update(self, done: int, total: int) -> None:
        """See Progress: how far a part is."""
        self.around.update(self._done + (self._now * done // total if total else 0), self._total)

    def message(self, text: str) -> None:
        """See Progress."""
        self.around.message(text)


def _do_parts(options: EmbedOptions, parts: Iterable[Part], progress: _Embedding) -> Iterator[PartReport]:
    """Has all parts done, and tells of each."""
    if options.dask is None:
        reports = _do_here(options, parts, progress)
    else:
        reports = _do_on_workers(options.job, options.dask, parts, progress)
    for report in reports:
        progress.finish_part(report.files)
        yield report


def _do_here(options: EmbedOptions, parts: Iterable[Part], progress: _Embedding) -> Iterator[PartReport]:
    embedder = PartEmbedder(options.job, options.key_secret, progress.around)
    try:
        progress.begin()
        for part in parts:
            progress.start_part(len(part.names))
            yield embedder.embed(part, progress)
    finally:
        embedder.close()


def _do_on_workers(
    job: EmbedJob, place: DaskPlace, parts: Iterable[Part], progress: _Embedding
) -> Iterator[PartReport]:
    """Does parts that could not be done once more at the end; raises where most of them cannot be done."""
    done = 0
    with DaskTasks(place) as tasks:
        progress.begin()
        for attempt in range(1, _ATTEMPTS + 1):
            failed: list[Part] = []
            for (_, part), report in tasks.map(embed_part, ((job, part) for part in parts), progress.message):
                if not report.fault:
                    done += 1
                    yield report
                    continue
                failed.append(part)
                if attempt == _ATTEMPTS or len(failed) > max(_MOST_FAULTS, done):
                    raise OctclusterError(f"a Dask worker could not do its part: {report.fault}")
                progress.message(
                    f"a Dask worker could not do a part, which waits for another: {report.fault}"
                )
            parts = failed
