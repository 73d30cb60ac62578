"""What a job leaves: everything that its output files are written from."""

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version

from octcluster.clients.clusterer import ClustererClient
from octcluster.images.eyes import ScannedEye
from octcluster.images.framing import Framing
from octcluster.images.image_set import ImageSet, Scan
from octcluster.images.leaks import Leaks, find_leaks
from octcluster.images.pixel_faults import FoundFault
from octcluster.model.placements import Placements
from octcluster.model.recipes import Recipe
from octcluster.model.results import Assignments, ClusteringResult, RunResult
from octcluster.model.run_model import RunModel
from octcluster.model.runs import EmbeddingSpace, RunSpec, Unit
from octcluster.workflows.result_id import RESULT_ID, digest_result
from octcluster.workflows.run_members import Seen

Mark = tuple[str, str]
"""Name and text of what each file of a job says of its run."""


@dataclass(frozen=True)
class Failure:
    """One image that has no vector, and why."""

    image: Scan
    reason: str


@dataclass(frozen=True)
class PixelReport:
    """What was found in the pixels of images.

    Attributes:
        faults: Images, sorted by name, each with a fault; an image may have several.
        framing: How much of the images is not looked at; None if their sizes are not known.
    """

    faults: Sequence[tuple[Scan, FoundFault]] = ()
    framing: Framing | None = None

    @property
    def warnings(self) -> list[tuple[Scan, FoundFault]]:
        """The faults of images that are used all the same."""
        return [(image, found) for image, found in self.faults if not found.fault.refused]


NO_PIXELS = PixelReport()


@dataclass(frozen=True)
class EyeClusters:
    """The eyes of a run that clustered eyes.

    Attributes:
        eyes: The eyes; row i of the assignments is eyes[i], and their rows are positions among the members.
        scan_clusters: The cluster that suits each member best by itself; None where the run kept no rule.
    """

    eyes: Sequence[ScannedEye]
    scan_clusters: Sequence[int | None]

    @cached_property
    def eye_of(self) -> list[int]:
        """For each member the position of its eye."""
        found = {row: number for number, eye in enumerate(self.eyes) for row in eye.rows}
        return [found[row] for row in range(len(found))]


@dataclass(frozen=True)
class SecondChoice:
    """The result whose number of clusters came second.

    Attributes:
        index: Index into RunResult.results.
        clusters: Cluster of each unit.
    """

    index: int
    clusters: Sequence[int]


def fetch_second(run_id: str, result: RunResult, clusterer: ClustererClient) -> SecondChoice | None:
    """Fetches the clusters of the result that came second; None if none did."""
    index = result.runner_up
    return None if index is None else SecondChoice(index, clusterer.assignments(run_id, index).clusters)


@dataclass(frozen=True)
class RunOutcome:
    """One finished end-to-end run.

    Attributes:
        image_set: All images that were asked for.
        recipe: How they were clustered.
        members: The images that were clustered, sorted by name.
        failures: The images that were not, sorted by name.
        spec: What the clusterer was asked to do.
        result: What it found; its duplicates have the copies of images, too.
        assignments: The clusters of the units in the chosen result.
        embedded: Number of distinct images (by key) that were embedded in this run.
        cached: Number of the other members: their vector was in the cache, or is that of an equal image. So
            embedded, cached and failed images are all images.
        versions: Version by name: ``octcluster``, ``embedder``, ``clusterer``, ``python``.
        runtime: The embedder's runtime and device, for example ``openvino CPU``.
        trace_id: The trace that the calls of the run belong to, where the servers export traces.
        blas_kernels: The clusterer's BLAS libraries and kernels; other ones may change the last decimals.
        stage_seconds: Wall-clock time by stage of the whole, in seconds, in the order they ran.
        pixels: What was found in the pixels of the images.
        vectors: Vector of each member (little-endian values), None where the cache has lost it; None if not
            asked for.
        eyes: The eyes, if these were clustered; None: each image was.
        image_keys: Key of each member.
        key_check: What tells the secret of these keys from others, see ``keys.check_of_secret``.
        fitted: What puts other images into the clusters, as the clusterer's file; None for
            ``result.fitted_missing_reason``.
        second: The result that came second, if the run chose among numbers of clusters by ratings.
        not_kept: Why the clusterer may not have the run and its vectors for long, for people; empty: it has.
    """

    image_set: ImageSet
    recipe: Recipe
    members: Sequence[Scan]
    failures: Sequence[Failure]
    spec: RunSpec
    result: RunResult
    assignments: Assignments
    embedded: int
    cached: int
    versions: Mapping[str, str]
    runtime: str
    trace_id: str
    blas_kernels: str
    stage_seconds: Mapping[str, float]
    pixels: PixelReport = NO_PIXELS
    vectors: Sequence[bytes | None] | None = None
    eyes: EyeClusters | None = None
    image_keys: Sequence[bytes] = ()
    key_check: str = ""
    fitted: bytes | None = None
    second: SecondChoice | None = None
    not_kept: str = ""

    @cached_property
    def result_id(self) -> str:
        """What all files of this result have in common; see ``digest_result``."""
        return digest_result(
            self.spec,
            self.unit,
            self.members,
            self.image_keys,
            [(failure.image.name, failure.reason) for failure in self.failures],
            self.assignments.clusters,
        )

    @property
    def mark(self) -> Mark:
        """What each row of its tables says."""
        return RESULT_ID, self.result_id

    @property
    def units(self) -> Sequence[Scan] | Sequence[ScannedEye]:
        """What was clustered: the images, or their eyes; row i of the assignments is units[i]."""
        return self.members if self.eyes is None else self.eyes.eyes

    @property
    def unit(self) -> Unit:
        """What one of the units is."""
        return "image" if self.eyes is None else "eye"

    @property
    def space(self) -> EmbeddingSpace:
        """Embedding space of the vectors."""
        return self.spec.space

    @property
    def chosen(self) -> ClusteringResult:
        """The result that the run chose; the assignments are its."""
        return self.result.results[self.result.chosen]

    @cached_property
    def class_sizes(self) -> list[int]:
        """Number of units of each known class, in the order of ``image_set.classes``."""
        sizes = Counter(unit.label for unit in self.units)
        return [sizes[name] for name in self.image_set.classes]

    @property
    def class_of_cluster(self) -> Mapping[int, int]:
        """Index of the class that each cluster of the chosen result stands for, if it stands for one."""
        return self.chosen.class_of_cluster

    @cached_property
    def leaks(self) -> Leaks:
        """Patients and near-duplicates in more than one class or split."""
        return find_leaks(self.members, self.result.duplicates)


@dataclass(frozen=True)
class EyePlacement:
    """An eye whose scans were put into the clusters of a run.

    Attributes:
        eye: The eye; its rows are positions among the members.
        cluster: Cluster of the mean vector of its scans; None: it has too many scans for one request.
        margin: Margin of that mean vector, 0 (torn) to 1; None with the cluster.
    """

    eye: ScannedEye
    cluster: int | None
    margin: float | None


@dataclass(frozen=True)
class AssignOutcome:
    """Images that were put into the clusters of a finished run.

    Attributes:
        model: The run.
        image_set: All images that were asked for.
        members: The images that were assigned, sorted by name; row i of the placements is members[i].
        failures: The images that were not, sorted by name.
        placements: Clusters of the members.
        seen: For each member, whether the run was made with it or with its patient.
        patients_known: Whether the patients of the run are known, so that they are recognized.
        eyes: The eyes that the members show; empty if none has two scans.
        embedded: Number of distinct images (by key) that were embedded in this job.
        cached: Number of the other members.
        versions: See RunOutcome.
        stage_seconds: See RunOutcome.
        pixels: See RunOutcome.
    """

    model: RunModel
    image_set: ImageSet
    members: Sequence[Scan]
    failures: Sequence[Failure]
    placements: Placements
    seen: Sequence[Seen]
    patients_known: bool
    eyes: Sequence[EyePlacement]
    embedded: int
    cached: int
    versions: Mapping[str, str]
    stage_seconds: Mapping[str, float]
    pixels: PixelReport = NO_PIXELS

    @property
    def space(self) -> EmbeddingSpace:
        """Embedding space of the vectors."""
        return self.model.space

    @cached_property
    def percentiles(self) -> list[int | None]:
        """The placements' percentiles; None where the cluster has one image of the run."""
        found = zip(self.placements.clusters, self.placements.percentiles, strict=True)
        return [value if self.model.cluster_sizes[cluster] > 1 else None for cluster, value in found]

    @cached_property
    def outliers(self) -> list[bool | None]:
        """The placements' outliers, None where there is no percentile."""
        found = zip(self.placements.outliers, self.percentiles, strict=True)
        return [None if percentile is None else flag for flag, percentile in found]

    @property
    def mark(self) -> Mark:
        """What each row of its tables says: the run that was followed."""
        return "run_id", self.model.run_id


def describe_versions(embedder: str, clusterer: str) -> dict[str, str]:
    """The versions of all that took part, by name; an empty one took no part."""
    found = {
        "octcluster": version("octcluster"),
        "embedder": embedder,
        "clusterer": clusterer,
        "python": platform.python_version(),
    }
    return {name: told for name, told in found.items() if told}
