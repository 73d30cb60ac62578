"""New images in the clusters of a finished run: real images through real services."""

import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from octcluster import (
    AssignOptions,
    ClustererClient,
    EmbeddingSpace,
    ImageSet,
    InvalidImageSet,
    Member,
    Recipe,
    RunNotFound,
    RunOptions,
    RunSpec,
    Scan,
    SpaceMismatch,
    assign_images,
    run_images,
)
from processes import Server

from .conftest import Recorder


def halves(image_set: ImageSet) -> list[ImageSet]:
    """Every second image, and the others."""
    return [replace(image_set, images=image_set.images[start::2]) for start in (0, 1)]


def test_a_run_in_the_cache_folder_takes_new_images(
    cache_dir: Path, image_set: ImageSet, recorder: Recorder
) -> None:
    seen, unseen = halves(image_set)
    secret = os.urandom(16)
    run = run_images(
        seen, RunOptions(cache_dir=cache_dir, key_secret=secret, umap=False, stability_resamples=0), recorder
    )
    options = AssignOptions(cache_dir=cache_dir, key_secret=secret, classes=image_set.classes)

    again = assign_images(run.spec.run_id, seen, options, recorder)
    assert (again.embedded, again.cached) == (0, 20)
    assert again.placements.clusters == run.assignments.clusters
    assert again.placements.fitted_agreement == 1.0
    assert all(distance >= 0 for distance in again.placements.distances)

    recorder.stages.clear()
    new = assign_images(run.spec.run_id, unseen, options, recorder)
    assert (new.embedded, new.cached, list(new.failures)) == (20, 0, [])
    assert list(new.members) == list(unseen.images)
    assert set(new.placements.clusters) <= {0, 1, 2, 3}
    assert all(0 <= margin <= 1 for margin in new.placements.margins)
    assert recorder.stages == ["Reading", "Starting", "Embedding", "Assigning"]
    assert (new.run_id, new.space) == (run.spec.run_id, run.space)


@pytest.fixture
def elsewhere(embedder: Server, clusterer: Server) -> dict[str, Any]:
    return {"embedder": embedder.address, "clusterer": clusterer.address, "key_secret": os.urandom(16)}


def test_the_features_are_those_of_the_run(
    elsewhere: dict[str, Any], image_set: ImageSet, recorder: Recorder
) -> None:
    recipe = Recipe(features="blocks", flip=True)
    run = run_images(
        image_set, RunOptions(**elsewhere, recipe=recipe, umap=False, stability_resamples=0), recorder
    )
    outcome = assign_images(run.spec.run_id, image_set, AssignOptions(**elsewhere), recorder)
    assert (outcome.space.features, outcome.space.flip) == ("blocks", True)
    assert outcome.cached == len(outcome.members) == 40


def test_bad_images_and_copies(
    tmp_path: Path, elsewhere: dict[str, Any], image_set: ImageSet, recorder: Recorder
) -> None:
    run = run_images(image_set, RunOptions(**elsewhere, umap=False, stability_resamples=0), recorder)
    (tmp_path / "bad.png").write_bytes(b"no image")
    bad = Scan(tmp_path / "bad.png", "bad.png")
    one = image_set.images[0]
    images = ImageSet(tmp_path, [bad, replace(one, name="one.jpeg"), replace(one, name="two.jpeg")], "none")
    outcome = assign_images(run.spec.run_id, images, AssignOptions(**elsewhere), recorder)
    assert [failure.image.name for failure in outcome.failures] == ["bad.png"]
    first, second = outcome.placements.clusters
    assert first == second == run.assignments.clusters[0]
    with pytest.raises(InvalidImageSet, match=r"none of the 1 images can be used.*\n.*bad\.png: "):
        assign_images(run.spec.run_id, replace(images, images=[bad]), AssignOptions(**elsewhere), recorder)


def test_a_run_that_is_gone_is_to_be_done_again(
    elsewhere: dict[str, Any], image_set: ImageSet, recorder: Recorder
) -> None:
    run = run_images(image_set, RunOptions(**elsewhere, umap=False, stability_resamples=0), recorder)
    with ClustererClient(elsewhere["clusterer"]) as client:
        client.delete(run.spec.run_id)
    with pytest.raises(RunNotFound, match="Repeat it with 'octcluster run'"):
        assign_images(run.spec.run_id, image_set, AssignOptions(**elsewhere), recorder)


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
        assign_images(run.run_id, image_set, AssignOptions(**elsewhere), recorder)
