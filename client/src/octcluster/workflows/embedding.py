"""From scans to vectors and measures in the cache: keys first, then a forward pass for what it lacks.

The key of a plain image is that of its file's bytes. A scan out of a container has the key of its lossless
encoding. To compute it the scan is decoded, and once more if it is to be embedded: no scan is ever held.

An image's measures come with its vector and are cached in a space of their own, the same for every model and
all features. An image is embedded if either is missing.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from octcluster.clients.batches import gather
from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.embedder import EmbedderClient
from octcluster.concurrency import map_concurrently
from octcluster.images.decoding import decode_scans
from octcluster.images.headers import UnreadableImage
from octcluster.images.image_set import Scan
from octcluster.images.key_column import KeyColumn, find_first_equal
from octcluster.images.keys import image_key, image_key_of_file
from octcluster.images.metadata import remove_metadata
from octcluster.model.runs import EmbeddingSpace
from octcluster.model.server_info import Embedding, too_many_bytes
from octcluster.workflows.keyed_images import KeyedImages, MeasureTable
from octcluster.workflows.stages import Stages

_READERS = 8
_FILES_AT_ONCE = 16
_KEYS_AT_ONCE = 4096
_MEASURES_PER_PUT = 256


def read_keys(images: Sequence[Scan], secret: bytes, on_progress: Callable[[int, int], None]) -> KeyedImages:
    """Computes the keys of scans, several at a time.

    Args:
        images: The scans.
        secret: The site's secret; see image_key.
        on_progress: Told the number of scans read and of all.

    Returns:
        The images with their keys.
    """
    keys = KeyColumn(len(images))
    unreadable = {position: image.fault for position, image in enumerate(images) if image.fault}

    def read(positions: Sequence[int]) -> list[tuple[int, bytes | str]]:
        return [(position, _read_key(images[position].path, secret)) for position in positions]

    plain = (p for p, image in enumerate(images) if image.number is None and not image.fault)
    scans = ((position, image) for position, image in enumerate(images) if image.number is not None)
    answers = chain(
        chain.from_iterable(map_concurrently(read, gather(plain, _FILES_AT_ONCE), _READERS)),
        decode_scans(scans, partial(image_key, secret=secret)),
    )
    for done, (position, answer) in enumerate(answers, start=1 + len(unreadable)):
        if isinstance(answer, bytes):
            keys[position] = answer
        else:
            unreadable[position] = str(answer)
        on_progress(done, len(images))
    return KeyedImages(images, keys, find_first_equal(keys), unreadable, bytearray(len(images)))


def _read_key(path: Path, secret: bytes) -> bytes | str:
    try:
        return image_key_of_file(path, secret)
    except OSError as error:
        return _unreadable(error)


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
        images.views = self._space.views
        work = self._find_missing(images)
        self._stages.begin("Embedding", len(work.missing), "images")
        report = self._clusterer.put_vectors(self._space, self._vectors(work))
        self._put_measures(work)
        for position in images.distinct_positions() if report.rejected else ():
            if (reason := report.rejected.get(images.keys[position])) is not None:
                images.embedded[position] = False
        for key, reason in report.rejected.items():
            images.failed[key] = f"the clusterer refused its vector: {reason}"
        images.refuse()

    def _find_missing(self, images: KeyedImages) -> "_Filling":
        """Asks the cache, for some images at a time, what it has of them."""
        space = self._embedder.info().measures
        if images.measures.names != space.names:
            images.measures = MeasureTable(len(images.images), space.names)
        work = _Filling(images, bytearray(len(images.images)), array("i"))
        for positions in gather(images.distinct_positions(), _KEYS_AT_ONCE):
            position_of = {images.keys[position]: position for position in positions}
            unknown = [key for key, position in position_of.items() if position not in images.measures]
            for key, packed in self._clusterer.get_vectors(space, unknown).items():
                images.measures[position_of[key]] = space.unpack(packed)
            for key in self._clusterer.find_missing(self._space, list(position_of)):
                work.without_vector[position_of[key]] = True
            work.missing.extend(
                position
                for position in positions
                if work.without_vector[position] or not images.is_measured(position)
            )
        return work

    def _vectors(self, work: "_Filling") -> Iterator[tuple[bytes, bytes]]:
        """Yields keys and vectors as they are ready; where the embedder itself failed, asks it again."""
        again = array("i")
        yield from self._embed(work, work.missing, again)
        yield from self._embed(work, again, None)

    def _embed(
        self, work: "_Filling", positions: Sequence[int], again: "array[int] | None"
    ) -> Iterator[tuple[bytes, bytes]]:
        space = self._space
        for position, result in self._embedder.embed_stream(
            self._read(work, positions), space.features, space.model, flip=space.flip, views=space.views
        ):
            if isinstance(result, Embedding):
                work.images.embedded[position] = True
                work.images.keep_measures(position, result.measures)
                work.unsaved_measures.append(position)
                if len(work.unsaved_measures) == _MEASURES_PER_PUT:
                    self._put_measures(work)
                yield work.images.keys[position], result.vector
            elif result.code == "internal" and again is not None:
                again.append(position)
                continue
            else:
                work.fail(position, result.message)
            self._count(work)

    def _read(self, work: "_Filling", positions: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        max_image_bytes = self._embedder.info().limits.max_image_bytes
        images = work.images.images

        def read(position: int) -> tuple[int, bytes | str]:
            return check(position, _read_image(images[position].path, max_image_bytes))

        def check(position: int, answer: bytes | UnreadableImage | str) -> tuple[int, bytes | str]:
            if not isinstance(answer, bytes):
                return position, str(answer)
            return position, _check_image(answer, work.images.keys[position], self._secret, max_image_bytes)

        plain = (position for position in positions if images[position].number is None)
        others = ((p, images[p]) for p in positions if images[p].number is not None)
        decoded = (check(position, answer) for position, answer in decode_scans(others, bytes))
        for position, answer in chain(map_concurrently(read, plain, _READERS), decoded):
            if isinstance(answer, bytes):
                yield position, answer
            else:
                work.fail(position, answer)
                self._count(work)

    def _put_measures(self, work: "_Filling") -> None:
        """Puts measures into the cache; a refused one is known here all the same."""
        space, images = self._embedder.info().measures, work.images
        positions, work.unsaved_measures = work.unsaved_measures, []
        self._clusterer.put_vectors(
            space, [(images.keys[position], space.pack(images.measures[position])) for position in positions]
        )

    def _count(self, work: "_Filling") -> None:
        work.done += 1
        self._stages.update(work.done, len(work.missing))


@dataclass
class _Filling:
    """One call of CacheFiller.fill: where to note what happens, and how far it is.

    Attributes:
        images: The images.
        without_vector: Whether the cache lacks the vector, by position.
        missing: Positions of the images to embed.
        unsaved_measures: Positions of those whose measures are not in the cache yet.
        done: Number of the missing ones that are settled.
    """

    images: KeyedImages
    without_vector: bytearray
    missing: "array[int]"
    unsaved_measures: list[int] = field(default_factory=list)
    done: int = 0

    def fail(self, position: int, reason: str) -> None:
        """Notes why an image has no vector; one that lacks only its measures remains good."""
        if self.without_vector[position]:
            self.images.failed[self.images.keys[position]] = reason


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
