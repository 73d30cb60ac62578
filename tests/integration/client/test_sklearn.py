"""Images through the embedder and the clusterer of scikit-learn, held against the run of the same images."""

from pathlib import Path
from typing import Any

import numpy as np
import octcluster
import pytest
from octcluster import InvalidImageSet
from octcluster.sklearn import ConsensusClusterer, OctEmbedder
from PIL import Image
from processes import Server
from sklearn.pipeline import make_pipeline

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    from octcluster.images.phantoms import write_phantoms

    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, images_per_class=6, seed=0)
    return sorted(folder.rglob("*.jpeg"))


def test_a_pipeline_gives_the_clusters_of_the_run(
    paths: list[Path], embedder: Server, clusterer: Server
) -> None:
    services: dict[str, Any] = {"embedder": embedder.address, "clusterer": clusterer.address}
    run = octcluster.run(paths, k=4, stability=0, umap=False, **services)
    transformer = OctEmbedder(**services)
    backwards = paths[::-1]
    vectors = transformer.fit_transform(backwards)
    assert vectors.shape == (len(paths), sum(transformer.part_dimensions_))
    own = ConsensusClusterer(4, clusterer=clusterer.address, parts=transformer.part_dimensions_)
    patients = [scan.patient for scan in run.outcome.members]
    found = own.fit_predict(vectors[::-1], groups=patients)
    np.testing.assert_array_equal(found, run.outcome.assignments.clusters)

    pipeline = make_pipeline(transformer, own)
    np.testing.assert_array_equal(
        pipeline.predict([*backwards[:3], backwards[0]]), [*found[::-1][:3], found[-1]]
    )

    with Image.open(paths[0]) as image:
        (of_pixels,) = transformer.transform([np.asarray(image)])
    of_file = vectors[-1]
    assert of_pixels @ of_file / np.linalg.norm(of_pixels) / np.linalg.norm(of_file) > 0.98

    broken = paths[0].with_name("broken.png")
    broken.write_bytes(paths[0].read_bytes()[:2000])
    with pytest.raises(InvalidImageSet, match=r"1 images cannot be used: leave them out\n  .*broken.png: "):
        transformer.transform([*paths, broken])
