"""A study through real services: every cell once, what was done kept, what cannot be done told."""

import csv
import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from known import known
from octcluster import ClustererClient, ImageSet, LocalStackError, Recipe, RunOptions, run_images
from octcluster.outputs.study.files import write_study_files
from octcluster.workflows.study import PartState, StudyOptions, StudyOutcome, run_study
from octcluster.workflows.study_file import read_matrix
from octcluster.workflows.study_matrix import StudyMatrix
from processes import Server, running_service
from stores import Store

from .conftest import Recorder

MATRIX = """
title = "Small"

[features.grey]
model = "pixels"
features = "pixels"

[features.vgg]
model = "vgg16"

[preparations.plain]
l2_normalize = false

[preparations.reduced]
l2_normalize = false
pca = 0.95
whiten = true

[preparations.many]
pca = 0.99

[[experiments]]
features = ["grey"]
preparations = ["plain"]
algorithms = ["kmeans", "hdbscan"]
k = "2:3"

[[experiments]]
features = ["vgg", "grey"]
preparations = ["reduced"]
algorithms = ["kmeans"]
k = 4

[[experiments]]
features = ["grey"]
preparations = ["many"]
algorithms = ["kmeans"]
k = 41

[[published]]
source = "somebody"
features = ["grey"]
preparations = ["plain"]
algorithm = "kmeans"
silhouettes = { 2 = 0.349 }
k = 3
accuracy = 0.5
counts = [[1, 2, 3], [4, 5, 6]]
classes = ["one", "two"]
"""


@pytest.fixture
def matrix(tmp_path: Path) -> StudyMatrix:
    (tmp_path / "matrix.toml").write_text(MATRIX)
    return read_matrix(tmp_path / "matrix.toml")


@pytest.fixture
def elsewhere(pixel_embedder: Server, clusterer: Server) -> StudyOptions:
    return StudyOptions(
        embedder=pixel_embedder.address, clusterer=clusterer.address, key_secret=os.urandom(16)
    )


def ignore(outcome: StudyOutcome) -> None:
    pass


def test_every_cell_is_done_or_says_why_not(
    tmp_path: Path, matrix: StudyMatrix, elsewhere: StudyOptions, image_set: ImageSet, recorder: Recorder
) -> None:
    seen: list[int] = []
    outcome = run_study(image_set, matrix, elsewhere, recorder, lambda part: seen.append(len(part.parts)))
    assert seen == [1, 2, 3, 4]
    assert [part.state for part in outcome.parts] == ["done", "skipped", "done", "failed"]
    first, vgg, _, many = outcome.parts
    assert 'does not serve the model "vgg16": choose pixels' in vgg.reason
    assert "at least 41 are needed" in many.reason

    write_study_files(outcome, tmp_path, {}, datetime.now(UTC))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "study.csv").read_text())))
    assert [(row["algorithm"], row["k"], row["state"]) for row in rows] == [
        ("kmeans", "2", "done"),
        ("kmeans", "3", "done"),
        ("hdbscan", "", "done"),
        ("kmeans", "4", "skipped"),
        ("kmeans", "4", "done"),
        ("kmeans", "41", "failed"),
    ]
    assert [row["published_silhouette"] for row in rows] == ["0.349", "", "", "", "", ""]
    assert [row["published_accuracy"] for row in rows] == ["", "0.5", "", "", "", ""]
    document = json.loads((tmp_path / "study.json").read_text())
    assert document["complete"] is True
    assert document["cells"][1]["published"]["contingency"]["counts"] == [[1, 2, 3], [4, 5, 6]]
    assert sum(map(sum, document["cells"][0]["contingency"]["counts"])) == 40
    assert set(document["parts"][0]["components_needed"]) == {"0.90", "0.95", "0.99"}
    assert (tmp_path / "study.toml").read_text() == MATRIX

    # A cell is what a run of the same settings finds.
    part = first.part
    options = RunOptions(
        model="pixels",
        embedder=elsewhere.embedder,
        clusterer=elsewhere.clusterer,
        key_secret=elsewhere.key_secret,
        recipe=Recipe("", "pixels", False, part.preparation, ("kmeans",)),
        min_clusters=3,
        max_clusters=3,
        stability_resamples=0,
        umap=False,
    )
    alone = run_images(image_set, options, recorder)
    assert alone.cached == 40
    assert str(alone.result.results[0].scores.silhouette.value) == rows[1]["silhouette"]


def test_a_study_that_was_interrupted_goes_on_where_it_was(
    matrix: StudyMatrix, elsewhere: StudyOptions, image_set: ImageSet, recorder: Recorder
) -> None:
    def interrupt(outcome: StudyOutcome) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(image_set, matrix, elsewhere, recorder, interrupt)
    with ClustererClient(known(elsewhere.clusterer)) as client:
        runs_before = {run.run_id for run in client.list_runs()}
    outcome = run_study(image_set, matrix, elsewhere, recorder, ignore)
    done = [part for part in outcome.parts if part.state is PartState.DONE]
    assert [part.kept for part in done] == [True, False]
    assert [known(part.outcome).spec.run_id in runs_before for part in done] == [True, False]
    assert [known(part.outcome).embedded for part in done] == [0, 0]

    again = run_study(image_set, matrix, elsewhere, recorder, ignore)
    assert [part.kept for part in again.parts] == [True, False, True, False]
    first, last = outcome.parts[2].outcome, again.parts[2].outcome
    assert (known(first).result, known(first).assignments) == (known(last).result, known(last).assignments)


def test_a_run_that_was_cancelled_is_done_again(
    matrix: StudyMatrix, elsewhere: StudyOptions, image_set: ImageSet, recorder: Recorder
) -> None:
    class Impatient(Recorder):
        def stage(self, name: str, total: int, unit: str) -> None:
            super().stage(name, total, unit)
            if name.startswith("1 of 4: grey, plain") and "Embedding" not in name:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(image_set, matrix, elsewhere, Impatient(), ignore)
    outcome = run_study(image_set, matrix, elsewhere, recorder, ignore)
    assert outcome.parts[0].state is PartState.DONE


def test_a_run_that_is_cancelled_late_is_done_again_by_the_study_that_joined_it(
    matrix: StudyMatrix,
    elsewhere: StudyOptions,
    image_set: ImageSet,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = replace(matrix.parts[1], algorithms=("gmm", "spectral", "agglomerative"), min_clusters=2)
    slow = replace(slow, feature_set=matrix.parts[0].feature_set, max_clusters=39)
    matrix = replace(matrix, parts=(slow,))
    left: list[str] = []

    class Impatient(Recorder):
        def stage(self, name: str, total: int, unit: str) -> None:
            super().stage(name, total, unit)
            if "Embedding" not in name and name.startswith("1 of 1"):
                raise KeyboardInterrupt

    class Late(Recorder):
        def stage(self, name: str, total: int, unit: str) -> None:
            super().stage(name, total, unit)
            if "Embedding" not in name and name.startswith("1 of 1") and left:
                with ClustererClient(known(elsewhere.clusterer)) as client:
                    client.cancel(left.pop())

    monkeypatch.setattr("octcluster.workflows.run.cancel_run", lambda *which: left.append(which[-1]))
    with pytest.raises(KeyboardInterrupt):
        run_study(image_set, matrix, elsewhere, Impatient(), ignore)
    outcome = run_study(image_set, matrix, elsewhere, Late(), ignore)
    (part,) = outcome.parts
    assert part.state is PartState.DONE, part.reason
    assert not part.kept
    assert not left


def test_what_does_not_fit_the_clusterers_memory_is_told_before_it_is_embedded(
    matrix: StudyMatrix,
    pixel_embedder: Server,
    store: Store,
    image_set: ImageSet,
    recorder: Recorder,
) -> None:
    copies = [
        replace(image, name=f"{'./' * turn}{image.name}") for turn in range(5) for image in image_set.images
    ]
    flags = ("--redis-url", store.url, "--memory-limit", "256MiB")
    with running_service("octcluster_clusterer", *flags) as small:
        options = StudyOptions(
            embedder=pixel_embedder.address, clusterer=small.address, key_secret=os.urandom(16)
        )
        outcome = run_study(replace(image_set, images=copies), matrix, options, recorder, ignore)
    assert [part.state for part in outcome.parts] == ["failed", "skipped", "failed", "failed"]
    assert "--memory-limit" in outcome.parts[0].reason
    assert "Embedding" not in recorder.totals


def test_another_seed_or_other_images_are_another_run(
    matrix: StudyMatrix, elsewhere: StudyOptions, image_set: ImageSet, recorder: Recorder
) -> None:
    def run_ids(images: ImageSet, options: StudyOptions) -> set[str]:
        outcome = run_study(images, matrix, options, recorder, ignore)
        return {part.outcome.spec.run_id for part in outcome.parts if part.outcome}

    ids = [
        run_ids(image_set, elsewhere),
        run_ids(image_set, replace(elsewhere, seed=1)),
        run_ids(replace(image_set, images=image_set.images[1:]), elsewhere),
    ]
    assert len(set.union(*ids)) == 6


def test_weights_that_are_not_at_hand_are_named_before_the_start(
    matrix: StudyMatrix,
    cache_dir: Path,
    tmp_path: Path,
    image_set: ImageSet,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    options = StudyOptions(cache_dir=cache_dir)
    outcome = run_study(image_set, matrix, options, recorder, ignore)
    assert [part.state for part in outcome.parts] == ["done", "skipped", "done", "failed"]
    assert f"and put it here as {tmp_path}/keras/models/vgg16" in outcome.parts[1].reason
    assert any("skipped" in message for message in recorder.messages)


def test_an_unknown_model_is_told(tmp_path: Path, image_set: ImageSet, recorder: Recorder) -> None:
    (tmp_path / "matrix.toml").write_text(MATRIX.replace('"vgg16"', '"vgg17"'))
    with pytest.raises(LocalStackError, match="'vgg17' is no model"):
        run_study(image_set, read_matrix(tmp_path / "matrix.toml"), StudyOptions(), recorder, ignore)
