"""Looks at images without any service: at their headers and, unless that is not wanted, at their pixels.

Each file is read once, in processes where there are many; those that are of equal size and begin alike are
read whole once more, to find equal files.
"""

import multiprocessing
import os
import platform
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import NamedTuple, TypeVar

from octcluster.clients.concurrency import map_concurrently
from octcluster.images.framing import measure_framing
from octcluster.images.headers import ImageHeader, UnreadableImage, check_size, parse_header, read_head
from octcluster.images.image_set import ImageSet
from octcluster.images.keys import image_key_of_file
from octcluster.images.likeness import FINGERPRINT_BITS, find_likenesses, fingerprint
from octcluster.images.pixel_faults import FoundFault, find_faults
from octcluster.images.sketch import Sketch, draw_cells, measure_cells
from octcluster.model.progress import Progress
from octcluster.model.results import NearDuplicate
from octcluster.workflows.description import Description
from octcluster.workflows.outcome import PixelReport
from octcluster.workflows.stages import Stages

R = TypeVar("R")

_READERS = 8
_FILES_AT_ONCE = 64
# Processes take half a second to start, and then wait for nobody's interpreter.
_LEAST_FOR_PROCESSES = 2000


def describe_images(image_set: ImageSet, progress: Progress, *, pixels: bool = True) -> Description:
    """Reads the headers of all images, finds equal files, and images that look the same.

    Args:
        image_set: The images.
        progress: Told how far it is. Stages are "Headers" or "Pixels", "Equal files" and "Comparing".
        pixels: Whether to decode the images, which takes several times as long: without, no images that only
            look the same are found, and no damaged pixels.

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
        failures: Why an image is unusable, by position.
    """

    def __init__(self, image_set: ImageSet, stages: Stages) -> None:
        self._image_set = image_set
        self._stages = stages
        self.failures: dict[int, str] = {}
        self._faults: dict[int, list[FoundFault]] = {}

    def run(self, *, pixels: bool) -> Description:
        """Does the work."""
        everything = range(len(self._image_set.images))
        headers, fingerprints = self._look() if pixels else (self._read_headers(), None)
        copies = self._find_copies(headers)
        alike = None if fingerprints is None else self._find_alike(fingerprints, copies)
        return Description(
            image_set=self._image_set,
            headers=[headers.get(position) for position in everything],
            failures=dict(sorted(self.failures.items())),
            copies=copies,
            alike=alike,
            versions={name: version(name) for name in ("octcluster", "pillow")}
            | {"python": platform.python_version()},
            stage_seconds=dict(self._stages.seconds),
            pixels=self._report_pixels(headers),
        )

    def _report_pixels(self, headers: Mapping[int, ImageHeader]) -> PixelReport:
        images = self._image_set.images
        sizes = [(h.width, h.height) for position, h in headers.items() if position not in self.failures]
        faults = [(images[each], found) for each in sorted(self._faults) for found in self._faults[each]]
        return PixelReport(faults, measure_framing(sizes))

    def _judge(self, position: int, header: ImageHeader, sketch: Sketch | None) -> None:
        """Notes what is wrong with an image, by its header alone if there is no sketch."""
        measures = {"width": header.width, "height": header.height, "bits": header.bits}
        found = find_faults(measures if sketch is None else {**measures, **sketch._asdict()})
        if found:
            self._faults[position] = found
        for fault in found:
            if fault.fault.refused:
                self.failures[position] = fault.sentence

    def _read_headers(self) -> dict[int, ImageHeader]:
        headers = {}
        for position, head in self._read("Headers", range(len(self._image_set.images)), read_head):
            # In this thread, since it needs the interpreter, and the others wait for the disk.
            try:
                headers[position] = header = parse_header(head)
                check_size(header)
                self._judge(position, header, None)
            except UnreadableImage as error:
                self.failures[position] = str(error)
        return headers

    def _look(self) -> tuple[dict[int, ImageHeader], dict[int, int]]:
        """Headers and fingerprints."""
        everything = range(len(self._image_set.images))
        workers = os.cpu_count() or 1
        pool = _start_processes(workers) if len(everything) >= _LEAST_FOR_PROCESSES else None
        headers, fingerprints = {}, {}
        for position, look in self._read("Pixels", everything, _look_at, workers, pool):
            headers[position] = look.header
            if look.pixels is None:
                self.failures[position] = look.fault
            else:
                fingerprints[position] = look.pixels.fingerprint
                self._judge(position, look.header, look.pixels.sketch)
        return headers, fingerprints

    def _find_copies(self, headers: Mapping[int, ImageHeader]) -> list[NearDuplicate]:
        """Files of equal size that begin alike are read whole."""
        candidates = _gather({position: (h.file_bytes, h.head) for position, h in headers.items()})
        keys = dict(self._read("Equal files", [image for group in candidates for image in group], _read_key))
        return [NearDuplicate(first, other, 1.0) for first, *others in _gather(keys) for other in others]

    def _find_alike(
        self, fingerprints: Mapping[int, int], copies: Sequence[NearDuplicate]
    ) -> list[NearDuplicate]:
        """Compares one image of each file content."""
        others = {copy.second_member for copy in copies}
        everything = range(len(self._image_set.images))
        self._stages.begin("Comparing", 0, "columns")
        with self._stages.timed("comparing"):
            different = [None if image in others else fingerprints.get(image) for image in everything]
            pairs = find_likenesses(different, self._stages.update)
        return [
            NearDuplicate(pair.first, pair.second, 1 - pair.different_bits / FINGERPRINT_BITS)
            for pair in pairs
        ]

    def _read(
        self,
        stage: str,
        positions: Sequence[int],
        read: Callable[[Path], R],
        readers: int = _READERS,
        pool: Executor | None = None,
    ) -> Iterator[tuple[int, R]]:
        """Reads the files at the positions, some at a time in each of several threads or processes.

        Args:
            stage: Name of the stage.
            positions: Which files.
            read: Reads one.
            readers: Number of threads or processes.
            pool: The processes; None: threads.

        Yields:
            Position and what was read, in any order; a file that cannot be read is noted as a failure.
        """
        images = self._image_set.images
        if not positions:
            return
        self._stages.begin(stage, len(positions), "images")
        with self._stages.timed(stage.lower()):
            done = 0
            starts = range(0, len(positions), _FILES_AT_ONCE)
            batches = (
                [(position, images[position].path) for position in positions[start : start + _FILES_AT_ONCE]]
                for start in starts
            )
            for answers in map_concurrently(partial(_read_some, read), batches, readers, pool):
                for position, answer in answers:
                    if isinstance(answer, UnreadableImage):
                        self.failures[position] = str(answer)
                    else:
                        yield position, answer
                done += len(answers)
                self._stages.update(done, len(positions))


def _read_some(
    read: Callable[[Path], R], files: Sequence[tuple[int, Path]]
) -> list[tuple[int, R | UnreadableImage]]:
    """Reads some files; what is wrong with one is its answer."""
    answers: list[tuple[int, R | UnreadableImage]] = []
    for position, path in files:
        try:
            answers.append((position, read(path)))
        except UnreadableImage as error:
            answers.append((position, UnreadableImage(str(error))))  # without the frames that it came from
    return answers


class _Pixels(NamedTuple):
    """What an image's pixels tell."""

    sketch: Sketch
    fingerprint: int


class _Look(NamedTuple):
    """A header, and what the pixels tell or what is wrong with them."""

    header: ImageHeader
    pixels: _Pixels | None
    fault: str = ""


def _look_at(path: Path) -> _Look:
    head = read_head(path)
    header = parse_header(head)
    try:
        check_size(header)
        cells = draw_cells(path if head.is_cut else BytesIO(head.data))
    except UnreadableImage as error:
        return _Look(header, None, str(error))
    return _Look(header, _Pixels(measure_cells(cells), fingerprint(cells)))


def _start_processes(count: int) -> Executor:
    # Started anew and not forked, for the progress is shown by a thread.
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _prepare_process)


def _prepare_process() -> None:
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal it reaches all processes
    warnings.simplefilter("ignore")


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone, even killed: it would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
