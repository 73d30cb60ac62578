"""Looks at scans without any service: at their headers and, unless that is not wanted, at their pixels.

Each plain image is read once, in processes where there are many; those that are of equal size and begin alike
are read whole once more, to find equal files. Of scans in files that hold several, the header is what was
told when the file was opened; their pixels are decoded once.
"""

import os
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from octcluster.concurrency import map_concurrently
from octcluster.images.decoding import decode_scans
from octcluster.images.framing import measure_framing
from octcluster.images.headers import (
    ImageHeader,
    UnreadableImage,
    check_size,
    parse_header,
    read_head,
)
from octcluster.images.image_set import ImageSet
from octcluster.images.likeness import Fingerprint, find_likenesses
from octcluster.images.pixel_faults import FoundFault, find_faults
from octcluster.images.sketch import Sketch
from octcluster.model.progress import Progress
from octcluster.model.recipes import DEFAULT_RECIPE
from octcluster.model.results import NearDuplicate
from octcluster.workflows.description import Description
from octcluster.workflows.looks import (
    file_bytes,
    look_at,
    look_at_encoded,
    read_key,
    read_some,
    start_processes,
)
from octcluster.workflows.outcome import PixelReport
from octcluster.workflows.stages import Stages

R = TypeVar("R")

_READERS = 8
_FILES_AT_ONCE = 64
# Processes take half a second to start, and then wait for nobody's interpreter.
_LEAST_FOR_PROCESSES = 2000


def describe_images(
    image_set: ImageSet,
    progress: Progress,
    *,
    pixels: bool = True,
    headers: Mapping[Path, ImageHeader | UnreadableImage] | None = None,
) -> Description:
    """Reads the headers of all images, finds equal files, and images that look the same.

    Args:
        image_set: The images.
        progress: Told how far it is. Stages are "Headers" or "Pixels", "Scans", "Equal files" and
            "Comparing".
        pixels: Whether to decode the images, which takes several times as long: without, no images that only
            look the same are found, and no damaged pixels.
        headers: Those that are known already; see HeaderCollector.

    Returns:
        What was found.
    """
    with warnings.catch_warnings():
        # Pillow warns of damaged metadata, and of large images that it reads all the same.
        warnings.simplefilter("ignore")
        return _Job(image_set, Stages(progress), headers or {}).run(pixels=pixels)


class _Job:
    """One call of describe_images.

    Attributes:
        failures: Why an image is unusable, by position.
    """

    def __init__(
        self, image_set: ImageSet, stages: Stages, known: Mapping[Path, ImageHeader | UnreadableImage]
    ) -> None:
        self._image_set = image_set
        self._stages = stages
        self._known = known
        numbered = list(enumerate(image_set.images))
        self.failures = {position: image.fault for position, image in numbered if image.fault}
        self._plain = [at for at, image in numbered if image.number is None and not image.fault]
        self._scans = [(at, image) for at, image in numbered if image.number is not None]
        self._faults: dict[int, list[FoundFault]] = {}

    def run(self, *, pixels: bool) -> Description:
        """Does the work."""
        headers = self._describe_scans()
        fingerprints: dict[int, Fingerprint] | None = None
        keys: dict[int, bytes] = {}
        if pixels:
            found, fingerprints = self._look()
            scans_seen, keys = self._look_at_scans(headers)
            fingerprints |= scans_seen
        else:
            found = self._read_headers()
        copies = self._find_copies(found, keys)
        headers |= found
        alike = None if fingerprints is None else self._find_alike(fingerprints, copies)
        return Description(
            image_set=self._image_set,
            headers=[headers.get(position) for position in range(len(self._image_set.images))],
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
        good = [header for position, header in headers.items() if position not in self.failures]
        sizes = [(header.width, header.height, DEFAULT_RECIPE.views) for header in good]
        faults = [(images[each], found) for each in sorted(self._faults) for found in self._faults[each]]
        return PixelReport(faults, measure_framing(sizes))

    def _judge(self, position: int, header: ImageHeader, sketch: Sketch | None) -> None:
        """Notes what is wrong with an image, by its header alone if there is no sketch."""
        # Framed as the default recipe frames it; whether a retina is found, only embedding tells.
        levelled = int("retina" in DEFAULT_RECIPE.views)
        sizes = {"width": header.width, "height": header.height, "bits": header.bits}
        measures = {**sizes, "retina_found": levelled}
        found = find_faults(measures if sketch is None else {**measures, **sketch._asdict()})
        if found:
            self._faults[position] = found
        for fault in found:
            if fault.fault.refused:
                self.failures[position] = fault.sentence

    def _describe_scans(self) -> dict[int, ImageHeader]:
        """Headers of scans out of files that hold several."""
        sizes = {path: file_bytes(path) for path in {scan.path for _, scan in self._scans}}
        return {
            position: ImageHeader(
                scan.format or "",
                scan.facts.width,
                scan.facts.height,
                1,
                scan.facts.bits,
                sizes[scan.path],
                0,
            )
            for position, scan in self._scans
            if scan.facts is not None
        }

    def _read_headers(self) -> dict[int, ImageHeader]:
        headers, unknown = {}, []
        for position in self._plain:
            match self._known.get(self._image_set.images[position].path):
                case ImageHeader() as header:
                    headers[position] = header
                    self._judge_header(position, header)
                case UnreadableImage() as error:
                    self.failures[position] = str(error)
                case None:
                    unknown.append(position)
        for position, head in self._read("Headers", unknown, read_head):
            # In this thread, since it needs the interpreter, and the others wait for the disk.
            try:
                headers[position] = header = parse_header(head)
            except UnreadableImage as error:
                self.failures[position] = str(error)
            else:
                self._judge_header(position, header)
        return headers

    def _judge_header(self, position: int, header: ImageHeader) -> None:
        """Notes what the header of a plain image alone tells of faults."""
        try:
            check_size(header)
        except UnreadableImage as error:
            self.failures[position] = str(error)
        else:
            self._judge(position, header, None)

    def _look(self) -> tuple[dict[int, ImageHeader], dict[int, Fingerprint]]:
        """Headers and fingerprints of plain images."""
        workers = os.cpu_count() or 1
        pool = start_processes(workers) if len(self._plain) >= _LEAST_FOR_PROCESSES else None
        headers, fingerprints = {}, {}
        # One batch more for each than it works at, so that none waits for the next one.
        for position, look in self._read("Pixels", self._plain, look_at, 2 * workers, pool):
            headers[position] = look.header
            if look.pixels is None:
                self.failures[position] = look.fault
            else:
                fingerprints[position] = look.pixels.fingerprint
                self._judge(position, look.header, look.pixels.sketch)
        return headers, fingerprints

    def _look_at_scans(
        self, headers: Mapping[int, ImageHeader]
    ) -> tuple[dict[int, Fingerprint], dict[int, bytes]]:
        """Fingerprints and keys of scans out of files that hold several."""
        fingerprints: dict[int, Fingerprint] = {}
        keys: dict[int, bytes] = {}
        if not self._scans:
            return fingerprints, keys
        self._stages.begin("Scans", len(self._scans), "scans")
        with self._stages.timed("scans"):
            for done, (position, look) in enumerate(decode_scans(self._scans, look_at_encoded), start=1):
                if isinstance(look, UnreadableImage):
                    self.failures[position] = str(look)
                else:
                    pixels, keys[position] = look
                    fingerprints[position] = pixels.fingerprint
                    self._judge(position, headers[position], pixels.sketch)
                self._stages.update(done, len(self._scans))
        return fingerprints, keys

    def _find_copies(
        self, headers: Mapping[int, ImageHeader], keys_of_scans: Mapping[int, bytes]
    ) -> list[NearDuplicate]:
        """Files of equal size that begin alike are read whole; scans of several in a file have equal keys."""
        candidates = _gather({position: (h.file_bytes, h.head) for position, h in headers.items()})
        keys = dict(self._read("Equal files", [image for group in candidates for image in group], read_key))
        keys |= keys_of_scans
        return [NearDuplicate(first, other, 1.0) for first, *others in _gather(keys) for other in others]

    def _find_alike(
        self, fingerprints: Mapping[int, Fingerprint], copies: Sequence[NearDuplicate]
    ) -> list[NearDuplicate]:
        """Compares one image of each file content."""
        others = {copy.second_member for copy in copies}
        everything = range(len(self._image_set.images))
        self._stages.begin("Comparing", 0, "rows")
        with self._stages.timed("comparing"):
            different = [None if image in others else fingerprints.get(image) for image in everything]
            pairs = find_likenesses(different, self._stages.update)
        return [NearDuplicate(pair.first, pair.second, 1 - pair.difference) for pair in pairs]

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
            readers: Number of threads, or of batches that processes have at a time.
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
                [
                    (position, os.fspath(images[position].path))
                    for position in positions[start : start + _FILES_AT_ONCE]
                ]
                for start in starts
            )
            for answers in map_concurrently(partial(read_some, read), batches, readers, pool):
                for position, answer in answers:
                    if isinstance(answer, UnreadableImage):
                        self.failures[position] = str(answer)
                    else:
                        yield position, answer
                done += len(answers)
                self._stages.update(done, len(positions))


def _gather(values: dict[int, R]) -> list[list[int]]:
    """The positions that share a value with others, in order."""
    groups: dict[R, list[int]] = {}
    for position in sorted(values):
        groups.setdefault(values[position], []).append(position)
    return [positions for positions in groups.values() if len(positions) > 1]
