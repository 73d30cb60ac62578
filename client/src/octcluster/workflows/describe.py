"""Looks at images without any service: headers first, then, unless that is not wanted, pixels."""

import os
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from octcluster.concurrency import map_concurrently
from octcluster.description import Description
from octcluster.image_headers import ImageHeader, UnreadableImage, parse_header, read_head
from octcluster.image_keys import image_key_of_file
from octcluster.image_likeness import FINGERPRINT_BITS, find_likenesses, fingerprint
from octcluster.image_set import ImageSet
from octcluster.progress import Progress
from octcluster.results import NearDuplicate
from octcluster.workflows.stages import Stages

R = TypeVar("R")

_READERS = 8
_FILES_AT_ONCE = 64


def describe_images(image_set: ImageSet, progress: Progress, *, pixels: bool = True) -> Description:
    """Reads the headers of all images, finds equal files, and images that look the same.

    Args:
        image_set: The images.
        progress: Told how far it is. Stages are "Headers", "Equal files", "Pixels" and "Comparing".
        pixels: Whether to decode the images, which takes about ten times as long: without, no images that
            only look the same are found, and no damaged pixels.

    Returns:
        What was found.
    """
    with warnings.catch_warnings():
        # Pillow warns of damaged metadata, and of large images that it reads all the same.
        warnings.simplefilter("ignore")
        return _Job(image_set, Stages(progress)).run(pixels=pixels)


class _Job:
    """One call of describe_images.

    Attributes:
        failures: Why an image is of no use, by position.
    """

    def __init__(self, image_set: ImageSet, stages: Stages) -> None:
        self._image_set = image_set
        self._stages = stages
        self.failures: dict[int, str] = {}

    def run(self, *, pixels: bool) -> Description:
        """Does the work."""
        everything = range(len(self._image_set.images))
        headers: dict[int, ImageHeader] = {}
        for position, head in self._read("Headers", everything, read_head):
            # In this thread, since it needs the interpreter, and the others wait for the disk.
            try:
                headers[position] = parse_header(head)
            except UnreadableImage as error:
                self.failures[position] = str(error)
        copies = self._find_copies(headers)
        alike = self._find_alike(copies) if pixels else None
        return Description(
            image_set=self._image_set,
            headers=[headers.get(position) for position in everything],
            failures=dict(sorted(self.failures.items())),
            copies=copies,
            alike=alike,
            versions={name: version(name) for name in ("octcluster", "pillow")}
            | {"python": platform.python_version()},
            stage_seconds=dict(self._stages.seconds),
        )

    def _find_copies(self, headers: Mapping[int, ImageHeader]) -> list[NearDuplicate]:
        """Files of equal size that begin alike are read whole."""
        candidates = _gather({position: (h.file_bytes, h.head) for position, h in headers.items()})
        keys = dict(self._read("Equal files", [image for group in candidates for image in group], _read_key))
        return [NearDuplicate(first, other, 1.0) for first, *others in _gather(keys) for other in others]

    def _find_alike(self, copies: Sequence[NearDuplicate]) -> list[NearDuplicate]:
        """Decodes one image of each file content, and compares them."""
        first_of = {copy.second_member: copy.first_member for copy in copies}
        everything = range(len(self._image_set.images))
        different = [image for image in everything if image not in first_of and image not in self.failures]
        fingerprints = dict(self._read("Pixels", different, fingerprint, readers=os.cpu_count() or 1))
        self.failures |= {
            copy: self.failures[first] for copy, first in first_of.items() if first in self.failures
        }
        self._stages.begin("Comparing", 0, "columns")
        with self._stages.timed("comparing"):
            pairs = find_likenesses([fingerprints.get(image) for image in everything], self._stages.update)
        return [
            NearDuplicate(pair.first, pair.second, 1 - pair.different_bits / FINGERPRINT_BITS)
            for pair in pairs
        ]

    def _read(
        self, stage: str, positions: Sequence[int], read: Callable[[Path], R], readers: int = _READERS
    ) -> Iterator[tuple[int, R]]:
        """Reads the files at the positions, some at a time in each of several threads.

        Args:
            stage: Name of the stage.
            positions: Which files.
            read: Reads one.
            readers: Number of threads.

        Yields:
            Position and what was read, in any order; a file that cannot be read is noted as a failure.
        """
        images = self._image_set.images

        def read_some(start: int) -> list[tuple[int, R | UnreadableImage]]:
            answers: list[tuple[int, R | UnreadableImage]] = []
            for position in positions[start : start + _FILES_AT_ONCE]:
                try:
                    answers.append((position, read(images[position].path)))
                except UnreadableImage as error:
                    answers.append((position, error))
            return answers

        if not positions:
            return
        self._stages.begin(stage, len(positions), "images")
        with self._stages.timed(stage.lower()):
            done = 0
            for answers in map_concurrently(read_some, range(0, len(positions), _FILES_AT_ONCE), readers):
                for position, answer in answers:
                    if isinstance(answer, UnreadableImage):
                        self.failures[position] = str(answer)
                    else:
                        yield position, answer
                done += len(answers)
                self._stages.update(done, len(positions))


def _read_key(path: Path) -> bytes:
    try:
        return image_key_of_file(path)
    except OSError as error:
        raise UnreadableImage(f"the file cannot be read: {error.strerror or error}") from error


def _gather(values: dict[int, R]) -> list[list[int]]:
    """The positions that share a value with others, in order."""
    groups: dict[R, list[int]] = {}
    for position in sorted(values):
        groups.setdefault(values[position], []).append(position)
    return [positions for positions in groups.values() if len(positions) > 1]
