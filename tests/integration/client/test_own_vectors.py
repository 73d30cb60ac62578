"""Runs of vectors that somebody brings, held against runs of the images that they are of."""

import csv
import json
from pathlib import Path

import numpy as np
import octcluster
import pytest
from octcluster import Run, SpaceMismatch
from octcluster.cli.main import main
from processes import Server

pytestmark = pytest.mark.heavy

OPTIONS = ["--no-umap", "--stability", "0", "--quiet"]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from octcluster.images.phantoms import write_phantoms

    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, images_per_class=8, seed=0)
    return folder


@pytest.fixture(scope="module")
def run(scans: Path, embedder: Server, clusterer: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose table has its vectors."""
    out = tmp_path_factory.mktemp("run") / "result"
    services = ["--embedder", embedder.address, "--clusterer", clusterer.address]
    assert main(["run", str(scans), "--out", str(out), "--vectors", *services, *OPTIONS]) == 0
    return out


@pytest.fixture(scope="module")
def own(run: Path, clusterer: Server) -> Path:
    """A run of that table."""
    out = run.with_name("own")
    table = str(run / "assignments.parquet")
    assert main(["run", table, "--out", str(out), "--clusterer", clusterer.address, *OPTIONS]) == 0
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
    own: Path, run: Path, scans: Path, embedder: Server, clusterer: Server
) -> None:
    of_images = octcluster.assign(own, scans, embedder=embedder.address, clusterer=clusterer.address)
    of_vectors = octcluster.assign(own, run / "assignments.parquet", clusterer=clusterer.address)
    assert of_vectors.outcome.embedded == 0
    assert of_images.outcome.placements.clusters == of_vectors.outcome.placements.clusters


def test_vectors_of_an_unknown_embedder(clusterer: Server, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 20)
    vectors = (rng.normal(0, 1, (3, 16))[truth] + rng.normal(0, 0.1, (60, 16))).astype(np.float32)
    found = octcluster.run(
        vectors,
        k=3,
        labels=[f"class {name}" for name in truth],
        clusterer=clusterer.address,
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
    assert main([*command, "--clusterer", clusterer.address]) == 0
    with (out / "assignments.csv").open() as file:
        placed = [int(row["cluster"]) for row in csv.DictReader(file)]
    assert placed == list(found.outcome.assignments.clusters)[::-1]
    command[1:2], command[4:5] = [str(tmp_path / "r" / "model.npz")], [str(tmp_path / "by-file")]
    assert main([*command, "--clusterer", clusterer.address]) == 0

    with pytest.raises(
        SpaceMismatch, match=r"own-vectors with 16 values .* these are of own-vectors with 15"
    ):
        octcluster.assign(tmp_path / "r", vectors[:, :15], clusterer=clusterer.address)


def test_the_recipe_is_that_of_the_model_of_the_vectors(own: Path) -> None:
    assert json.loads((own / "run.json").read_text())["recipe"]["name"] == "consensus-3"


def test_images_cannot_be_assigned_to_vectors_of_an_unknown_embedder(
    capsys: pytest.CaptureFixture[str], clusterer: Server, scans: Path, tmp_path: Path
) -> None:
    vectors = np.random.default_rng(0).normal(0, 1, (20, 4))
    octcluster.run(vectors, k=2, clusterer=clusterer.address, stability=0, umap=False, out=tmp_path / "r")
    with pytest.raises(
        SpaceMismatch, match="no embedder makes such: give the vectors of the new images, too"
    ):
        octcluster.assign(tmp_path / "r", scans, embedder="127.0.0.1:1", clusterer=clusterer.address)
    assert main(["assign", str(tmp_path / "r" / "model.npz"), str(scans), "--out", str(tmp_path / "a")]) == 1
    assert "no embedder makes such" in capsys.readouterr().err
