"""New images in the clusters of a finished run: real images through real services."""

import os
import shutil
import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from known import known
from octcluster import (
    AssignOptions,
    ClustererClient,
    EmbeddingSpace,
    FinishedRun,
    ImageSet,
    InvalidImageSet,
    Member,
    Recipe,
    RequestRefused,
    RunNotFound,
    RunOptions,
    RunOutcome,
    RunSpec,
    Scan,
    SpaceMismatch,
    assign_images,
    find_run,
    run_images,
)
from octcluster.model.recipes import PLAIN_1
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.model_file import read_model
from octcluster.workflows.run_members import Seen
from processes import Server, running_service
from stores import started_store

from .conftest import Recorder

# For runs of which only the clusters are wanted, whatever they are.
CHEAPEST: dict[str, Any] = {"recipe": PLAIN_1, "umap": False, "stability_resamples": 0}


def halves(image_set: ImageSet) -> list[ImageSet]:
    """Every second image, and the others."""
    return [replace(image_set, images=image_set.images[start::2]) for start in (0, 1)]


def write(outcome: RunOutcome, folder: Path) -> Path:
    """The files of a run."""
    folder.mkdir()
    write_run_files(outcome, folder, {}, datetime.now(UTC))
    return folder


def test_a_run_in_its_folder_takes_new_images_without_its_cache(
    tmp_path: Path, cache_dir: Path, model_cache: Path, image_set: ImageSet, recorder: Recorder
) -> None:
    seen, _ = halves(image_set)
    secret = os.urandom(16)
    run = run_images(seen, RunOptions(cache_dir=cache_dir, key_secret=secret, **CHEAPEST), recorder)
    folder = write(run, tmp_path / "result")

    other_cache = tmp_path / "other"
    other_cache.mkdir()
    (other_cache / "models").symlink_to(model_cache)
    recorder.stages.clear()
    new = assign_images(
        find_run(str(folder)), image_set, AssignOptions(cache_dir=other_cache, key_secret=secret), recorder
    )
    assert recorder.stages == ["Reading", "Starting", "Embedding", "Assigning"]
    assert (new.embedded, new.cached, list(new.failures)) == (40, 0, [])
    assert list(new.members) == list(image_set.images)
    assert (new.model.run_id, new.space) == (run.spec.run_id, run.space)
    placed = dict(zip(new.members, new.placements.clusters, strict=True))
    assert [placed[member] for member in run.members] == list(run.assignments.clusters)
    assert new.placements.fitted_agreement == 1.0
    assert all(0 <= margin <= 1 for margin in new.placements.margins)
    of_run = set(run.members)
    patients = {member.patient for member in run.members} - {None}
    for member, kind in zip(new.members, new.seen, strict=True):
        known_patient = Seen.PATIENT if member.patient in patients else Seen.NO
        assert kind == (Seen.IMAGE if member in of_run else known_patient)


@pytest.fixture
def elsewhere(embedder: Server, clusterer: Server) -> dict[str, Any]:
    return {"embedder": embedder.address, "clusterer": clusterer.address, "key_secret": os.urandom(16)}


def test_another_clusterer_places_images_by_the_file_alone_as_the_one_of_the_run_does(
    tmp_path: Path, elsewhere: dict[str, Any], image_set: ImageSet, recorder: Recorder
) -> None:
    recipe = Recipe(features="blocks", flip=True)
    run = run_images(
        image_set, RunOptions(**elsewhere, recipe=recipe, umap=False, stability_resamples=0), recorder
    )
    by_id = assign_images(FinishedRun(run.spec.run_id), image_set, AssignOptions(**elsewhere), recorder)
    assert (by_id.space.features, by_id.space.flip) == ("blocks", True)
    assert by_id.cached == len(by_id.members) == 40
    assert set(by_id.seen) == {Seen.IMAGE}  # the clusterer still has the run, and so its keys
    assert not by_id.patients_known

    file = (write(run, tmp_path / "result") / "model.npz").rename(tmp_path / "deployed.npz")
    with (
        started_store("valkey") as store,
        running_service("octcluster_clusterer", "--redis-url", store.url) as other,
    ):
        options = AssignOptions(**{**elsewhere, "clusterer": other.address})
        by_file = assign_images(find_run(str(file)), image_set, options, recorder)
        assert by_file.placements == by_id.placements
        assert by_file.embedded == 40
        assert set(by_file.seen) == {Seen.UNKNOWN}
        assert by_file.model.class_of_cluster == {
            cluster: image_set.classes[index] for cluster, index in run.class_of_cluster.items()
        }

        wrong = read_model(file)
        strangers = replace(wrong, space=replace(wrong.space, digest=os.urandom(32)))
        with pytest.raises(
            SpaceMismatch, match=r"was made with efficientnet-lite0 \(features blocks, weights"
        ):
            assign_images(FinishedRun("0" * 32, model=strangers), image_set, options, recorder)
        damaged = replace(wrong, fitted=known(wrong.fitted)[:-100])
        with pytest.raises(RequestRefused, match=r"is damaged.* repeat the run"):
            assign_images(FinishedRun("0" * 32, model=damaged), image_set, options, recorder)


def test_eyes_are_placed_by_the_mean_of_their_scans(
    tmp_path: Path, elsewhere: dict[str, Any], image_set: ImageSet, recorder: Recorder
) -> None:
    run = run_images(image_set, RunOptions(**elsewhere, **CHEAPEST), recorder)
    clusters = dict(zip(run.members, run.assignments.clusters, strict=True))
    one_eye = [image for image in image_set.images if clusters[image] == 1]
    scans = [replace(image, patient="p", eye="OD", visit="v") for image in one_eye]
    shutil.copy(image_set.images[0].path, tmp_path / "single")
    single = replace(image_set.images[0], patient="q", eye="OS", root=tmp_path, name="single")
    outcome = assign_images(
        FinishedRun(run.spec.run_id),
        replace(image_set, images=[*scans, single]),
        AssignOptions(**elsewhere),
        recorder,
    )
    first, second = outcome.eyes
    assert first.eye.name == "patient p, OD, v"
    assert (first.cluster, sorted(first.eye.rows)) == (1, list(range(len(scans))))
    assert 0 < known(first.margin) <= 1
    # An eye of one scan lies where the scan does.
    assert (second.cluster, second.margin) == (
        outcome.placements.clusters[-1],
        outcome.placements.margins[-1],
    )


def test_bad_images_and_copies(
    tmp_path: Path, elsewhere: dict[str, Any], image_set: ImageSet, recorder: Recorder
) -> None:
    run = run_images(image_set, RunOptions(**elsewhere, **CHEAPEST), recorder)
    (tmp_path / "bad.png").write_bytes(b"no image")
    bad = Scan(tmp_path, "bad.png")
    one = image_set.images[0]
    for name in ("one.jpeg", "two.jpeg"):
        shutil.copy(one.path, tmp_path / name)
    copies = [replace(one, root=tmp_path, name=name) for name in ("one.jpeg", "two.jpeg")]
    images = ImageSet(tmp_path, [bad, *copies], "none")
    outcome = assign_images(FinishedRun(run.spec.run_id), images, AssignOptions(**elsewhere), recorder)
    assert [failure.image.name for failure in outcome.failures] == ["bad.png"]
    first, second = outcome.placements.clusters
    assert first == second == run.assignments.clusters[0]
    with pytest.raises(InvalidImageSet, match=r"none of the 1 images can be used.*\n.*bad\.png: "):
        assign_images(
            FinishedRun(run.spec.run_id), replace(images, images=[bad]), AssignOptions(**elsewhere), recorder
        )


def test_a_run_that_is_gone_is_to_be_done_again(
    elsewhere: dict[str, Any], image_set: ImageSet, recorder: Recorder
) -> None:
    run = run_images(image_set, RunOptions(**elsewhere, **CHEAPEST), recorder)
    with ClustererClient(elsewhere["clusterer"]) as client:
        client.delete(run.spec.run_id)
    with pytest.raises(RunNotFound, match="Repeat it with 'octcluster run'"):
        assign_images(FinishedRun(run.spec.run_id), image_set, AssignOptions(**elsewhere), recorder)


def test_a_run_of_another_model_is_refused(
    elsewhere: dict[str, Any], image_set: ImageSet, recorder: Recorder
) -> None:
    space = EmbeddingSpace("other-net", "00" * 32, "1", "pooled", "float32", 8, os.urandom(32))
    vectors = [(os.urandom(32), struct.pack("<8f", index, *[1] * 7)) for index in range(8)]
    with ClustererClient(elsewhere["clusterer"]) as client:
        client.put_vectors(space, vectors)
        run = client.start_run(
            RunSpec(space, min_clusters=2, max_clusters=2), [Member(key) for key, _ in vectors]
        )
        client.wait(run.run_id)
    with pytest.raises(
        SpaceMismatch, match=r"that of the run \(efficientnet-lite0\): use the embedder of the run"
    ):
        assign_images(FinishedRun(run.run_id), image_set, AssignOptions(**elsewhere), recorder)
