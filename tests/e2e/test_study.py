"""``octcluster study`` as a person runs it: what it leaves, and that it goes on where it was."""

import csv
import json
from pathlib import Path

from small_study import MATRIX

from .conftest import FirstStudy, Octcluster


def test_a_study_leaves_its_files_and_is_quick_to_repeat(
    first_study: FirstStudy, octcluster: Octcluster, tmp_path: Path
) -> None:
    assert "vgg16, reduced: skipped, the weights of vgg16 are not on this machine" in first_study.printed
    assert "pixels, reduced" in first_study.printed
    with (first_study.out / "study.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["done"] * 6 + ["skipped"] * 6
    assert all(-1 <= float(row["silhouette"]) <= 1 and row["ari"] for row in rows[:6])
    assert {file.name for file in first_study.out.iterdir()} == {
        "study.csv",
        "study.json",
        "study.toml",
        "report.html",
    }

    again = octcluster(*first_study.arguments, "--out", tmp_path / "again", "--quiet")
    assert (again.returncode, again.stdout) == (0, "")
    record = json.loads((tmp_path / "again" / "study.json").read_text())
    assert record["parts"][0]["kept"] is True
    assert record["parts"][0]["images"]["embedded"] == 0
    tables = [(folder / "study.csv").read_bytes() for folder in (first_study.out, tmp_path / "again")]
    assert tables[0] == tables[1]


def test_a_matrix_with_a_fault_is_refused(oct_images: Path, octcluster: Octcluster, tmp_path: Path) -> None:
    (tmp_path / "matrix.toml").write_text(MATRIX.replace("kmeans", "kmeens"))
    done = octcluster("study", oct_images, "--out", tmp_path / "out", "--matrix", tmp_path / "matrix.toml")
    assert done.returncode == 2
    assert "experiment 1: algorithms: 'kmeens' is none of kmeans" in done.stderr
