"""Runs of vectors that somebody brings, held against runs of the images that they are of."""

import csv
import json
from pathlib import Path

import numpy as np
import octcluster
import pytest
from octcluster import Run, SpaceMismatch
from octcluster.cli.main import main

pytestmark = pytest.mark.heavy

OPTIONS = ["--no-umap", "--stability", "0", "--quiet"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    (folder / "models").symlink_to(model_cache)
    return folder


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from octcluster.images.phantoms import write_phantoms

    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, images_per_class=8, seed=0)
    return folder


@pytest.fixture(scope="module")
def run(scans: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose table has its vectors."""
    out = tmp_path_factory.mktemp("run") / "result"
    assert main(["run", str(scans), "--out", str(out), "--vectors", "--cache-dir", str(cache), *OPTIONS]) == 0
    return out


@pytest.fixture(scope="module")
def own(run: Path, cache: Path) -> Path:
    """A run of that table."""
    out = run.with_name("own")
    table = str(run / "assignments.parquet")
    assert main(["run", table, "--out", str(out), "--cache-dir", str(cache), *OPTIONS]) == 0
    return out


def rows(folder: Path) -> list[tuple[str, ...]]:
    """Image, cluster, label, patient and silhouette of each image."""
    with (folder / "assignments.csv").open() as file:
        return [tuple(row)[:5] for row in csv.reader(file)]


def test_the_vectors_of_a_run_give_its_clusters(run: Path, own: Path) -> None:
    assert rows(own) == rows(run)
    assert {file.name for file in own.iterdir()} >= {"report.html", "scores.json", "model.npz", "run.json"}
    assert "weights" in (own / "report.html").read_text()  # the embedder is known


def test_images_can_be_assigned_to_a_run_of_their_vectors(
    own: Path, run: Path, scans: Path, cache: Path
) -> None:
    of_images = octcluster.assign(own, scans, cache_dir=cache)
    of_vectors = octcluster.assign(own, run / "assignments.parquet", cache_dir=cache)
    assert of_vectors.outcome.embedded == 0
    assert of_images.outcome.placements.clusters == of_vectors.outcome.placements.clusters


def test_vectors_of_an_unknown_embedder(cache: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 20)
    vectors = (rng.normal(0, 1, (3, 16))[truth] + rng.normal(0, 0.1, (60, 16))).astype(np.float32)
    found = octcluster.run(
        vectors,
        k=3,
        labels=[f"class {name}" for name in truth],
        cache_dir=cache,
        stability=0,
        umap=False,
        out=tmp_path / "r",
    )
    assert isinstance(found, Run)
    assert found.outcome.recipe.name == "consensus-2"
    assert found.chosen.scores.accuracy.value == 1
    assert found.assignments["image"].tolist()[:2] == ["0000000", "0000001"]

    np.save(tmp_path / "new.npy", vectors[::-1])
    out = tmp_path / "new"
    command = ["assign", str(tmp_path / "r"), str(tmp_path / "new.npy"), "--out", str(out), "--quiet"]
    assert main([*command, "--cache-dir", str(cache)]) == 0
    with (out / "assignments.csv").open() as file:
        placed = [int(row["cluster"]) for row in csv.DictReader(file)]
    assert placed == list(found.outcome.assignments.clusters)[::-1]

    with pytest.raises(
        SpaceMismatch, match=r"own-vectors with 16 values .* these are of own-vectors with 15"
    ):
        octcluster.assign(tmp_path / "r", vectors[:, :15], cache_dir=cache)


def test_the_recipe_is_that_of_the_model_of_the_vectors(own: Path) -> None:
    assert json.loads((own / "run.json").read_text())["recipe"]["name"] == "consensus-3"


def test_images_cannot_be_assigned_to_vectors_of_an_unknown_embedder(
    cache: Path, scans: Path, tmp_path: Path
) -> None:
    vectors = np.random.default_rng(0).normal(0, 1, (20, 4))
    octcluster.run(vectors, k=2, cache_dir=cache, stability=0, umap=False, out=tmp_path / "r")
    with pytest.raises(
        SpaceMismatch, match="no embedder makes such: give the vectors of the new images, too"
    ):
        octcluster.assign(tmp_path / "r", scans, cache_dir=cache)
