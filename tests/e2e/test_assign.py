"""One command groups some patients' images, another puts other patients' images into those groups."""

import csv
import json
from pathlib import Path

from .conftest import Octcluster


def write_lists(folder: Path, images: Path) -> tuple[Path, Path]:
    """Lists of the images of four patients in five, and of the others."""
    files = sorted(images.rglob("*.jpeg"))
    patients = sorted({file.stem.split("-")[1] for file in files})
    held_out = set(patients[::5])
    lists = folder / "seen.txt", folder / "unseen.txt"
    for path, wanted in zip(lists, (False, True), strict=True):
        chosen = [file for file in files if (file.stem.split("-")[1] in held_out) is wanted]
        path.write_text("".join(f"{file}\n" for file in chosen))
    return lists


def test_images_of_other_patients_are_assigned(
    oct_images: Path, octcluster: Octcluster, tmp_path: Path
) -> None:
    seen, unseen = write_lists(tmp_path, oct_images)
    done = octcluster(
        "run", seen, "--out", tmp_path / "run", "--labels", "folder", "--no-umap", "--stability", "2"
    )
    assert done.returncode == 0, done.stderr
    assert "95% interval" in done.stdout
    assert "Stability" in done.stdout

    # The cache folder is known from the run, and so are its images and patients.
    done = octcluster("assign", tmp_path / "run", unseen, "--out", tmp_path / "new", "--labels", "folder")
    assert done.returncode == 0, done.stderr
    assert "lie in the cluster that stands for it" in done.stdout
    assert "counted apart" not in done.stdout
    names = {path.name for path in (tmp_path / "new").iterdir()}
    # Real images may have patients with eyes, and one without a retina that can be told.
    assert names - {"eyes.csv", "warnings.csv"} == {
        "assignments.csv",
        "scores.json",
        "report.html",
        "assign.json",
    }
    with (tmp_path / "new" / "assignments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(unseen.read_text().splitlines())
    assert all(float(row["distance"]) >= 0 and row["outlier"] in "01" for row in rows)
    assert {(int(row["percentile"]) >= 99) is (row["outlier"] == "1") for row in rows} == {True}
    assert {row["seen"] for row in rows} == {""}
    scores = json.loads((tmp_path / "new" / "scores.json").read_text())
    classes = {int(cluster): name for cluster, name in scores["cluster_classes"].items()}
    right = sum(classes[int(row["cluster"])] == row["label"] for row in rows)
    assert scores["accuracy"] == right / len(rows)
    run = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["accuracy"] > run["results"][run["chosen"]]["accuracy"] - 0.15


def test_the_file_of_a_run_takes_images_without_its_folder_and_its_cache(
    first_run: Path, oct_images: Path, octcluster: Octcluster, model_cache: Path, tmp_path: Path
) -> None:
    with (first_run / "assignments.csv").open(newline="") as file:
        of_run = {row["image"]: row["cluster"] for row in csv.DictReader(file)}
    chosen = list(of_run)[:: max(1, len(of_run) // 12)]
    (tmp_path / "few.txt").write_text("".join(f"{oct_images / name}\n" for name in chosen))
    model, cache = tmp_path / "deployed.npz", tmp_path / "cache"
    model.write_bytes((first_run / "model.npz").read_bytes())
    cache.mkdir()
    (cache / "models").symlink_to(model_cache)
    out = tmp_path / "new"
    done = octcluster("assign", model, tmp_path / "few.txt", "--out", out, "--cache-dir", cache)
    assert done.returncode == 0, done.stderr
    assert "cannot be told: model.npz holds none" in done.stdout
    with (out / "assignments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    cluster_of = {Path(name).name: of_run[name] for name in chosen}
    same = sum(row["cluster"] == cluster_of[Path(row["image"]).name] for row in rows)
    assert len(rows) == len(chosen)
    assert same >= len(chosen) - 1  # the rule may differ from the run in a few images of a hundred
    assert json.loads((out / "assign.json").read_text())["counts"]["cached"] == 0
    model.write_bytes(model.read_bytes()[:-100])
    done = octcluster("assign", model, tmp_path / "few.txt", "--out", out, "--cache-dir", cache)
    assert done.returncode == 2
    assert "is damaged" in done.stderr
