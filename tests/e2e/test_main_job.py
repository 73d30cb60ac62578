"""One command takes a folder of OCT images and leaves clusters, scores and a report."""

import csv
import json
import re
from pathlib import Path

import duckdb
import machine
import numpy as np
import pytest
from known import known
from octcluster.model.recipes import DEFAULT_RECIPE

from .conftest import Octcluster

PATIENT_NAME = re.compile(r"(CNV|DME|DRUSEN|NORMAL)-[0-9]+")


def image_names(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*.jpeg"))


def test_leaves_every_file_of_the_contract(first_run: Path) -> None:
    names = {"assignments.csv", "assignments.parquet", "scores.json", "model.npz", "report.html", "run.json"}
    if json.loads((first_run / "scores.json").read_text())["duplicates"]["pairs"]:
        names.add("duplicates.csv")
    if json.loads((first_run / "run.json").read_text())["faults"]:
        names.add("warnings.csv")
    assert {file.name for file in first_run.iterdir()} == names


def test_assigns_every_image(first_run: Path, oct_images: Path) -> None:
    with (first_run / "assignments.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert reader.fieldnames == ["image", "cluster", "label", "patient", "silhouette", "result_id"]
    assert [row["image"] for row in rows] == image_names(oct_images)
    assert {row["cluster"] for row in rows} == {"0", "1", "2", "3"}
    assert all(row["label"] == row["image"].split("/")[0] for row in rows)
    assert all(row["patient"] == row["image"].split("-")[1] for row in rows)
    assert all(-1 <= float(row["silhouette"]) <= 1 for row in rows)


def test_scores_match_the_assignments(first_run: Path) -> None:
    scores = json.loads((first_run / "scores.json").read_text())
    with (first_run / "assignments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    result = scores["results"][scores["chosen"]]
    assert (scores["images"], scores["failed"]) == (len(rows), 0)
    assert result["algorithm"] == DEFAULT_RECIPE.algorithms[0]
    assert (result["k"], result["clusters"], result["noise"]) == (4, 4, 0)
    table = result["contingency"]
    for name, counts in zip(table["classes"], table["counts"], strict=True):
        for cluster, count in zip(table["clusters"], counts, strict=True):
            assert count == sum(row["label"] == name and row["cluster"] == str(cluster) for row in rows)
    mean = sum(float(row["silhouette"]) for row in rows) / len(rows)
    assert result["silhouette"] == pytest.approx(mean, abs=1e-5)


def test_scores_say_how_far_to_trust_them(first_run: Path) -> None:
    scores = json.loads((first_run / "scores.json").read_text())
    result = scores["results"][scores["chosen"]]
    for name in ("accuracy", "ari", "ami", "purity"):
        low, high = result[f"{name}_interval"]
        # Phantoms are told apart without a fault, and then every redraw is, too.
        assert low < result[name] < high or low == result[name] == high == 1
    assert -0.5 <= result["stability"]["overall"] <= 1
    assert len(result["stability"]["clusters"]) == 4
    assert {association["name"] for association in result["associations"]} == {
        "class", "patient", "width", "height", "brightness", "white_border_share",
    }  # fmt: skip
    patients = {row["patient"] for row in csv.DictReader((first_run / "assignments.csv").open(newline=""))}
    assert scores["patients"]["known"] == len(patients)


def test_features_are_right(first_run: Path) -> None:
    machine.need(
        machine.real_images(), "the folder of real OCT images", "name it with OCTCLUSTER_TEST_IMAGES=FOLDER"
    )
    scores = json.loads((first_run / "scores.json").read_text())
    result = scores["results"][scores["chosen"]]
    # The study, whose network was fed the wrong range, had 0.306; chance is 0.25.
    assert result["accuracy"] >= 0.92
    assert result["ari"] >= 0.80
    information = {row["name"]: row["mutual_information"] for row in result["associations"]}
    for nuisance in ("width", "height", "brightness", "white_border_share"):
        assert information[nuisance] < information["class"] / 10


def test_the_table_has_every_image_with_its_places_on_the_maps(first_run: Path, oct_images: Path) -> None:
    table = known(duckdb.sql(f"SELECT * FROM '{first_run / 'assignments.parquet'}'")).fetchnumpy()
    assert list(table["image"]) == image_names(oct_images)
    assert all(np.isfinite(table[name]).all() for name in ("pca_x", "pca_y", "umap_x", "umap_y"))
    record = json.loads((first_run / "run.json").read_text())
    assert record["recipe"]["name"] == "consensus-3"
    assert record["stop_sign"] is None


def test_second_run_embeds_nothing_and_repeats_itself(
    first_run: Path, oct_images: Path, octcluster: Octcluster, tmp_path: Path
) -> None:
    # What is left out has no say in the clusters.
    done = octcluster("run", oct_images, "--out", tmp_path / "again", "--no-umap", "--stability", "0")
    assert done.returncode == 0, done.stderr
    counts = json.loads((tmp_path / "again" / "run.json").read_text())["counts"]
    assert (counts["embedded"], counts["cached"], counts["failed"]) == (0, len(image_names(oct_images)), 0)
    assert (tmp_path / "again" / "assignments.csv").read_bytes() == (
        first_run / "assignments.csv"
    ).read_bytes()


def test_report_names_no_patient_and_no_file(first_run: Path, oct_images: Path) -> None:
    report = (first_run / "report.html").read_text()
    assert not PATIENT_NAME.search(report)
    assert not [name for name in image_names(oct_images) if Path(name).name in report]
    assert str(oct_images) not in report


def test_range_of_k_and_pca(oct_images: Path, octcluster: Octcluster, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = octcluster(
        "run",
        oct_images,
        "--out",
        out,
        "-k",
        "2:6",
        "--recipe",
        "plain-1",
        "--pca",
        "0.95",
        "--algorithm",
        "kmeans,hdbscan",
        "--per-class",
        20,
        "--no-umap",
        "--stability",
        "0",
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads((out / "scores.json").read_text())
    assert [result["k"] for result in scores["results"]] == [2, 3, 4, 5, 6, None]
    # Noise counts as 0 in the choice, else the few in dense spots would beat a clustering of all.
    images = scores["images"]
    silhouettes = [result["silhouette"] * (1 - result["noise"] / images) for result in scores["results"]]
    assert scores["chosen"] == silhouettes.index(max(silhouettes))
    assert str(scores["results"][scores["chosen"]]["k"]) in scores["chosen_reason"]
