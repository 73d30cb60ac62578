"""Made-up outcomes of end-to-end runs, for tests of what is written and shown."""

import hashlib
import io
import os
import random
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from zipfile import ZipFile

from octcluster.images.eyes import gather_eyes
from octcluster.images.image_set import ImageSet, Scan
from octcluster.model.placements import Placements
from octcluster.model.recipes import PLAIN_1
from octcluster.model.results import (
    Assignments,
    Association,
    ClusteringResult,
    Contingency,
    Duplicates,
    DuplicateSearch,
    Interval,
    NearDuplicate,
    RunResult,
    Score,
    Scores,
    Stability,
)
from octcluster.model.run_model import RunModel
from octcluster.model.runs import EmbeddingSpace, Preparation, RunSpec
from octcluster.workflows.outcome import AssignOutcome, EyePlacement, Failure, RunOutcome
from octcluster.workflows.run_members import Seen

CLASSES = ("CNV", "DME", "DRUSEN", "NORMAL")
SPACE = EmbeddingSpace("efficientnet-lite0", "ab" * 32, "2", "pooled", "float32", 1280, bytes(range(32)))


def make_outcome(
    classes: tuple[str, ...] = CLASSES,
    images_per_class: int = 20,
    ks: tuple[int, ...] = (4,),
    failed: int = 0,
    noise: bool = False,
    ratings: Sequence[float | None] = (),
) -> RunOutcome:
    """A plausible outcome; paths and patients say "secret"; without classes no image has a label."""
    source = random.Random(5)
    images = [
        Scan(Path("/data/secret-folder"), name, label or None, f"secret{number % 7}")
        for label in classes or ("",)
        for number in range(images_per_class)
        for name in [f"{label}/{label}-secret{number % 7}-{number:05d}.jpeg"]
    ]
    images.sort(key=lambda image: image.name)
    image_set = ImageSet(
        Path("/data/secret-folder"), images, "folder" if classes else "none", ignored_files=2
    )
    failures = [Failure(image, "cannot decode: image file is truncated") for image in images[:failed]]
    members = images[failed:]
    clusters = [
        -1 if noise and row % 10 == 0 else _choose_cluster(source, image, classes)
        for row, image in enumerate(members)
    ]
    results = [
        replace(_make_result("kmeans", k, members, clusters, image_set.classes), rating=rating)
        for k, rating in zip(ks, ratings or [None] * len(ks), strict=True)
    ]
    if noise:
        results.append(_make_result("hdbscan", None, members, clusters, image_set.classes))
    chosen = len(results) - 1
    return RunOutcome(
        image_set=image_set,
        recipe=PLAIN_1,
        members=members,
        failures=failures,
        spec=RunSpec(SPACE, Preparation(pca=0.95), ("kmeans",), min(ks), max(ks), seed=7, run_id="0f" * 16),
        result=RunResult(
            results, chosen, f"it has the largest silhouette of {len(results)} results", 1280, 64,
            [0.5**i for i in range(1, 12)], {"loading": 0.01, "clustering": 0.25},
            Duplicates([], 0, 0.999),
        ),
        assignments=Assignments(
            image_keys=[hashlib.sha256(os.fsencode(image.name)).digest() for image in members],
            clusters=clusters,
            silhouettes=[None if cluster == -1 else source.uniform(-0.1, 0.4) for cluster in clusters],
            x=[source.gauss(2.0 * cluster, 1) for cluster in clusters],
            y=[source.gauss(cluster % 2, 1) for cluster in clusters],
            distances=[None if cluster == -1 else source.uniform(8, 12) for cluster in clusters],
        ),
        embedded=len(members) - 3,
        cached=3,
        versions={"octcluster": "0.1.0", "embedder": "0.1.0", "clusterer": "0.1.0", "python": "3.11.7"},
        runtime="openvino CPU",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        blas_kernels="openblas 0.3.30 Haswell",
        stage_seconds={"Reading": 0.5, "Embedding": 3.25},
        image_keys=[hashlib.sha256(os.fsencode(image.name)).digest() for image in members],
    )  # fmt: skip


def fit(outcome: RunOutcome) -> RunOutcome:
    """The outcome with what the clusterer fitted, as far as the client looks into it."""
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        archive.writestr("fitted.json", "{}")
        archive.writestr("rule.means.npy", bytes(range(200)))
    return replace(outcome, fitted=stream.getvalue())


def sample_silhouettes(outcome: RunOutcome) -> RunOutcome:
    """As of many images: every other one has a silhouette, of the last cluster only the first."""
    last = max(outcome.assignments.clusters)
    first = outcome.assignments.clusters.index(last)
    silhouettes = [
        value if row == first or (row % 2 == 0 and cluster != last) else None
        for row, (value, cluster) in enumerate(
            zip(outcome.assignments.silhouettes, outcome.assignments.clusters, strict=True)
        )
    ]
    score = Score(0.15, interval=Interval(0.125, 0.175), sampled_units=40)
    results = [
        replace(result, scores=replace(result.scores, silhouette=score)) for result in outcome.result.results
    ]
    return replace(
        outcome,
        result=replace(outcome.result, results=results),
        assignments=replace(outcome.assignments, silhouettes=silhouettes),
    )


def undefine(outcome: RunOutcome, reason: str) -> RunOutcome:
    """The same outcome with every score of every result undefined."""
    scores = Scores(**{field.name: Score(undefined_reason=reason) for field in fields(Scores)})
    results = [replace(result, scores=scores) for result in outcome.result.results]
    assignments = replace(outcome.assignments, silhouettes=[None] * len(outcome.members))
    return replace(outcome, result=replace(outcome.result, results=results), assignments=assignments)


def _choose_cluster(source: random.Random, image: Scan, classes: tuple[str, ...]) -> int:
    if image.label is None or source.random() < 0.4:
        return source.randrange(4)
    return classes.index(image.label) % 4


def _make_result(
    algorithm: str, k: int | None, members: list[Scan], clusters: list[int], classes: list[str]
) -> ClusteringResult:
    found = sorted(set(clusters))
    pairs = list(zip((image.label for image in members), clusters, strict=True))
    counts = [[pairs.count((name, cluster)) for cluster in found] for name in classes]
    value = 0.1 + 0.01 * (k or 0)
    known = Score(value) if classes else Score(undefined_reason="no image has a known class")
    scores = Scores(**{f.name: Score(value) if f.name == "silhouette" else known for f in fields(Scores)})
    return ClusteringResult(
        algorithm, k, len([cluster for cluster in found if cluster >= 0]), clusters.count(-1), scores,
        Contingency(list(range(len(classes))), found, counts) if classes else None, 0.25,
        [clusters.count(cluster) for cluster in found if cluster >= 0],
        {cluster: cluster for cluster in found if 0 <= cluster < len(classes)},
    )  # fmt: skip


def add_trust(outcome: RunOutcome) -> RunOutcome:
    """The outcome with intervals, stability, an audit and near-duplicates of the chosen result."""
    result = outcome.result
    chosen = result.results[result.chosen]
    scores = {
        name: score if score.value is None else replace(score, interval=Interval(score.value - 0.05, 0.875))
        for name, score in chosen.scores.items()
    }
    values = (("class", 0.625), ("patient", 0.125), ("width", 0.375), ("white_border_share", 0.0625))
    trusted = replace(
        chosen,
        scores=Scores(**scores),
        stability=Stability(Score(0.8125), [Score(0.9), Score(0.8), Score(0.7), Score(0.25)], 10),
        associations=[Association(name, value + 0.25, Score(value), 77) for name, value in values],
    )
    results = [trusted if index == result.chosen else one for index, one in enumerate(result.results)]
    duplicates = Duplicates([NearDuplicate(0, 5, 0.9999), NearDuplicate(1, 30, 0.9995)], 2, 0.999)
    return replace(outcome, result=replace(result, results=results, duplicates=duplicates))


def make_assign_outcome(failed: int = 0) -> AssignOutcome:
    """New images put into the clusters of make_outcome's run; cluster i stands for class i."""
    run = make_outcome()
    members = run.members[failed:]
    clusters = [CLASSES.index(image.label or "") for image in members]
    clusters[0] = (clusters[0] + 1) % 4
    count = len(members)
    return AssignOutcome(
        model=RunModel(
            run.spec.run_id, SPACE, [23, 23, 23, 23], dict.fromkeys(CLASSES, 23), dict(enumerate(CLASSES)),
            "consensus", "consensus-2", 7, "2026-05-04T03:02:01Z", run.versions, b"fitted",
            digest="cd" * 32,
        ),
        image_set=run.image_set,
        members=members,
        failures=[Failure(image, "cannot decode") for image in run.members[:failed]],
        placements=Placements(
            run.assignments.image_keys[failed:], clusters, [0.5] * count, [0.25] * count,
            [True] + [False] * (count - 1), [99] + [50] * (count - 1), 0.75,
        ),
        seen=[Seen.NO] * count,
        patients_known=True,
        eyes=[],
        embedded=count - 1,
        cached=1,
        versions=run.versions,
        stage_seconds={"assigning": 0.5},
    )  # fmt: skip


def show_eyes(outcome: AssignOutcome) -> AssignOutcome:
    """The same images as scans of two eyes of one patient and of one whose eye is not known."""
    third = len(outcome.members) // 3
    shown = [
        Scan(Path(), "a", patient="secret1", eye="OD"),
        Scan(Path(), "b", patient="secret1", eye="OS"),
        Scan(Path(), "c", patient="secret2"),
    ]
    members = []
    for row, image in enumerate(outcome.members):
        whose = shown[min(row // third, 2)]
        members.append(replace(image, patient=whose.patient, eye=whose.eye))
    placed = [(0, 0.75), (1, 0.05), (3, 0.5)]
    eyes = [
        EyePlacement(eye, cluster, margin)
        for eye, (cluster, margin) in zip(gather_eyes(members), placed, strict=True)
    ]
    return replace(outcome, members=members, eyes=eyes)


def search_in_buckets(outcome: RunOutcome, recall: Score, *, exceeded: bool = False) -> RunOutcome:
    """The outcome as if not all pairs had been compared in the search for near-duplicates."""
    search = DuplicateSearch(60, 8, recall, exceeded)
    duplicates = replace(outcome.result.duplicates, search=search)
    return replace(outcome, result=replace(outcome.result, duplicates=duplicates))
