"""From scans to vectors and measures in the cache: keys first, then a forward pass for what it lacks.

The key of a plain image is that of its file's bytes. A scan out of a container has the key of its lossless
encoding. To compute it the scan is decoded, and once more if it is to be embedded: no scan is ever held.

An image's measures come with its vector and are cached in a space of their own, the same for every model and
all features. An image is embedded if either is missing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.embedder import EmbedderClient
from octcluster.concurrency import map_concurrently
from octcluster.images.decoding import decode_scans
from octcluster.images.framing import Framing, measure_framing
from octcluster.images.headers import UnreadableImage
from octcluster.images.image_set import Scan
from octcluster.images.keys import image_key, image_key_of_file
from octcluster.images.metadata import remove_metadata
from octcluster.images.pixel_faults import RETINA_NOT_SOUGHT, FoundFault, find_faults
from octcluster.model.runs import PLAIN_VIEW, EmbeddingSpace
from octcluster.model.server_info import Embedding, too_many_bytes
from octcluster.workflows.stages import Stages

AUDITED_MEASURES = ("width", "height", "brightness", "white_border_share")
"""The measures of images that are compared with the clusters; the others tell what is wrong with an image."""

_READERS = 8
_MEASURES_PER_PUT = 256


@dataclass
class KeyedImages:
    """The images of a job with their keys, and what is known about those without a vector.

    Attributes:
        images: The images, in the job's order.
        keys: Key of each image; None if its file could not be read.
        unreadable: Why, by position.
        failed: Why an image with this key has no vector.
        embedded: Keys whose vectors were computed in this job.
        measure_names: What is measured of each image.
        measures: What was measured, in the order of measure_names, by key.
        views: What the network is shown of the images.
    """

    images: Sequence[Scan]
    keys: list[bytes | None]
    unreadable: dict[int, str] = field(default_factory=dict)
    failed: dict[bytes, str] = field(default_factory=dict)
    embedded: set[bytes] = field(default_factory=set)
    measure_names: Sequence[str] = ()
    measures: dict[bytes, tuple[float, ...]] = field(default_factory=dict)
    views: tuple[str, ...] = PLAIN_VIEW

    def good(self) -> list[tuple[Scan, bytes]]:
        """The images that have, or may still get, a vector."""
        pairs = zip(self.images, self.keys, strict=True)
        return [(image, key) for image, key in pairs if key is not None and key not in self.failed]

    def numbers(self, key: bytes) -> dict[str, float]:
        """The measures of an image by name, those that matter to its views; empty if they are not known."""
        numbers = dict(zip(self.measure_names, self.measures.get(key, ()), strict=False))
        if "retina" not in self.views:
            numbers.pop("retina_found", None)
        return numbers

    def keep_retina(self, key: bytes, measures: tuple[float, ...]) -> tuple[float, ...]:
        """New measures, with what was known of the retina where no view asked for it this time."""
        pairs = zip(self.measure_names, measures, self.measures.get(key, measures), strict=True)
        kept = ("retina_found", RETINA_NOT_SOUGHT)
        return tuple(old if (name, new) == kept else new for name, new, old in pairs)

    def is_measured(self, key: bytes) -> bool:
        """Whether an image's measures are known, and its retina was looked for if a view asks for it."""
        return key in self.measures and self.numbers(key).get("retina_found") != RETINA_NOT_SOUGHT

    def audited_numbers(self, key: bytes) -> dict[str, float]:
        """Those of an image's measures that clusters should not follow."""
        numbers = self.numbers(key)
        return {name: numbers[name] for name in AUDITED_MEASURES if name in numbers}

    def faults(self) -> list[tuple[Scan, FoundFault]]:
        """What is wrong with the pixels of images, as far as they were measured; of refused images, too."""
        found = {key: find_faults(self.numbers(key)) for key in self.measures}
        pairs = zip(self.images, self.keys, strict=True)
        return [(image, fault) for image, key in pairs if key is not None for fault in found.get(key, ())]

    def framing(self) -> Framing | None:
        """How much of the good images is not looked at; None if their sizes are not known."""
        known = [self.numbers(key) for _, key in self.good() if key in self.measures]
        return measure_framing(
            (
                numbers["width"],
                numbers["height"],
                PLAIN_VIEW if numbers.get("retina_found") == 0 else self.views,
            )
            for numbers in known
        )

    def refuse(self) -> None:
        """Notes as failed those images in whose pixels nothing can be seen."""
        for key in self.measures:
            for found in find_faults(self.numbers(key)):
                if found.fault.refused:
                    self.failed[key] = found.sentence

    def bad(self) -> list[tuple[Scan, str]]:
        """The other images, each with the reason."""
        found: list[tuple[Scan, str]] = []
        for position, (image, key) in enumerate(zip(self.images, self.keys, strict=True)):
            reason = self.unreadable.get(position) if key is None else self.failed.get(key)
            if reason is not None:
                found.append((image, reason))
        return found


def read_keys(images: Sequence[Scan], secret: bytes, on_progress: Callable[[int, int], None]) -> KeyedImages:
    """Computes the keys of scans, several at a time.

    Args:
        images: The scans.
        secret: The site's secret; see image_key.
        on_progress: Told the number of scans read and of all.

    Returns:
        The images with their keys.
    """
    keyed = KeyedImages(images, [None] * len(images))

    def read(position: int) -> tuple[int, bytes | str]:
        try:
            return position, image_key_of_file(images[position].path, secret)
        except OSError as error:
            return position, _unreadable(error)

    keyed.unreadable = {position: image.fault for position, image in enumerate(images) if image.fault}
    plain = [position for position, image in enumerate(images) if image.number is None and not image.fault]
    scans = [(position, image) for position, image in enumerate(images) if image.number is not None]
    answers = chain(
        map_concurrently(read, plain, _READERS), decode_scans(scans, partial(image_key, secret=secret))
    )
    for done, (position, answer) in enumerate(answers, start=1 + len(keyed.unreadable)):
        if isinstance(answer, bytes):
            keyed.keys[position] = answer
        else:
            keyed.unreadable[position] = str(answer)
        on_progress(done, len(images))
    return keyed


def _unreadable(error: OSError) -> str:
    return f"the file cannot be read: {error.strerror or error}"


class CacheFiller:
    """Brings the vectors and measures of images into the cache; holds few images and vectors at a time."""

    def __init__(
        self,
        embedder: EmbedderClient,
        clusterer: ClustererClient,
        space: EmbeddingSpace,
        secret: bytes,
        stages: Stages,
    ) -> None:
        """Works with these services in this space."""
        self._embedder = embedder
        self._clusterer = clusterer
        self._space = space
        self._secret = secret
        self._stages = stages

    def fill(self, images: KeyedImages) -> None:
        """Embeds those good images that the cache lacks, each distinct one once.

        What could not be embedded, or shows nothing, is noted in ``images.failed``, what was embedded in
        ``images.embedded``, and the measures of all in ``images.measures``.
        """
        scans = {key: image for image, key in reversed(images.good())}
        images.views = self._space.views
        self._fetch_measures(images, list(scans))
        without_vector = set(self._clusterer.find_missing(self._space, list(scans)))
        missing = [key for key in scans if key in without_vector or not images.is_measured(key)]
        self._stages.begin("Embedding", len(missing), "images")
        work = _Filling(scans, images, without_vector, missing)
        report = self._clusterer.put_vectors(self._space, self._vectors(work))
        self._put_measures(work)
        for key, reason in report.rejected.items():
            images.failed[key] = f"the clusterer refused its vector: {reason}"
            images.embedded.discard(key)
        images.refuse()

    def _vectors(self, work: "_Filling") -> Iterator[tuple[bytes, bytes]]:
        """Yields keys and vectors as they are ready; where the embedder itself failed, asks it again."""
        again: list[bytes] = []
        yield from self._embed(work, work.missing, again)
        yield from self._embed(work, again, None)

    def _embed(
        self, work: "_Filling", keys: Sequence[bytes], again: list[bytes] | None
    ) -> Iterator[tuple[bytes, bytes]]:
        images = self._read(work, keys)
        space = self._space
        for key, result in self._embedder.embed_stream(
            images, space.features, space.model, flip=space.flip, views=space.views
        ):
            if isinstance(result, Embedding):
                work.images.embedded.add(key)
                work.images.measures[key] = work.images.keep_retina(key, result.measures)
                work.unsaved_measures.append(key)
                if len(work.unsaved_measures) == _MEASURES_PER_PUT:
                    self._put_measures(work)
                yield key, result.vector
            elif result.code == "internal" and again is not None:
                again.append(key)
                continue
            else:
                work.fail(key, result.message)
            self._count(work)

    def _read(self, work: "_Filling", keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
        max_image_bytes = self._embedder.info().limits.max_image_bytes

        def read(key: bytes) -> tuple[bytes, bytes | str]:
            return check(key, _read_image(work.scans[key].path, max_image_bytes))

        def check(key: bytes, answer: bytes | UnreadableImage | str) -> tuple[bytes, bytes | str]:
            if not isinstance(answer, bytes):
                return key, str(answer)
            return key, _check_image(answer, key, self._secret, max_image_bytes)

        plain = [key for key in keys if work.scans[key].number is None]
        others = [(key, work.scans[key]) for key in keys if work.scans[key].number is not None]
        decoded = (check(key, answer) for key, answer in decode_scans(others, bytes))
        for key, answer in chain(map_concurrently(read, plain, _READERS), decoded):
            if isinstance(answer, bytes):
                yield key, answer
            else:
                work.fail(key, answer)
                self._count(work)

    def _fetch_measures(self, images: KeyedImages, keys: Sequence[bytes]) -> None:
        """Notes those measures that the cache has."""
        space = self._embedder.info().measures
        images.measure_names = space.names
        unknown = [key for key in keys if key not in images.measures]
        cached = self._clusterer.get_vectors(space, unknown)
        images.measures.update((key, space.unpack(packed)) for key, packed in cached.items())

    def _put_measures(self, work: "_Filling") -> None:
        """Puts measures into the cache; a refused one is known here all the same."""
        space = self._embedder.info().measures
        keys, work.unsaved_measures = work.unsaved_measures, []
        self._clusterer.put_vectors(space, [(key, space.pack(work.images.measures[key])) for key in keys])

    def _count(self, work: "_Filling") -> None:
        work.done += 1
        self._stages.update(work.done, len(work.missing))


@dataclass
class _Filling:
    """One call of CacheFiller.fill: a scan of each key, where to note what happens, and how far it is."""

    scans: Mapping[bytes, Scan]
    images: KeyedImages
    without_vector: set[bytes]
    missing: Sequence[bytes]
    unsaved_measures: list[bytes] = field(default_factory=list)
    done: int = 0

    def fail(self, key: bytes, reason: str) -> None:
        """Notes why an image has no vector; one that lacks only its measures remains good."""
        if key in self.without_vector:
            self.images.failed[key] = reason


def _read_image(path: Path, max_image_bytes: int) -> bytes | str:
    """The bytes of an image file, or why they cannot be had; of too large a file none are read."""
    try:
        size = path.stat().st_size
        return path.read_bytes() if size <= max_image_bytes else too_many_bytes(size, max_image_bytes).message
    except OSError as error:
        return _unreadable(error)


def _check_image(data: bytes, key: bytes, secret: bytes, max_image_bytes: int) -> bytes | str:
    """The bytes of the image with this key, without the texts beside its pixels, or why none are sent."""
    if len(data) > max_image_bytes:
        return too_many_bytes(len(data), max_image_bytes).message
    if image_key(data, secret) != key:
        return "the file was changed while it was being read: run again"
    return remove_metadata(data)
