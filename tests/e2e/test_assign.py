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

    # The cache folder is known from the run.
    done = octcluster("assign", tmp_path / "run", unseen, "--out", tmp_path / "new", "--labels", "folder")
    assert done.returncode == 0, done.stderr
    assert "lie in the cluster of that class" in done.stdout
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {"assignments.csv", "scores.json", "assign.json"}
    with (tmp_path / "new" / "assignments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(unseen.read_text().splitlines())
    assert all(float(row["distance"]) >= 0 and row["outlier"] in "01" for row in rows)
    scores = json.loads((tmp_path / "new" / "scores.json").read_text())
    classes = {int(cluster): name for cluster, name in scores["cluster_classes"].items()}
    right = sum(classes[int(row["cluster"])] == row["label"] for row in rows)
    assert scores["accuracy"] == right / len(rows)
    run = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["accuracy"] > run["results"][run["chosen"]]["accuracy"] - 0.15


def test_a_run_that_is_not_in_the_cache_is_to_be_done_again(
    first_run: Path, oct_images: Path, octcluster: Octcluster, models: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "cache"
    empty.mkdir()
    (empty / "models").symlink_to(models)
    done = octcluster("assign", first_run, oct_images, "--out", tmp_path / "new", "--cache-dir", empty)
    assert done.returncode == 1
    assert "Repeat it with 'octcluster run'" in done.stderr
