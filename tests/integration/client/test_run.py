"""The whole job: real images through real services."""

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from known import known
from octcluster import (
    ClustererClient,
    ImageSet,
    Recipe,
    RequestRefused,
    RunOptions,
    RunState,
    Scan,
    TooFewImages,
    run,
    run_images,
)
from octcluster.model.recipes import PLAIN_1
from octcluster.workflows.run import Job
from processes import Server, running_service
from stores import Store, started_store

from .conftest import Recorder


@pytest.fixture
def elsewhere(embedder: Server, clusterer: Server) -> RunOptions:
    """Services that run already; a secret of its own gives each test keys of its own.

    The recipe is the cheapest: few of these tests ask for another one.
    """
    return RunOptions(
        recipe=PLAIN_1,
        embedder=embedder.address,
        clusterer=clusterer.address,
        key_secret=os.urandom(16),
        umap=False,
        stability_resamples=0,
    )


def test_the_second_run_embeds_nothing_and_finds_the_same(
    cache_dir: Path, image_set: ImageSet, recorder: Recorder, elsewhere: RunOptions
) -> None:
    few = replace(image_set, images=image_set.images[::2])
    options = RunOptions(cache_dir=cache_dir, key_secret=elsewhere.key_secret, stability_resamples=2)
    first = run_images(few, options, recorder)
    assert (first.embedded, first.cached, list(first.failures)) == (20, 0, [])
    assert recorder.stages[:3] == ["Reading", "Starting", "Embedding"]
    assert recorder.done["Embedding"] == recorder.totals["Embedding"] == 20
    assert list(first.members) == list(few.images)
    assert len(first.assignments.clusters) == 20
    assert len(first.assignments.umap_x) == len(first.assignments.umap_y) == 20
    assert set(first.stage_seconds) == {"reading", "starting", "embedding", "clustering", "fetching"}
    assert first.runtime.startswith("openvino")
    assert known(first.result.results[0].contingency).class_indices == [0, 1, 2, 3]

    second = run_images(few, options, recorder)
    assert (second.embedded, second.cached) == (0, 20)
    assert second.assignments == first.assignments
    third = run_images(few, replace(elsewhere, recipe=None), recorder)
    assert third.assignments.clusters == first.assignments.clusters
    assert (list(third.assignments.umap_x), third.result.umap_missing_reason) == ([], "")


def test_one_call_gives_frames_files_and_vectors(
    tmp_path: Path, elsewhere: RunOptions, image_set: ImageSet
) -> None:
    services = {name: getattr(elsewhere, name) for name in ("embedder", "clusterer", "key_secret")}
    options: dict[str, Any] = {**services, "recipe": "plain-1", "umap": False, "vectors": True}
    found = run(image_set.root, k=(2, 3), per_class=5, out=tmp_path, **options)
    assert found.scores["k"].tolist() == [2, 3]
    assert sorted(found.assignments["label"].value_counts()) == [5, 5, 5, 5]
    table = pd.read_parquet(tmp_path / "assignments.parquet")
    assert table["cluster"].tolist() == found.assignments["cluster"].tolist()
    assert np.stack(table["vector"]).shape == (20, 1280)
    with ClustererClient(known(elsewhere.clusterer)) as client:
        keys = [bytes.fromhex(key) for key in table["image_key"]]
        stored = client.get_vectors(found.outcome.space, keys)
    np.testing.assert_array_equal(np.frombuffer(stored[keys[7]], dtype="<f4"), table["vector"][7])


def test_bad_images_are_failures_and_copies_count_as_cached(
    tmp_path: Path, image_set: ImageSet, recorder: Recorder, elsewhere: RunOptions
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    files = [Path(shutil.copy(image.path, folder)) for image in image_set.images[:8]]
    files.append(Path(shutil.copy(files[0], folder / "z-copy.jpeg")))
    for name, data in (
        ("a-empty.jpeg", b""),
        ("b-text.jpg", b"text"),
        ("c-cut.jpeg", files[1].read_bytes()[:5000]),
    ):
        (folder / name).write_bytes(data)
        files.append(folder / name)
    files.append(folder / "d-gone.jpeg")
    images = [Scan(path.parent, path.name) for path in sorted(files)]
    outcome = run_images(ImageSet(folder, images, "none"), replace(elsewhere, max_clusters=4), recorder)
    assert (outcome.embedded, outcome.cached) == (8, 1)
    assert [failure.image.name[0] for failure in outcome.failures] == ["a", "b", "c", "d"]
    assert all(failure.reason for failure in outcome.failures)
    assert "cannot be read" in outcome.failures[3].reason
    bad = [failure.image for failure in outcome.failures]
    assert list(outcome.members) == [image for image in images if image not in bad]
    assert outcome.embedded + outcome.cached + len(outcome.failures) == len(images)
    assert outcome.result.results[0].scores.accuracy.undefined_reason
    names = [image.name for image in outcome.members]
    copy = outcome.result.duplicates.pairs[0]
    assert (names[copy.second_member], copy.similarity) == ("z-copy.jpeg", 1.0)
    assert names[copy.first_member] == image_set.images[0].path.name


def test_fewer_good_images_than_clusters_are_told(
    tmp_path: Path, recorder: Recorder, elsewhere: RunOptions, image_set: ImageSet
) -> None:
    bad = tmp_path / "bad.jpeg"
    bad.write_bytes(b"no image")
    images = [*image_set.images[:2], Scan(bad.parent, "bad.jpeg")]
    few = ImageSet(tmp_path, images, "none")
    with pytest.raises(TooFewImages, match="2 of 3 images") as failure:
        run_images(few, replace(elsewhere, min_clusters=3, max_clusters=3), recorder)
    assert "bad.jpeg: " in str(failure.value)
    with pytest.raises(TooFewImages, match="0 images cannot make 4 clusters"):
        run_images(ImageSet(tmp_path, [], "none"), elsewhere, recorder)


def test_an_algorithm_that_finds_the_number_of_clusters_needs_no_image_for_each(
    elsewhere: RunOptions, image_set: ImageSet, recorder: Recorder
) -> None:
    recipe = Recipe(algorithms=("hdbscan",))
    options = replace(elsewhere, recipe=recipe, min_clusters=41, max_clusters=41, umap=False)
    outcome = run_images(image_set, options, recorder)
    assert len(outcome.members) == 40
    assert outcome.chosen.requested_clusters is None


def test_a_store_that_restarts_empty_in_the_middle_is_ridden_out(
    embedder: Server, image_set: ImageSet, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        started_store("valkey") as store,
        running_service("octcluster_clusterer", "--redis-url", store.url) as server,
    ):
        cluster = Job._cluster
        restarts: list[Job] = []

        def restart_store_first(job: Job) -> object:
            if not restarts:
                restarts.append(job)
                store.stop()
                threading.Timer(6, store.start).start()
            return cluster(job)

        monkeypatch.setattr(Job, "_cluster", restart_store_first)
        options = RunOptions(
            recipe=PLAIN_1,
            embedder=embedder.address,
            clusterer=server.address,
            umap=False,
            stability_resamples=0,
        )
        outcome = run_images(image_set, options, recorder)
    assert len(outcome.members) == 40
    assert (outcome.embedded, outcome.cached) == (40, 0)
    assert recorder.messages


def test_an_interrupted_run_is_cancelled_on_the_server(
    image_set: ImageSet, elsewhere: RunOptions, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octcluster.workflows.services._CANCEL_SECONDS", 30)

    class Impatient(Recorder):
        def stage(self, name: str, total: int, unit: str) -> None:
            super().stage(name, total, unit)
            if name in ("Loading", "Preparing", "Clustering"):
                raise KeyboardInterrupt

    slow = Recipe(algorithms=("spectral", "gmm", "agglomerative"))
    options = replace(elsewhere, recipe=slow, min_clusters=2, max_clusters=39)
    with ClustererClient(known(elsewhere.clusterer)) as client:
        before = {run.run_id for run in client.list_runs()}
        with pytest.raises(KeyboardInterrupt):
            run_images(image_set, options, Impatient())
        (run,) = [run for run in client.list_runs() if run.run_id not in before]
        assert list(client.watch(run.run_id))[-1].state is RunState.CANCELLED


def test_what_does_not_fit_the_clusterers_memory_is_told_before_it_is_embedded(
    elsewhere: RunOptions,
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
        options = replace(
            elsewhere,
            model="pixels",
            recipe=None,
            embedder=pixel_embedder.address,
            clusterer=small.address,
        )
        with pytest.raises(RequestRefused, match="--memory-limit of the clusterer"):
            run_images(replace(image_set, images=copies), options, recorder)
    assert "Embedding" not in recorder.stages


def test_a_run_that_fits_leaves_one_run_behind(
    elsewhere: RunOptions, image_set: ImageSet, recorder: Recorder
) -> None:
    def list_ids() -> set[str]:
        with ClustererClient(known(elsewhere.clusterer)) as client:
            return {run.run_id for run in client.list_runs()}

    before = list_ids()
    outcome = run_images(image_set, elsewhere, recorder)
    assert outcome.embedded == 40
    assert list_ids() - before == {outcome.spec.run_id}
