"""From image files to vectors in the cache: keys first, then a forward pass for what the cache lacks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from octcluster.clusterer_client import ClustererClient
from octcluster.concurrency import map_concurrently
from octcluster.embedder_client import EmbedderClient
from octcluster.image_keys import image_key, image_key_of_file
from octcluster.image_set import ImageFile
from octcluster.runs import EmbeddingSpace
from octcluster.services import too_many_bytes
from octcluster.workflows.stages import Stages

_READERS = 8


@dataclass
class KeyedImages:
    """The images of a job with their keys, and what is known about those without a vector.

    Attributes:
        images: The images, in the job's order.
        keys: Key of each image; None if its file could not be read.
        unreadable: Why, by position.
        failed: Why an image with this key has no vector.
        embedded: Keys whose vectors were computed in this job.
    """

    images: Sequence[ImageFile]
    keys: list[bytes | None]
    unreadable: dict[int, str] = field(default_factory=dict)
    failed: dict[bytes, str] = field(default_factory=dict)
    embedded: set[bytes] = field(default_factory=set)

    def good(self) -> list[tuple[ImageFile, bytes]]:
        """The images that have, or may still get, a vector."""
        pairs = zip(self.images, self.keys, strict=True)
        return [(image, key) for image, key in pairs if key is not None and key not in self.failed]

    def bad(self) -> list[tuple[ImageFile, str]]:
        """The other images, each with the reason."""
        found: list[tuple[ImageFile, str]] = []
        for position, (image, key) in enumerate(zip(self.images, self.keys, strict=True)):
            reason = self.unreadable.get(position) if key is None else self.failed.get(key)
            if reason is not None:
                found.append((image, reason))
        return found


def read_keys(
    images: Sequence[ImageFile], secret: bytes, on_progress: Callable[[int, int], None]
) -> KeyedImages:
    """Computes the keys of image files, several at a time.

    Args:
        images: The images.
        secret: The site's secret; see image_key.
        on_progress: Told the number of files read and of all.

    Returns:
        The images with their keys.
    """
    keyed = KeyedImages(images, [None] * len(images))

    def read(position: int) -> tuple[int, bytes | str]:
        try:
            return position, image_key_of_file(images[position].path, secret)
        except OSError as error:
            return position, _unreadable(error)

    for done, (position, answer) in enumerate(map_concurrently(read, range(len(images)), _READERS), start=1):
        if isinstance(answer, bytes):
            keyed.keys[position] = answer
        else:
            keyed.unreadable[position] = answer
        on_progress(done, len(images))
    return keyed


def _unreadable(error: OSError) -> str:
    return f"the file cannot be read: {error.strerror or error}"


class CacheFiller:
    """Brings the vectors of images into the cache; holds few images and vectors at a time."""

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

        What could not be embedded is noted in ``images.failed``, what was in ``images.embedded``.
        """
        files = {key: image.path for image, key in reversed(images.good())}
        missing = self._clusterer.find_missing(self._space, list(files))
        self._stages.begin("Embedding", len(missing), "images")
        work = _Filling(files, images, missing)
        report = self._clusterer.put_vectors(self._space, self._vectors(work))
        for key, reason in report.rejected.items():
            images.failed[key] = f"the clusterer refused its vector: {reason}"
            images.embedded.discard(key)

    def _vectors(self, work: "_Filling") -> Iterator[tuple[bytes, bytes]]:
        """Yields keys and vectors as they are ready; where the embedder itself failed, asks it again."""
        again: list[bytes] = []
        yield from self._embed(work, work.missing, again)
        yield from self._embed(work, again, None)

    def _embed(
        self, work: "_Filling", keys: Sequence[bytes], again: list[bytes] | None
    ) -> Iterator[tuple[bytes, bytes]]:
        images = self._read(work, keys)
        for key, result in self._embedder.embed_stream(images, self._space.features, self._space.model):
            if isinstance(result, bytes):
                work.images.embedded.add(key)
                yield key, result
            elif result.code == "internal" and again is not None:
                again.append(key)
                continue
            else:
                work.images.failed[key] = result.message
            self._count(work)

    def _read(self, work: "_Filling", keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
        max_image_bytes = self._embedder.info().limits.max_image_bytes

        def read(key: bytes) -> tuple[bytes, bytes | str]:
            return key, _read_image(work.files[key], key, self._secret, max_image_bytes)

        for key, answer in map_concurrently(read, keys, _READERS):
            if isinstance(answer, bytes):
                yield key, answer
            else:
                work.images.failed[key] = answer
                self._count(work)

    def _count(self, work: "_Filling") -> None:
        work.done += 1
        self._stages.update(work.done, len(work.missing))


@dataclass
class _Filling:
    """One call of CacheFiller.fill: the file of each key, where to note what happens, and how far it is."""

    files: Mapping[bytes, Path]
    images: KeyedImages
    missing: Sequence[bytes]
    done: int = 0


def _read_image(path: Path, key: bytes, secret: bytes, max_image_bytes: int) -> bytes | str:
    """The bytes of the image with this key, or why they cannot be had."""
    try:
        size = path.stat().st_size
        if size > max_image_bytes:
            return too_many_bytes(size, max_image_bytes).message
        data = path.read_bytes()
    except OSError as error:
        return _unreadable(error)
    return (
        data if image_key(data, secret) == key else "the file was changed while it was being read: run again"
    )
