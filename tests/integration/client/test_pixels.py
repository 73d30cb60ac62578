"""The pixel baseline through real services: any run and any assignment, from vectors of one byte a value."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
from octcluster import (
    AssignOptions,
    ClustererClient,
    FinishedRun,
    ImageSet,
    RunOptions,
    assign_images,
    run_images,
)
from octcluster.images.keys import image_key
from octcluster.model.recipes import PIXELS_1
from processes import Server

from .conftest import Recorder


def test_pixels_run_like_any_other_model(
    pixel_embedder: Server, clusterer: Server, image_set: ImageSet, recorder: Recorder
) -> None:
    services: dict[str, Any] = {
        "embedder": pixel_embedder.address,
        "clusterer": clusterer.address,
        "model": "pixels",
    }
    options = RunOptions(
        **services,
        key_secret=os.urandom(16),
        min_clusters=2,
        max_clusters=3,
        umap=False,
        stability_resamples=0,
    )
    outcome = run_images(image_set, options, recorder)
    assert outcome.runtime == "numpy CPU"
    assert (outcome.recipe, outcome.space.data_type, outcome.embedded) == (PIXELS_1, "uint8", 40)
    assert outcome.result.input_dimension == outcome.result.prepared_dimension == 22_500

    first = image_key(image_set.images[0].path.read_bytes(), options.key_secret)
    with ClustererClient(clusterer.address) as client:
        vector = client.get_vectors(outcome.space, [first])[first]
        assert client.put_vectors(outcome.space, [(first, vector * 4)]).rejected
    assert len(vector) == 22_500
    values = np.frombuffer(vector, np.uint8)
    assert 0 <= values.min() < 50 < values.max()
    assert [result.requested_clusters for result in outcome.result.results] == [2, 3]

    reduced = replace(PIXELS_1, preparation=replace(PIXELS_1.preparation, pca=0.95))
    again = run_images(image_set, replace(options, recipe=reduced), recorder)
    assert (again.embedded, again.cached) == (0, 40)
    assert 1 < again.result.prepared_dimension < 40
    assert sum(again.result.explained_variance_ratios[: again.result.prepared_dimension]) >= 0.95

    assigned = assign_images(
        FinishedRun(again.spec.run_id),
        image_set,
        AssignOptions(**services, key_secret=options.key_secret),
        recorder,
    )
    assert list(assigned.placements.clusters) == list(again.assignments.clusters)
