"""Puts the eyes of objects into the clusters of a finished run, by the two services.

    file of the spool ─ B-scans, by the client's readers ─▶ embedder ─▶ clusterer ─▶ cluster of each eye

The client sends pixels and image keys. File names, patients and all else of a header stay here.
"""

import contextlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from octcluster.images.image_set import ImageSet, Scan
from octcluster.images.sources import Contents, find_contents
from octcluster.model.errors import ExtraNotInstalled, InvalidImageSet, OctclusterError
from octcluster.model.progress import Silence
from octcluster.workflows.assign import VECTOR_LOST, AssignOptions, assign_images
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.outcome import AssignOutcome

from octcluster_gateway.errors import ServiceAway, Unprocessable
from octcluster_gateway.model import StoredFile

_ENDING = ".dcm"
_NO_SCANS = "it holds no B-scans"


@dataclass(frozen=True, slots=True)
class PlacedEye:
    """Where one eye of an object belongs; see ``model.EyeResult``."""

    eye: str | None
    scans: int
    failed_scans: int
    cluster: int
    margin: float
    outlier_share: float | None
    class_name: str | None


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of one object.

    Attributes:
        eyes: Its eyes.
        versions: Version by name of all that took part.
        left_out: Why it has no eyes, if it is of a kind that holds no B-scans; else empty.
        failure: Why it cannot be processed; empty: it is.
    """

    eyes: Sequence[PlacedEye] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    left_out: str = ""
    failure: str = ""


class Assigner:
    """Puts eyes into the clusters of one run.

    Args:
        run: The run.
        options: How the services are reached.
        folder: A folder of its own on the disk of the spool.
        note_keys: Is told the image keys of objects, by their numbers, before anything is sent.
        span: Makes a span of a trace of a block, with numbers.
    """

    def __init__(
        self,
        run: FinishedRun,
        options: AssignOptions,
        folder: Path,
        note_keys: Callable[[Sequence[tuple[int, bytes]]], None],
        span: Callable[..., AbstractContextManager[object]] = lambda *_, **__: nullcontext(),
    ) -> None:
        self._run = run
        self._folder = folder
        self._span = span
        self._options = replace(
            options,
            on_keys=lambda pairs: note_keys([(_number(scan.file_name), key) for scan, key in pairs]),
        )

    def assign(self, objects: Sequence[StoredFile]) -> dict[int, Placed]:
        """Places the eyes of objects.

        Args:
            objects: The objects.

        Returns:
            What became of each, by its number in the spool.

        Raises:
            ServiceAway: A service cannot do it now.
            Unprocessable: There are several objects, and none can be processed: try each by itself.
        """
        with self._span("assign objects", objects=len(objects)), self._linked(objects) as names:
            contents = find_contents(self._folder, sorted(names), Silence())
            scans = [_make_opaque(scan) for scan in sorted(contents.scans, key=lambda scan: scan.order)]
            placed = {
                spool_id: Placed(left_out=_NO_SCANS)
                for name, spool_id in names.items()
                if all(scan.file_name != name for scan in scans)
            }
            if scans:
                outcome = self._place(scans, contents, alone=len(objects) == 1)
                placed |= _sort_out(outcome, names, self._run)
            return placed

    def _place(self, scans: Sequence[Scan], contents: Contents, *, alone: bool) -> AssignOutcome:
        image_set = ImageSet(self._folder, scans, "none", formats=contents.formats)
        try:
            outcome = assign_images(self._run, image_set, self._options, Silence())
        except InvalidImageSet as error:
            # Behind its first line, it tells the first scans with their reasons.
            reason = str(error).partition("\n")[2].partition("\n")[0].partition(": ")[2] if alone else ""
            if reason == VECTOR_LOST:
                raise ServiceAway(reason) from None
            raise Unprocessable(reason or "none of its B-scans can be used") from None
        except ExtraNotInstalled as error:
            raise Unprocessable(str(error)) from None
        except OctclusterError as error:
            raise ServiceAway(f"{type(error).__name__}: {error}") from None
        if any(failure.reason == VECTOR_LOST for failure in outcome.failures):
            raise ServiceAway(VECTOR_LOST)
        return outcome

    @contextmanager
    def _linked(self, objects: Sequence[StoredFile]) -> Iterator[dict[str, int]]:
        """A folder with these files under names that say nothing; yields their numbers by name."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700)
        names = {}
        try:
            for stored in objects:
                name = f"{stored.instance.spool_id}{_ENDING}"
                (self._folder / name).hardlink_to(stored.path)
                names[name] = stored.instance.spool_id
            yield names
        finally:
            with contextlib.suppress(OSError):
                shutil.rmtree(self._folder)


def _number(file_name: str) -> int:
    return int(file_name.removesuffix(_ENDING))


def _make_opaque(scan: Scan) -> Scan:
    """A scan that tells its object in place of the patient: all its B-scans of one side are one eye."""
    eye = None if scan.facts is None else scan.facts.eye
    return replace(scan, patient=scan.file_name, eye=eye, visit=None, label=None, device=None)


def _sort_out(outcome: AssignOutcome, names: Mapping[str, int], run: FinishedRun) -> dict[int, Placed]:
    """What became of each object that has scans."""
    failed: dict[str, list[str]] = defaultdict(list)
    for failure in outcome.failures:
        failed[failure.image.file_name].append(failure.reason)
    eyes: dict[str, list[PlacedEye]] = defaultdict(list)
    for rows, cluster, margin in _list_eyes(outcome):
        scan = outcome.members[rows[0]]
        flags = [flag for row in rows if (flag := outcome.outliers[row]) is not None]
        eyes[scan.file_name].append(
            PlacedEye(
                eye=scan.eye,
                scans=len(rows),
                failed_scans=len(failed[scan.file_name]),
                cluster=cluster,
                margin=round(margin, 4),
                outlier_share=round(sum(flags) / len(flags), 4) if flags else None,
                class_name=outcome.model.class_of_cluster.get(cluster),
            )
        )
    placed = {names[name]: Placed(found, outcome.versions) for name, found in eyes.items()}
    for name, reasons in failed.items():
        if reasons and name not in eyes:
            placed[names[name]] = Placed(failure=reasons[0])
    return placed


def _list_eyes(outcome: AssignOutcome) -> Iterator[tuple[Sequence[int], int, float]]:
    """Rows, cluster and margin of each eye; if none has two scans, each scan is an eye.

    Raises:
        Unprocessable: An eye has too many B-scans for one request.
    """
    if not outcome.eyes:
        found = outcome.placements
        for row in range(len(outcome.members)):
            yield [row], found.clusters[row], found.margins[row]
    for placed in outcome.eyes:
        if placed.cluster is None or placed.margin is None:
            raise Unprocessable("an eye has too many B-scans for one request of the clusterer")
        yield placed.eye.rows, placed.cluster, placed.margin
