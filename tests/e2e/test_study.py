"""``octcluster study`` as a person runs it: what it leaves, and that it goes on where it was."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from explorers import running_explorer
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


def test_a_combination_of_a_study_is_explored_as_a_run(first_study: FirstStudy, tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(first_study.out, study)
    cells = json.loads((study / "study.json").read_text())["cells"]
    number = next(
        row for row, cell in enumerate(cells, start=1) if (cell["algorithm"], cell["k"]) == ("kmeans", 3)
    )
    for _ in range(2):  # the second time it is there
        with running_explorer(study, "--cell", number) as explorer:
            state = explorer.state()
            explorer.do(kind="name", group="c0", name="first")
    assert state["groups"][0]["name"] == "first"
    sizes = [sum(column) for column in zip(*cells[number - 1]["contingency"]["counts"], strict=True)]
    assert [group["images"] for group in state["groups"]] == sizes
    scores = json.loads((study / "cells" / str(number) / "scores.json").read_text())["results"][0]
    for name in ("k", "silhouette", "accuracy", "ari"):
        assert scores[name] == pytest.approx(cells[number - 1][name], abs=1e-6), name


@pytest.mark.parametrize("cell", [[], ["--cell", 99]])
def test_a_study_is_explored_by_a_row_of_its_table(
    cell: list[object], first_study: FirstStudy, octcluster: Octcluster
) -> None:
    refused = octcluster("explore", first_study.out, "--no-browser", *cell)
    assert refused.returncode == 2
    assert "combinations: name one by its row of study.csv (--cell N, from 1 to" in refused.stderr
    assert not (first_study.out / "cells").exists()


def test_a_combination_that_was_not_done_is_refused_with_its_reason(
    first_study: FirstStudy, octcluster: Octcluster
) -> None:
    refused = octcluster("explore", first_study.out, "--no-browser", "--cell", 12)
    assert refused.returncode == 2
    assert "was not done: " in refused.stderr
    assert "vgg16" in refused.stderr
