"""Embedding a part of many images: what one task does, on this machine or as one of a Dask cluster's.

A part is some files, named and not yet read. Whoever has it reads and hashes them, and embeds what the store
lacks: with the embedders that were named, or with one of its own. Its vectors go into the store through a
clusterer of its own, which starts and ends with the embedder. Several clusterers may write into one store.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from octcluster.clients.security import read_token
from octcluster.images.folder import SourceFiles
from octcluster.images.image_set import ImageSet
from octcluster.images.keys import check_of_secret, key_secret_from_environment
from octcluster.images.path_list import PathList
from octcluster.images.scan_choice import choose_scans
from octcluster.images.sources import find_contents
from octcluster.model.errors import InvalidArguments, OctclusterError
from octcluster.model.progress import Progress, Silence
from octcluster.model.recipes import Recipe
from octcluster.workflows.embedding import CacheFiller, read_keys
from octcluster.workflows.services import ServiceOptions, connected_clients, started_services
from octcluster.workflows.stages import Stages

_FILES = 2048
_MOST_FILES = 4 * _FILES
_IDLE_SECONDS = 60.0


@dataclass(frozen=True)
class Part:
    """Some files of a job.

    Attributes:
        root: Folder that the names are relative to.
        names: The files.
        numbers: Of files of which only some scans are asked for, the numbers of these.
        listed: Whether a person has named each file.
    """

    root: Path = field(repr=False)
    names: Sequence[str] = field(repr=False)
    numbers: Mapping[str, set[int]] = field(repr=False)
    listed: bool


@dataclass(frozen=True)
class EmbedJob:
    """What is the same for all parts; it may travel through a Dask scheduler, and so holds no secret.

    Attributes:
        services: The embedder, and where vectors go (``store_url``); without token and secret.
        recipe: Which says what the vectors are.
        scans: Which B-scans of each volume are taken; see ``choose_scans``.
        key_check: Tells whether another machine has the same secret for image keys.
        embedder_token_file: Token that the embedder wants to see, a file on each machine; None: nothing.
    """

    services: ServiceOptions
    recipe: Recipe
    scans: str | int
    key_check: str
    embedder_token_file: Path | None = None


@dataclass(frozen=True)
class PartReport:
    """What became of a part.

    Attributes:
        files: Number of its files.
        images: Number of its scans.
        embedded: Number of distinct images that were embedded now.
        failures: Name of each scan that has no vector, and the reason.
        ignored: Number of files that hold no scans, by their ending.
        space: The embedding space, for people.
        fault: Why the part could not be done, for people; empty if it was.
    """

    files: int
    images: int = 0
    embedded: int = 0
    failures: Sequence[tuple[str, str]] = field(default=(), repr=False)
    ignored: Mapping[str, int] = field(default_factory=dict)
    space: str = ""
    fault: str = ""


def cut_parts(files: SourceFiles) -> Iterator[Part]:
    """Cuts files into parts, between folders where it can: files of one folder may be one volume.

    Args:
        files: The files.

    Yields:
        Parts of some 2048 files; a folder with more than four times as many is cut.

    Raises:
        InvalidImageSet: A folder cannot be read.
    """
    names: list[str] = []
    folder = ""
    for name in files.walk():
        changes, folder = folder != (own := name.rpartition("/")[0]), own
        if len(names) >= (_FILES if changes else _MOST_FILES):
            yield _make_part(files, names)
            names = []
        names.append(name)
    if names:
        yield _make_part(files, names)


def _make_part(files: SourceFiles, names: Sequence[str]) -> Part:
    numbers = {} if files.listed is None else files.listed.numbers
    chosen = {name: numbers[name] for name in names if name in numbers}
    return Part(files.root.absolute(), names, chosen, files.listed is not None)


class PartEmbedder:
    """Embeds parts, one after the other, with services that live as long as it does."""

    def __init__(self, job: EmbedJob, key_secret: bytes, progress: Progress) -> None:
        """Starts the services that have no address, and connects.

        Args:
            job: What to do.
            key_secret: The site's secret for image keys, as this machine has it.
            progress: Told what the start waits for.

        Raises:
            OctclusterError: A service cannot be used; the message says what to do.
        """
        self._job = job
        token = None if job.embedder_token_file is None else read_token(job.embedder_token_file)
        options = replace(job.services, embedder_token=token, key_secret=key_secret)
        if check_of_secret(key_secret) != job.key_check:
            raise InvalidArguments(
                "this machine has another secret for image keys: set OCTCLUSTER_KEY_SECRET for "
                "octcluster-dask-worker as for the command"
            )
        self._options = options
        stages = Stages(progress)
        with contextlib.ExitStack() as stack:
            self._stack = stack.enter_context(started_services(options, progress))
            self._clients = stack.enter_context(connected_clients(options, self._stack, stages))
            self._close = stack.pop_all().close

    def close(self) -> None:
        """Ends the services; harmless when repeated."""
        self._close()

    def embed(self, part: Part, progress: Progress) -> PartReport:
        """Embeds what the store lacks of a part.

        Args:
            part: The part.
            progress: Told how far it is.

        Raises:
            OctclusterError: It could not be done; the message says what to do.
        """
        if not part.root.is_dir():
            raise InvalidArguments(
                f"{part.root} is not there: all machines need the images at the same place"
            )
        job, (embedder, clusterer), stages = self._job, self._clients, Stages(progress)
        contents = find_contents(part.root, part.names, Silence(), listed=part.listed)
        scans = PathList(part.root, [], part.numbers).take(contents.scans)
        chosen = choose_scans(ImageSet(part.root, scans, "none", formats=contents.formats), job.scans)
        images = read_keys(chosen.images, self._options.key_secret, lambda *_: None)
        recipe = job.recipe
        space = embedder.space(recipe.features, self._options.model, flip=recipe.flip, views=recipe.views)
        CacheFiller(embedder, clusterer, space, self._options.key_secret, stages).fill(images)
        return PartReport(
            files=len(part.names),
            images=len(images.images),
            embedded=images.count_embedded(),
            failures=[(scan.name, reason) for scan, reason in images.bad()],
            ignored=dict(contents.ignored),
            space=space.digest.hex(),
        )


class _WorkersServices:
    """The services of a Dask worker: they stay until they have had nothing to do for a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._embedder: PartEmbedder | None = None
        self._job: EmbedJob | None = None
        self._end: threading.Timer | None = None

    def embed(self, job: EmbedJob, part: Part) -> PartReport:
        """Does a part, with the services of the part before if they are those of the same job."""
        with self._lock:
            if self._end is not None:
                self._end.cancel()
            try:
                if self._embedder is None or job != self._job:
                    self._close()
                    self._embedder = PartEmbedder(job, key_secret_from_environment(), Silence())
                    self._job = job
                return self._embedder.embed(part, Silence())
            except BaseException:
                self._close()
                raise
            finally:
                self._end = threading.Timer(_IDLE_SECONDS, self._close_idle)
                self._end.daemon = True
                self._end.start()

    def _close(self) -> None:
        embedder, self._embedder, self._job = self._embedder, None, None
        if embedder is not None:
            embedder.close()

    def _close_idle(self) -> None:
        with self._lock:
            if threading.current_thread() is self._end:  # and no part has come since
                self._close()


_services = _WorkersServices()


def embed_part(job_and_part: tuple[EmbedJob, Part]) -> PartReport:
    """Does a part on a Dask worker.

    Args:
        job_and_part: What to do, and of what.

    Returns:
        What became of it. Nothing is raised: Dask would write the names of files into the worker's log.
    """
    job, part = job_and_part
    try:
        return _services.embed(job, part)
    except OctclusterError as error:
        return PartReport(len(part.names), fault=str(error))
    except Exception as error:
        return PartReport(len(part.names), fault=f"a fault in octcluster: {type(error).__name__}: {error}")
